"""What is told at once: a server that is not there, a key that is missing, the first refusal, the first timeout."""

import itertools
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.api.asking import KEY, PATH, client, echo, jobs
from tests.faulty_server import FaultyServer, answers, fails, late, resets, serving_faulty, too_many
from urial.api import retrying
from urial.api.client import ApiClient, NoReplyError, StatusError
from urial.api.errors import NotReachedError, not_reached
from urial.api.servers import Server
from urial.records.model import Limits


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{unused.getsockname()[1]}/v1"


def test_a_server_that_is_not_there_is_named_at_once(nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    asking = ApiClient(nobody, KEY, Limits())
    started = time.monotonic()
    with pytest.raises(NotReachedError) as caught:
        asking.ask(PATH, {})
    port = nobody.split(":")[2].removesuffix("/v1")
    assert str(caught.value) == (
        f"{nobody}: no connection: [Errno 111] Connect call failed ('127.0.0.1', {port})\n"
        "  fix: start the server, or correct its address"
    )
    assert time.monotonic() - started < 5
    assert capsys.readouterr().err == ""


def test_of_many_jobs_the_first_one_ends_the_run(nobody: str) -> None:
    with pytest.raises(NotReachedError) as caught:
        list(ApiClient(nobody, KEY, Limits()).run(jobs(100)))
    assert caught.value.key is not None
    assert isinstance(caught.value, NoReplyError)


def test_a_name_that_is_not_known_is_no_connection() -> None:
    with pytest.raises(NotReachedError, match=r"no connection: .*[Nn]ame") as caught:
        ApiClient("https://no-such-host.invalid/v1", KEY, Limits()).ask(PATH, {})
    assert caught.value.fix == (
        f"check the network and the server's address; {KEY}, for its key, is not set in the environment either"
    )


def test_a_key_that_is_there_is_not_missed() -> None:
    assert (
        not_reached(Server("https://h/v1", KEY, key="sk-1"), "no").fix == "check the network and the server's address"
    )
    assert not_reached(Server("https://u:p@h/v1", KEY), "no").fix == "check the network and the server's address"


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("", f"set {KEY} in the environment"),
        ("sk-123456", f"correct {KEY} in the environment: the server refuses the key in it"),
    ],
)
def test_a_missing_key_is_named_after_one_attempt(monkeypatch: pytest.MonkeyPatch, key: str, fix: str) -> None:
    monkeypatch.setenv(KEY, key)
    with serving_faulty([fails(401, "no key")]) as server, pytest.raises(StatusError) as caught:
        list(client(server).run(jobs(100)))
    assert caught.value.fix == fix
    assert len(server.asked) <= 5


def test_a_server_that_goes_away_in_the_middle_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is stopped after the first reply, and started at the same address half a second later."""
    monkeypatch.setattr(retrying, "MAX_BACKOFF_SECONDS", 0.2)
    monkeypatch.setattr(retrying, "BACKOFF_SECONDS", 0.2)
    with serving_faulty(echo) as first:
        asking = client(first, concurrency=1, retries=100)
        run = asking.run(jobs(3))
        assert next(run).body == {"index": 0}
        port, url = first.server_address[1], first.url
    again: list[FaultyServer] = []

    def restart() -> None:
        server = FaultyServer(echo, port=port)
        again.append(server)
        server.serve_forever(poll_interval=0.02)

    timer = threading.Timer(0.5, restart)
    timer.start()
    try:
        assert [outcome.body for outcome in run] == [{"index": 1}, {"index": 2}]
    finally:
        timer.join(0.6)
        again[0].stop()
        timer.join()
    said = capsys.readouterr().err.splitlines()
    # However often it was tried.
    assert len(said) == 1
    assert said[0].startswith(f"{url}: the connection failed: ")
    assert said[0].endswith("; attempt 2 of 101; 1 request at a time")


def test_the_first_fault_of_each_kind_is_told_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    good = answers({})
    script = [too_many(), resets(), too_many(), resets(), late(0.5, good), fails(503, "busy"), good]
    with serving_faulty(script) as server:
        client(server, timeout_seconds=0.2).ask(PATH, {})
    one = "1 request at a time"
    assert capsys.readouterr().err.splitlines() == [
        f"{server.url}: status 429: slow down; attempt 2 of 9; {one}",
        f"{server.url}: the connection failed: [Errno 104] Connection reset by peer; attempt 3 of 9; {one}",
        f"{server.url}: no whole reply within 0.2 s; attempt 6 of 9, for up to 0 s, since it may be working still; {one}; "
        "for a slow server raise `timeout_seconds`, or lower `concurrency`",
    ]


def test_a_fault_that_lasts_is_told_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(retrying, "SECONDS_BETWEEN_NOTICES", 0.0)
    with serving_faulty([*itertools.repeat(too_many(), 3), answers({})]) as server:
        client(server).ask(PATH, {})
    assert [line.split("; ")[1] for line in capsys.readouterr().err.splitlines()] == [
        "attempt 2 of 9",
        "attempt 3 of 9",
        "attempt 4 of 9",
    ]


def test_what_is_given_up_is_told_by_its_error_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with serving_faulty([too_many()]) as server, pytest.raises(NoReplyError):
        client(server, retries=0).ask(PATH, {})
    assert capsys.readouterr().err == ""
