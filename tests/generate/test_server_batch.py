"""Rows from a server that does what a healthy one never does: every row accounted for, none twice, no key anywhere."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.fake_model import FakeModel
from tests.faulty_server import (
    Asked,
    FaultyServer,
    Reply,
    answers,
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
from tests.tiny_models import decoding
from urial.api.completions import STORY
from urial.core.errors import UrialError
from urial.generate.engine import NoAnswer, Request
from urial.generate.server_batch import OpenAIEngine
from urial.records.completion import Answer
from urial.records.model import Limits, ServerReference

CANARY = "sk-canary-0123456789"
GOOD = FakeModel()
REQUESTS = [Request(f"Tell me about {number}.", True, ("\n```",), number) for number in range(16)]
QUICK = Limits(concurrency=4, retries=3, timeout_seconds=0.4)


def engine_of(server: FaultyServer, **changes: Any) -> OpenAIEngine:
    fields: dict[str, Any] = {"server": server.url, "model": "m", "limits": QUICK, **changes}
    return OpenAIEngine(ServerReference(**fields))


def rows_of(engine: OpenAIEngine) -> list[tuple[int, Answer | NoAnswer]]:
    return list(engine.complete(REQUESTS, range(len(REQUESTS)), decoding()))


def expected(request: Request) -> Answer:
    words, _ = GOOD.words(request.text, {"temperature": 0.0, "max_tokens": 12})
    return Answer(text=" ".join(words), token_ids=None, finish="length")


def completion(text: str, reason: str = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": reason}], **more}


PASSING: dict[str, Reply] = {
    "429": too_many("0.05"),
    "500": fails(500, "out of luck"),
    "503": fails(503),
    "reset": resets(),
    "closed": closes(),
    "cut off": cut_off(completion("half of it")),
    "truncated": truncated(completion("half of it")),
    "HTML with 200": page(),
    "HTML with 502": page(502),
    "NaN": sends(b'{"choices": [{"text": "x", "finish_reason": "stop", "logprobs": NaN}]}'),
    "a key twice": sends(b'{"choices": [], "choices": [{"text": "x", "finish_reason": "stop"}]}'),
    "half a character": sends(b'{"choices": [{"text": "\\ud83d", "finish_reason": "stop"}]}'),
    "not UTF-8": sends(b'{"choices": [{"text": "\xff", "finish_reason": "stop"}]}'),
    "slow": late(2, answers(completion("late"))),
    "dripping": drips(completion("drop by drop")),
}


def test_after_faults_that_pass_every_row_is_there_once_and_right() -> None:
    faults = {request.text: fault for request, fault in zip(REQUESTS, PASSING.values(), strict=False)}
    assert len(faults) == len(PASSING)

    def script(asked: Asked) -> Reply:
        return faults.pop(asked.body["prompt"], None) or GOOD.reply(asked)

    with serving_faulty(script) as server:
        rows = rows_of(engine_of(server))
        asked = Counter(item.body["prompt"] for item in server.asked if STORY not in item.text)
    assert sorted(index for index, _ in rows) == list(range(len(REQUESTS)))
    assert dict(rows) == {n: expected(item) for n, item in enumerate(REQUESTS)}
    assert [asked[item.text] for item in REQUESTS] == [2] * len(PASSING) + [1] * (len(REQUESTS) - len(PASSING))
    assert server.most_at_once <= QUICK.concurrency


def only(row: int, reply: Reply) -> Callable[[Asked], Reply]:
    """A server that always replies so to one row."""
    return lambda asked: reply if asked.body["prompt"] == REQUESTS[row].text else GOOD.reply(asked)


LOG = "look into the server's log; its address usually ends in /v1"
LASTING: list[tuple[Reply, NoAnswer]] = [
    (answers({"hello": "world"}), NoAnswer("failed", "URL: the server sent no completion: no choices", LOG)),
    (answers({"choices": [{"text": 5, "finish_reason": "stop"}]}),
     NoAnswer("failed", "URL: the server sent no completion: no text", LOG)),
    (answers(completion("half", "content_filter")), NoAnswer("filtered", "URL: a content filter broke the answer off")),
    (fails(400, "The prompt was filtered.", "content_filter"),
     NoAnswer("filtered", "a content filter declined the prompt: URL: status 400: The prompt was filtered.")),
    (fails(400, "This model's maximum context length is 512 tokens."),
     NoAnswer("too_long", "URL: status 400: This model's maximum context length is 512 tokens.")),
    (fails(413, "Payload too large: exceeds the limit"),
     NoAnswer("too_long", "URL: status 413: Payload too large: exceeds the limit")),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "missing"), LASTING)
def test_a_fault_of_one_row_is_that_row_s_alone(reply: Reply, missing: NoAnswer) -> None:
    with serving_faulty(only(3, reply)) as server:
        rows = dict(rows_of(engine_of(server)))
        asked = sum(item.text.count(REQUESTS[3].text) for item in server.asked)
        url = server.url
    assert asked == 1
    found = rows.pop(3)
    assert isinstance(found, NoAnswer)
    assert NoAnswer(found.kind, found.reason.replace(url, "URL"), found.fix) == missing
    assert rows == {n: expected(item) for n, item in enumerate(REQUESTS) if n != 3}


def test_a_row_without_reply_says_so_after_all_attempts() -> None:
    with serving_faulty(only(3, fails(503, "busy"))) as server:
        rows = dict(rows_of(engine_of(server, limits=Limits(concurrency=4, retries=1))))
        asked = sum(item.text.count(REQUESTS[3].text) for item in server.asked)
    found = rows.pop(3)
    assert isinstance(found, NoAnswer)
    assert found.kind == "failed"
    assert found.reason.startswith(f"{server.url}: no reply after 2 attempts in ")
    assert (asked, len(rows)) == (2, len(REQUESTS) - 1)


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        (401, "set MY_KEY in the environment"),
        (403, "set MY_KEY in the environment"),
        (404, "check the model's name and the server's address, which usually ends in /v1"),
    ],
)
def test_what_concerns_all_rows_stops_the_run_at_once(status: int, fix: str) -> None:
    def script(asked: Asked) -> Reply:
        return GOOD.reply(asked) if STORY in asked.text else fails(status, "You shall not pass.")

    with serving_faulty(script) as server:
        rows = rows_of(engine_of(server, key_variable="MY_KEY", limits=Limits(concurrency=1)))
        assert sum(STORY not in item.text for item in server.asked) == 1
    assert rows == [(0, NoAnswer("refused", f"{server.url}: status {status}: You shall not pass.", fix))]


def test_the_key_is_sent_and_is_in_no_answer_s_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)

    def repeats(asked: Asked) -> Reply:
        if STORY in asked.text:
            return GOOD.reply(asked)
        number = REQUESTS.index(next(item for item in REQUESTS if item.text == asked.body["prompt"]))
        said = f"maximum context length: {asked.headers['authorization']}"
        kinds = [fails(400, said), fails(400, said, "content_filter"), answers(completion(said, CANARY)),
                 answers({CANARY: CANARY}), answers({"choices": [CANARY]})]  # fmt: skip
        return kinds[number % len(kinds)]

    with serving_faulty(repeats) as server:
        rows = rows_of(engine_of(server, key_variable="MY_KEY"))
        assert {item.headers["authorization"] for item in server.asked} == {f"Bearer {CANARY}"}
    assert len(rows) == len(REQUESTS)
    assert all(isinstance(row, NoAnswer) for _, row in rows)
    assert CANARY not in repr(rows)


def test_a_context_is_kept_to_by_the_server_s_count_of_the_prompt() -> None:
    usage = {"prompt_tokens": 500, "completion_tokens": 3}
    with serving_faulty(only(3, answers(completion("x", usage=usage)))) as server:
        fits = dict(rows_of(engine_of(server, context_window=512)))
        rows = dict(rows_of(engine_of(server, context_window=511)))
    assert fits[3] == Answer(text="x", token_ids=None, finish="stop")
    assert rows[3] == NoAnswer(
        "too_long", "the prompt has 500 tokens and the answer may have 12, but the model's context has 511"
    )
    assert sum(isinstance(row, Answer) for row in rows.values()) == len(REQUESTS) - 1


def test_a_context_cannot_be_kept_to_where_nothing_is_counted() -> None:
    with serving_faulty(FakeModel(counts=False).reply) as server:
        row = dict(rows_of(engine_of(server, context_window=512)))[0]
    assert row == NoAnswer(
        "failed",
        f"{server.url}: the server does not count the tokens of prompts",
        "set the model's context_window to null in params.yaml: it cannot be kept to",
    )


@pytest.mark.parametrize("known", ["m", "m-2026-01-01"])
def test_a_reply_of_another_model_ends_the_run_and_is_no_answer(known: str) -> None:
    # A reply without a name is as good as one with the name that is known.
    names = {2: {}, 3: {"model": "other\n"}}

    def reply(asked: Asked) -> Reply:
        row = next((number for number in range(16) if f"about {number}." in asked.text), 0)
        return answers(completion("Yes.", **names.get(row, {"model": known})))

    with serving_faulty(reply) as server:
        engine = engine_of(server, limits=Limits(concurrency=1))
        rows = dict(engine.complete(REQUESTS, range(16), decoding()))
        assert {type(rows[index]) for index in range(3)} == {Answer}
        assert rows[3] == NoAnswer(
            "refused",
            f"{server.url}: 'other\\n' replied, and {known!r} before",
            "let the server have one model under this name for the whole run; finished answers are in the row cache",
        )
        assert list(rows) == [0, 1, 2, 3]
        assert not [asked for asked in server.asked if "about 5." in asked.text]


def test_requests_count_against_the_limit_of_tokens_by_bytes_and_longest_answer() -> None:
    with serving_faulty(GOOD.reply) as server:
        job = engine_of(server)._job(3, Request("ü" * 100, True, (), 0), decoding())
    assert (job.key, job.path, job.tokens) == (3, "/completions", 50 + 12)


def test_what_cannot_be_sent_is_an_error_that_is_no_traceback() -> None:
    odd = Request(json.loads('"\\ud83d"'), True, (), 0)
    with serving_faulty(GOOD.reply) as server, pytest.raises(UrialError, match=r"^the request 0 cannot be sent"):
        list(engine_of(server).complete([odd], [0], decoding()))
