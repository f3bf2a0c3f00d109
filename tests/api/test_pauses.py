"""Retry-After: nobody asks before, and a wait that takes too long is none."""

import re
from collections.abc import Callable

import pytest

from tests.api.asking import PATH, client, echo, jobs
from tests.faulty_server import Asked, Reply, answers, http_date, late, sends, serving_faulty, too_many
from urial.api import retrying
from urial.api.client import NoReplyError


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (lambda: too_many("0.3"), 0.3),
        (lambda: too_many("1", status=503), 1),
        (lambda: sends(b"", 429, headers={"retry-after-ms": "300", "Retry-After": "60"}), 0.3),
        # Dates have whole seconds, so that the next but one is at least one away.
        (lambda: too_many(http_date(2)), 1),
    ],
)
def test_the_wait_that_is_asked_for_is_kept(reply: Callable[[], Reply], seconds: float) -> None:
    # Made when it is sent: a date would pass on a busy machine.
    with serving_faulty(lambda asked: answers({}) if asked.number else reply()) as server:
        client(server).ask(PATH, {})
    first, second = server.asked
    assert second.at - first.at >= seconds


def test_all_wait_when_one_is_told_to() -> None:
    def script(asked: Asked) -> Reply:
        if asked.number == 0:
            return too_many("0.6")
        return late(0.2, echo(asked)) if asked.number == 1 else echo(asked)

    with serving_faulty(script) as server:
        outcomes = list(client(server, concurrency=2).run(jobs(6)))
    assert len(outcomes) == 6
    assert len(server.asked) == 7
    # The second was under way already.
    assert all(asked.at - server.asked[0].at >= 0.6 for asked in server.asked[2:])


def test_a_wait_beyond_the_total_time_is_not_begun() -> None:
    with serving_faulty([too_many("3600")]) as server:
        with pytest.raises(NoReplyError) as caught:
            client(server).ask(PATH, {})
        said = re.sub(r"in \d+\.\d s", "in S s", str(caught.value)).partition("\n")[0]
        assert said == (
            f"{server.url}: no reply after 1 attempt in S s, the last: status 429: slow down, and it asks to wait 3600 s"
        )
    assert caught.value.cause == "status 429: slow down"
    assert len(server.asked) == 1


def test_requests_that_were_not_begun_outlast_a_wait_that_is_too_long_for_others() -> None:
    with serving_faulty(lambda asked: too_many("1") if asked.number == 0 else echo(asked)) as server:
        first, second = client(server, concurrency=1, total_seconds=0.5).run(jobs(2))
    assert isinstance(first.error, NoReplyError)
    assert second.body == {"index": 1}
    assert server.asked[1].at - server.asked[0].at >= 1


def test_a_long_wait_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(retrying, "LONG_PAUSE_SECONDS", 0.01)
    with serving_faulty(lambda asked: too_many("1") if asked.number < 1 else echo(asked)) as server:
        list(client(server).run(jobs(3)))
    said = capsys.readouterr().err.splitlines()
    assert said == [
        f"{server.url}: status 429: slow down; attempt 2 of 9; 2 requests at a time",
        f"{server.url} asks for a pause of 1 s",
    ]


def test_a_wait_of_nothing_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "BACKOFF_SECONDS", 1000)
    with serving_faulty([too_many("0"), too_many("-5"), too_many("soon"), answers({})]) as server:
        assert client(server).ask(PATH, {}) == {}
    assert len(server.asked) == 4
