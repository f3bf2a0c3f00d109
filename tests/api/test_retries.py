"""What is asked again, how often, how long, and what it says when nothing helps."""

import re
from collections import Counter

import pytest

from tests.api.asking import PATH, client, echo, jobs
from tests.faulty_server import (
    Asked,
    Handler,
    Reply,
    answers,
    chat,
    closes,
    cut_off,
    drips,
    fails,
    late,
    page,
    resets,
    sends,
    serving_faulty,
    too_many,
    truncated,
)
from urial.api.client import NoReplyError, StatusError

GOOD = chat("Karmost.")
FIX = (
    "\n  fix: check that the server is running and can handle this load; lower concurrency, or raise timeout_seconds, "
    "total_seconds or retries"
)


def not_http(handler: Handler, _: Asked) -> None:
    handler.wfile.write(b"hello\r\n\r\n")
    handler.close_connection = True


# Each fault with the cause that is told when it never ends.
FAULTS: dict[str, tuple[Reply, str]] = {
    "408": (fails(408, "slow"), "status 408: slow"),
    "409": (fails(409, "locked"), "status 409: locked"),
    "429": (too_many(), "status 429: slow down"),
    "500": (answers({}, 500), "status 500"),
    "502 page": (page(502), "status 502: an HTML page"),
    "503 text": (sends(b"loading model", 503, "text/plain"), "status 503: loading model"),
    "529": (fails(529, "overloaded"), "status 529: overloaded"),
    "reset": (resets(), "the connection failed: [Errno 104] Connection reset by peer"),
    "closed": (closes(), "the connection failed: Server disconnected without sending a response."),
    "cut off": (
        cut_off(GOOD, sent=20),
        "the connection failed: peer closed connection without sending complete message body (received 20 bytes, "
        f"expected {len(str(GOOD).replace('None', 'null'))})",
    ),
    "truncated": (
        truncated({"choices": []}, sent=12),
        "a reply that is no JSON object: not valid JSON at character 13: Expecting value",
    ),
    "empty": (sends(b""), "a reply that is no JSON object: not valid JSON at character 1: Expecting value"),
    "no content": (sends(b"", 204), "a reply that is no JSON object: not valid JSON at character 1: Expecting value"),
    "page": (page(200), "a reply that is no JSON object: an HTML page"),
    "array": (answers([GOOD]), "a reply that is no JSON object: an array"),
    "twice": (sends(b'{"a": 1, "a": 2}'), "a reply that is no JSON object: key 'a' twice in one object"),
    "NaN": (sends(b'{"a": NaN}'), "a reply that is no JSON object: NaN is no JSON"),
    "utf-16": (sends('{"a": 1}'.encode("utf-16")), "a reply that is no JSON object: invalid UTF-8 at byte 0"),
    "gzip": (
        sends(b"{}", headers={"Content-Encoding": "gzip"}),
        "the connection failed: Error -3 while decompressing data: incorrect header check",
    ),
    "not HTTP": (
        not_http,
        "the connection failed: illegal status line: bytearray(b'hello')",
    ),
    "drip": (drips(GOOD), "no whole reply within 1 s"),
    "silence": (late(60, answers(GOOD)), "no whole reply within 1 s"),
}  # fmt: skip
ENDLESS = ("drip", "silence")


@pytest.mark.parametrize("fault", FAULTS)
def test_what_may_pass_is_asked_again(fault: str) -> None:
    with serving_faulty([FAULTS[fault][0], answers(GOOD)]) as server:
        assert client(server, timeout_seconds=1 if fault in ENDLESS else 30).ask(PATH, {"a": 1}) == GOOD
    assert [asked.data for asked in server.asked] == [b'{"a":1}'] * 2


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_pass_is_given_up(fault: str) -> None:
    reply, cause = FAULTS[fault]
    with serving_faulty([reply]) as server:
        with pytest.raises(NoReplyError) as caught:
            client(server, retries=1, timeout_seconds=1 if fault in ENDLESS else 30).ask(PATH, {})
        seconds = re.search(r" in (\d+\.\d) s", str(caught.value))
        assert seconds
        assert str(caught.value) == (
            f"{server.url}: no reply after 2 attempts in {seconds[1]} s, the last: {cause}{FIX}"
        )
    assert caught.value.cause == cause
    assert len(server.asked) == 2


@pytest.mark.parametrize("status", [300, 304, 400, 401, 402, 403, 404, 405, 410, 413, 415, 422])
def test_what_does_not_change_is_asked_once(status: int) -> None:
    with serving_faulty([fails(status)]) as server, pytest.raises(StatusError) as caught:
        client(server).ask(PATH, {})
    assert caught.value.status == status
    assert len(server.asked) == 1


def test_no_retries_is_one_attempt() -> None:
    with serving_faulty([resets()]) as server, pytest.raises(NoReplyError, match="no reply after 1 attempt in"):
        client(server, retries=0).ask(PATH, {})
    assert len(server.asked) == 1


def test_a_used_up_quota_stops_the_run() -> None:
    reply = fails(429, "You exceeded your current quota", "insufficient_quota")
    with serving_faulty([reply]) as server:
        with pytest.raises(StatusError) as caught:
            list(client(server, concurrency=1).run(jobs(100)))
        assert str(caught.value) == (
            f"{server.url}: status 429: You exceeded your current quota"
            "\n  fix: look into the account's plan and payments; trying again does not help"
        )
    assert len(server.asked) == 1


def test_the_total_time_ends_a_request_with_attempts_left() -> None:
    with serving_faulty([late(60, answers(GOOD))]) as server, pytest.raises(NoReplyError) as caught:
        client(server, retries=100, timeout_seconds=0.4, total_seconds=0.6).ask(PATH, {})
    assert caught.value.cause == "no whole reply in time"
    assert len(server.asked) == 2


def test_the_total_time_is_each_request_s_own() -> None:
    with serving_faulty(lambda asked: late(0.4, echo(asked))) as server:
        outcomes = list(client(server, concurrency=1, total_seconds=1.5).run(jobs(5)))
    assert [outcome.error for outcome in outcomes] == [None] * 5


def test_no_job_is_lost_or_answered_twice_among_all_faults_at_once() -> None:
    faults = [reply for name, (reply, _) in FAULTS.items() if name not in ENDLESS]

    with serving_faulty(
        lambda asked: faults[asked.number % 60] if asked.number % 60 < len(faults) else echo(asked)
    ) as server:
        outcomes = list(client(server, concurrency=16, retries=100).run(jobs(150)))
        failed = sum(asked.number % 60 < len(faults) for asked in server.asked)
    assert Counter(outcome.body["index"] for outcome in outcomes if outcome.body) == Counter(range(150))
    assert len(server.asked) == 150 + failed
