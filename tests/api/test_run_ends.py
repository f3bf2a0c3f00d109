"""How a run ends before its jobs do: by its user, by its jobs, by the server. Nothing is left open."""

import asyncio
import gc
import signal
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.api.asking import PATH, client, echo, jobs
from tests.faulty_server import Asked, Handler, Reply, answers, fails, late, resets, serving_faulty
from urial.api.client import Job, NoReplyError, Outcome, StatusError
from urial.core.errors import UrialError

pytestmark = pytest.mark.usefixtures("nothing_is_left_open")


def test_an_error_of_the_jobs_ends_the_run() -> None:
    def broken() -> Iterator[Job[str]]:
        yield from jobs(2)
        raise KeyError("no such row")

    with serving_faulty(lambda asked: late(5, echo(asked))) as server, pytest.raises(KeyError, match="no such row"):
        list(client(server).run(broken()))


@pytest.mark.parametrize("body", [{"text": "\ud800"}, {"number": float("nan")}, {"value": object()}])
def test_a_body_that_is_no_json_is_named(body: dict[str, object]) -> None:
    reasons = (
        "\"'utf-8' codec can't encode character '\\\\ud800' in position 9: surrogates not allowed\"",
        "'Out of range float values are not JSON compliant",
        "'Object of type object is not JSON serializable'",
    )
    with serving_faulty(echo) as server, pytest.raises(UrialError) as caught:
        list(client(server).run([*jobs(1), Job("row 7", PATH, body)]))
    assert str(caught.value).startswith(
        tuple(f"the request 'row 7' cannot be sent as JSON: {item}" for item in reasons)
    )


@pytest.mark.parametrize("path", ["chat/completions", "http://evil.example/v1", "/é", "/a b", ""])
def test_only_paths_below_the_address_are_asked(path: str) -> None:
    with serving_faulty(echo) as server, pytest.raises(UrialError) as caught:
        list(client(server).run([Job("a", path, {})]))
    assert str(caught.value) == (f"{path!r} is no path below a server's address\n  expected: / and printable ASCII")
    assert server.asked == []


def test_closing_the_run_ends_what_is_under_way() -> None:
    with serving_faulty(lambda asked: echo(asked) if asked.number < 1 else late(30, echo(asked))) as server:
        run = client(server).run(jobs(100))
        assert next(run).error is None
        run.close()
        assert list(run) == []
        assert len(server.asked) <= 5


def test_an_abandoned_run_is_closed() -> None:
    with serving_faulty(lambda asked: echo(asked) if asked.number < 1 else late(30, echo(asked))) as server:
        next(client(server).run(jobs(100)))
        gc.collect()


def test_a_run_that_is_found_abandoned_while_another_goes_on_is_closed() -> None:
    first_only = [answers({}), late(30, answers({}))]
    with serving_faulty(first_only) as slow, serving_faulty(echo) as server:
        # In a cycle, which only the garbage collector ends.
        cycle: list[object] = [client(slow).run(jobs(100))]
        next(cycle[0])  # type: ignore[call-overload]
        cycle.append(cycle)
        del cycle

        async def another() -> int:
            gc.collect()
            return len(list(client(server).run(jobs(3))))

        assert asyncio.run(another()) == 3


@pytest.fixture
def _ctrl_c() -> Iterator[None]:
    """What a job in the background, as CI may be, has its children ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_ctrl_c")
def test_ctrl_c_ends_the_run() -> None:
    with serving_faulty(lambda asked: late(30, echo(asked))) as server:
        pressed = threading.Timer(0.3, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
        pressed.start()
        with pytest.raises(KeyboardInterrupt):
            list(client(server).run(jobs(100)))
        pressed.join()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_an_error_of_the_server_stops_the_run(status: int) -> None:
    with serving_faulty(lambda asked: fails(status) if asked.number == 0 else late(30, echo(asked))) as server:
        with pytest.raises(StatusError) as caught:
            list(client(server).run(jobs(100)))
        assert (caught.value.status, caught.value.message, caught.value.code) == (status, "no", None)
        assert caught.value.key is not None, "whose request it was"
        assert str(caught.value).startswith(f"{server.url}: status {status}: no")
    assert len(server.asked) <= 5


def test_what_was_answered_when_an_error_stops_the_run_is_not_lost() -> None:
    arrived, go, refused, replied = threading.Barrier(3), *(threading.Event() for _ in range(3))

    def after(event: threading.Event, then: Reply, done: threading.Event) -> Reply:
        def reply(handler: Handler, asked: Asked) -> None:
            event.wait(10)
            then(handler, asked)
            done.set()

        return reply

    def script(asked: Asked) -> Reply:
        arrived.wait(10)
        replies = (echo(asked), after(go, fails(401), refused), after(refused, echo(asked), replied))
        return replies[asked.body["index"]]

    found: list[Outcome[str]] = []
    with serving_faulty(script) as server:
        run = client(server).run(jobs(3))
        assert next(run).body == {"index": 0}
        go.set()
        replied.wait(10)
        with pytest.raises(StatusError):
            found.extend(run)
    assert [outcome.body for outcome in found] == [{"index": 2}]


def test_an_error_of_one_row_is_its_outcome() -> None:
    def script(asked: Asked) -> Reply:
        return fails(400, "filtered", "content_filter") if asked.body["index"] == 1 else echo(asked)

    with serving_faulty(script) as server:
        found = {item.key: item for item in client(server).run(jobs(3), lambda error: error.code == "content_filter")}
    error = found["job 1"].error
    assert isinstance(error, StatusError)
    assert (error.status, error.message, error.code, found["job 1"].body) == (400, "filtered", "content_filter", None)
    assert [found[f"job {index}"].body for index in (0, 2)] == [{"index": 0}, {"index": 2}]
    assert len(server.asked) == 3


def test_a_row_without_reply_is_its_outcome() -> None:
    with serving_faulty(lambda asked: resets() if asked.body["index"] == 1 else echo(asked)) as server:
        found = {item.key: item for item in client(server, retries=2).run(jobs(3))}
    assert isinstance(found["job 1"].error, NoReplyError)
    assert [found[f"job {index}"].body for index in (0, 2)] == [{"index": 0}, {"index": 2}]
    assert Counter(asked.body["index"] for asked in server.asked) == {0: 1, 1: 3, 2: 1}
