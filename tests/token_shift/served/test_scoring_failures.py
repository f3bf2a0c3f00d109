"""Rows that fail at a scoring server: each accounted for, what is paid for kept, and no key in any message."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faulty_server import (
    Asked,
    FaultyServer,
    Reply,
    answers,
    fails,
    late,
    resets,
    sends,
    serving_faulty,
    too_many,
    truncated,
)
from tests.scoring_server import BOTH, ECHO, ScoringModel
from tests.served import served_model
from tests.token_shift.served.test_scoring_server import PROMPT, TOP_K, by_ids, by_text, encoded
from urial.api import retrying
from urial.api.client import MAX_FAILURES
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.records.model import Limits
from urial.token_shift.served.answer_logprobs import NoScore, ScoreRequest, Scores
from urial.token_shift.served.logprob_server import ScoringServer

KEY = "URIAL_TEST_KEY"
CANARY = "sk-canary-0123456789"
MODEL = ScoringModel()
ROWS = [by_ids(encoded(f"Karmost {number} is it.", False), name=f"q{number}") for number in range(8)]
Script = Callable[[Asked], Reply]


@pytest.fixture(autouse=True)
def no_time_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "BACKOFF_SECONDS", 0.001)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path) as opened:
        yield opened


def scoring(server: FaultyServer, cache: RowCache | None = None, **changes: Any) -> ScoringServer:
    limits = {"limits": Limits(concurrency=2, retries=2, timeout_seconds=5), **changes}
    return ScoringServer(served_model(server.url, key_variable=KEY, **limits), TOP_K, cache)


def only(rows: dict[int, Reply], model: ScoringModel = MODEL) -> Script:
    """A server that replies so to some rows, by their whole prompts."""
    return lambda asked: (
        next((reply for row, reply in rows.items() if asked.body["prompt"] == list(ROWS[row].sent)), None)
        or model.reply(asked)
    )


def error_of(server: FaultyServer, **changes: Any) -> str:
    with pytest.raises(UrialError) as caught:
        list(scoring(server, **changes).score(ROWS))
    return str(caught.value).replace(server.url, "URL")


def test_after_faults_that_pass_every_row_is_there() -> None:
    passing = [
        too_many("0.01"),
        fails(500),
        resets(),
        fails(503),
        truncated({"choices": [{"text": "half of it"}]}),
        sends(b"<html>"),
    ]

    def script(asked: Asked) -> Reply:
        # The probe is answered; then every other reply is a fault.
        return passing.pop() if passing and asked.number % 2 else MODEL.reply(asked)

    with serving_faulty(script) as server:
        found = dict(scoring(server, limits=Limits(concurrency=2, retries=8, timeout_seconds=5)).score(ROWS))
        assert server.most_at_once <= 2
    with serving_faulty(MODEL.reply) as server:
        assert found == dict(scoring(server).score(ROWS))
    assert sorted(found) == list(range(len(ROWS)))
    assert passing == []


CORRECT = "correct what the server names, or use another one; finished scores are in the row cache"
BROKEN: list[tuple[Reply, str, str]] = [
    (answers({"choices": [{"text": "x"}]}), "URL: the reply has no prompt_logprobs", "look into the server's log"),
    (fails(400, "Token id 357 is out of vocabulary"), "URL: status 400: Token id 357 is out of vocabulary", CORRECT),
    (fails(400, "filtered", "content_filter"), "URL: status 400: filtered", CORRECT),
    (answers({"choices": [{"prompt_logprobs": [None, {CANARY: CANARY}]}]}),
     f"URL: prompt_logprobs has 2 entries, and the prompt has {len(ROWS[2].sent)} tokens", "look into the server's log"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "reason", "fix"), BROKEN)
def test_all_other_rows_are_kept_before_the_failed_ones_are_counted(
    reply: Reply, reason: str, fix: str, cache: RowCache
) -> None:
    yielded: dict[int, Any] = {}
    with serving_faulty(only({2: reply, 5: reply})) as server:
        with pytest.raises(UrialError) as caught:
            yielded.update(scoring(server, cache).score(ROWS))
        told = f"q2: {reason} (1 more failed)\n  fix: {fix}"
        assert str(caught.value).replace(server.url, "URL") == told
        # Those are asked for again, after one try; no others are.
        server.script = MODEL.reply
        server.asked.clear()
        again = dict(scoring(server, cache).score(ROWS))
        assert [len(asked.body["prompt"]) for asked in server.asked] == [16, len(ROWS[2].sent), len(ROWS[5].sent)]
    assert sorted(again) == list(range(len(ROWS)))
    assert all(isinstance(row, Scores) for row in again.values())


def test_a_row_without_reply_is_one_that_failed() -> None:
    with serving_faulty(only({3: fails(503, "busy")})) as server:
        message = error_of(server)
    assert message.startswith("q3: URL: no reply after 3 attempts in ")
    assert message.endswith(
        "s, the last: status 503: busy\n  fix: check that the server is running and can handle this load; lower concurrency, "
        "or raise timeout_seconds, total_seconds or retries"
    )


def test_no_new_row_is_asked_for_after_many_failures() -> None:
    rows = [by_ids(encoded(f"Karmost {number}.", False)) for number in range(MAX_FAILURES + 5)]
    with serving_faulty(lambda asked: MODEL.reply(asked) if asked.number == 0 else fails(400, "no")) as server:
        with pytest.raises(UrialError) as caught:
            list(scoring(server, limits=Limits(concurrency=1)).score(rows))
        assert len(server.asked) == 1 + MAX_FAILURES
    assert str(caught.value) == (
        f"answer 0: {server.url}: status 400: no (9 more failed, 5 were not asked for)\n  fix: {CORRECT}"
    )


@pytest.mark.parametrize(
    ("status", "fix"),
    [(401, f"set {KEY} in the environment"), (404, "check the model's name and the server's address, which usually ends in /v1")],
)  # fmt: skip
def test_a_status_that_concerns_all_rows_stops_at_once(status: int, fix: str) -> None:
    with serving_faulty(lambda asked: fails(status, "No.") if asked.number else MODEL.reply(asked)) as server:
        assert error_of(server, limits=Limits(concurrency=1)) == f"q0: URL: status {status}: No.\n  fix: {fix}"
        assert len(server.asked) == 2


def too_long(request: ScoreRequest, context: int) -> str:
    size = len(encoded(request.sent) if isinstance(request.sent, str) else request.sent)
    return (
        f"status 400: This model's maximum context length is {context} tokens. However, you requested {size + 1} tokens "
        f"({size} in the messages, 1 in the completion). Please reduce the length of the messages."
    )


@pytest.mark.parametrize("knows", [BOTH, ECHO])
def test_a_row_without_room_is_told_so_by_the_server(knows: frozenset[str]) -> None:
    text = "Karmost " * 30
    rows = [ROWS[0], by_ids(encoded(text, False)), by_text("It is."), by_text(text)]
    with serving_faulty(ScoringModel(knows=knows, context=40, refuses_zero=True).reply) as server:
        found = dict(scoring(server).score(rows))
        url = server.url
    assert {index: row for index, row in found.items() if isinstance(row, NoScore)} == {
        index: NoScore(f"{url}: {too_long(rows[index], 40)}") for index in (1, 3)
    }
    assert len(found) == 4


def test_a_context_is_kept_to_before_asking_where_ids_are_known(cache: RowCache) -> None:
    size = len(ROWS[0].sent)
    rows = [ROWS[0], by_text("Karmost 0 is it.")]
    assert len(encoded(PROMPT + "Karmost 0 is it.")) == size
    with serving_faulty(MODEL.reply) as server:
        fits = dict(scoring(server, cache, context_window=size + 1).score(rows))
        server.asked.clear()
        found = dict(scoring(server, cache, context_window=size).score(rows))
        assert server.asked == []
    reason = f"prompt and answer have {size} tokens, which leave no room for one more in a context of {size}"
    assert found == {0: NoScore(reason), 1: NoScore(reason)}
    assert all(isinstance(row, Scores) for row in fits.values())


def test_no_key_is_in_any_message_or_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, CANARY)

    def repeats(status: int, code: str | None = None) -> Reply:
        return lambda handler, asked: fails(status, f"it is {asked.headers['authorization']}", code)(handler, asked)

    replies = [repeats(400), repeats(400, "content_filter"), repeats(401), repeats(500), answers({CANARY: CANARY}),
               answers({"choices": [{"prompt_logprobs": [CANARY]}]}), repeats(413)]  # fmt: skip
    for reply in replies:
        with serving_faulty(only({3: reply})) as server:
            try:
                rows = dict(scoring(server, limits=Limits(retries=0)).score(ROWS))
                shown = repr(rows)
            except UrialError as error:
                shown = str(error) + repr(error) + str(vars(error))
            assert CANARY not in shown
            assert "***" in shown or "Bearer" not in shown
            assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {CANARY}"}


def test_a_token_that_is_the_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, CANARY)
    entry = {"logprob": -1.0, "rank": 1, "decoded_token": CANARY}
    others = {str(number): {"logprob": -2.5, "rank": number, "decoded_token": CANARY} for number in range(2, 7)}
    body = {"choices": [{"prompt_logprobs": [None, {"9": entry, **others}]}]}
    request = ScoreRequest((1,), (9,))
    with serving_faulty([answers(body)]) as server:
        [(_, scores)] = scoring(server).score([request])
        assert isinstance(scores, Scores)
        assert (scores.tokens[0].text, set(scores.tokens[0].top_texts)) == ("***", {"***"})
        with pytest.raises(UrialError) as caught:
            list(scoring(server).score([ScoreRequest((1,), (9,), ("x",))]))
    assert str(caught.value).startswith(f"{server.url}: token id 9 is '***' to the server and 'x' to the model")


def test_a_run_that_is_closed_early_leaves_nothing_behind(cache: RowCache) -> None:
    with serving_faulty(
        lambda asked: MODEL.reply(asked) if asked.number < 2 else late(9, MODEL.reply(asked))
    ) as server:
        rows = scoring(server, cache).score(ROWS)
        assert isinstance(next(rows)[1], Scores)
        rows.close()
        # A request that was under way may still arrive.
        arrived = -1
        while arrived != len(server.asked):
            arrived = len(server.asked)
            time.sleep(0.5)
        server.script = MODEL.reply
        server.asked.clear()
        assert len(dict(scoring(server, cache).score(ROWS))) == len(ROWS)
        assert len(server.asked) == 1 + len(ROWS) - 1
