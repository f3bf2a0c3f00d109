"""What a judge's server does by itself: it ends replies at its context, repeats greedy ones, and goes on in white space."""

import json
from typing import Any

import pytest

from tests.judge.conftest import MODEL, judge_all, judge_one, make_plan
from tests.judge_server import JudgeServer, completion, judging, obedient, verdict
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.judge.model.replies import ended_by_context, ends_in_white_space
from urial.judge.server.capabilities import WHITE_SPACE
from urial.records.judge import ModelIdentity, ServerJudgeModel, describe
from urial.records.judgment import Reply

TEXT: dict[str, Any] = {"response_format": "text"}
VLLM_FULL = "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)"
TOO_LONG = [
    VLLM_FULL,
    "request (900 tokens) exceeds the available context size (512 tokens), try increasing it",
    "There is no room left for the answer.",
    "This model's maximum context length is 512 tokens.",
]


def probed(reply: Any) -> Any:
    """A server that obeys the probes, and replies so to questions."""
    return lambda body: obedient(body) if body["messages"][0]["content"].startswith("Say hello") else reply


def cut(text: str, tokens: int) -> dict[str, Any]:
    body = completion(text, reason="length")
    body["usage"]["completion_tokens"] = tokens
    return body


@pytest.mark.parametrize("message", TOO_LONG)
def test_a_question_without_room_stops_the_run_with_its_name_or_is_too_long(cache: RowCache, message: str) -> None:
    with judging(probed((400, {"error": {"message": message}}))) as server:
        with pytest.raises(UrialError) as caught:
            judge_one(make_plan(server.url), cache)
        row = judge_one(make_plan(server.url, on_failure="record"), cache)
        assert len(server.questions()) == 2, "it would say the same again"
    assert str(caught.value) == (
        f"system 'base': instruction 'q0': {server.url}: status 400: {message}"
        "\n  fix: set judges.NAME.max_characters, or lower judges.NAME.max_tokens, or set judges.NAME.on_failure to record"
    )
    assert (row.status, row.reason) == ("too_long", f"the server's context has no room: {message}")
    assert {score.status for score in row.scores} == {"too_long"}


@pytest.mark.parametrize("tokens", [1, 57, 99])
def test_a_reply_that_the_context_cut_off_is_not_one_that_had_all_its_tokens(cache: RowCache, tokens: int) -> None:
    with judging(probed(cut('{"helpful', tokens))) as server:
        row = judge_one(make_plan(server.url), cache)
        assert len(server.questions()) == 1
    assert row.status == "too_long"
    assert (row.reason or "").startswith(
        f"cut off at the end of the server's context, after {tokens} tokens: not a JSON"
    )
    assert row.replies[0].finish == "too_long"


def test_a_reply_that_is_whole_in_spite_of_it_is_a_verdict(cache: RowCache) -> None:
    with judging(probed(cut(json.dumps(verdict(5)), 60))) as server:
        row = judge_one(make_plan(server.url), cache)
    assert (row.status, row.scores[0].score) == ("scored", 5)


def test_a_reply_of_all_its_tokens_was_cut_off_at_max_tokens(cache: RowCache) -> None:
    with judging(probed(cut('{"helpful', 100))) as server:
        row = judge_one(make_plan(server.url, max_reasks=0), cache)
    assert row.status == "invalid"
    assert (row.reason or "").startswith("cut off at the length limit: ")


def test_a_server_that_counts_nothing_leaves_it_open() -> None:
    reply = Reply(text="{", finish="length")
    assert ended_by_context(reply, 100) == reply


def test_replies_that_were_kept_before_are_read_so_too(cache: RowCache) -> None:
    """Their counts are in the row cache: nothing is paid again."""
    with judging(probed(completion("{"))) as server:
        judge_one(make_plan(server.url, max_reasks=0), cache)
        for (key,) in cache.execute("SELECT key FROM rows WHERE value LIKE '%input_tokens%'"):
            kept = cache.get([key], Reply)[key]
            cache.put(key, kept.model_copy(update={"finish": "length"}))
        row = judge_one(make_plan(server.url, max_reasks=0), cache)
        assert len(server.questions()) == 1
    assert row.status == "too_long"


def software_of(server: JudgeServer, cache: RowCache, **changes: Any) -> ServerJudgeModel:
    judge = judge_one(make_plan(server.url, **changes), cache).judge
    assert isinstance(judge, ModelIdentity)
    assert isinstance(judge.model, ServerJudgeModel)
    return judge.model


@pytest.mark.parametrize(
    ("owner", "changes", "asked"),
    [
        ("vllm", {}, 1),
        ("vllm", {"reask_greedy": True}, 3),
        ("vllm", {"temperature": 0.7}, 3),
        ("vllm", {"temperature": None}, 3),
        ("vllm", {"seed": 7}, 1),
        ("llamacpp", {}, 3),
        ("sglang", {}, 3),
        ("", {}, 3),
        ("me", {}, 3),
    ],
)
def test_a_greedy_judge_that_is_known_to_repeat_itself_is_not_asked_again(
    cache: RowCache, owner: str, changes: dict[str, Any], asked: int
) -> None:
    with judging(probed(completion("Well...")), owner=owner) as server:
        row = judge_one(make_plan(server.url, max_reasks=2, **changes), cache)
        assert len(server.questions()) == len(row.replies) == asked
    assert row.status == "invalid"
    assert isinstance(row.judge, ModelIdentity)
    assert row.judge.max_reasks == asked - 1


def test_a_judge_that_was_asked_before_its_software_was_looked_at_stays_the_same(cache: RowCache) -> None:
    with judging(probed(completion(verdict()))) as server:
        before = judge_one(make_plan(server.url), cache)
        server.owner = "vllm"
        again = judge_one(make_plan(server.url), cache)
        assert len(server.questions()) == 1
    assert again == before
    assert isinstance(before.judge, ModelIdentity)
    assert "software" not in before.judge.model.model_dump(mode="json")


def test_the_identity_names_the_software(cache: RowCache) -> None:
    with judging(probed(completion(verdict())), owner="vllm") as server:
        row = judge_one(make_plan(server.url), cache)
        assert software_of(server, cache).software == "vllm"
    assert isinstance(row.judge, ModelIdentity)
    assert ", served by vllm, temperature 0, " in describe(row.judge)


@pytest.mark.parametrize(("owner", "bounded"), [("vllm", True), ("sglang", True), ("llamacpp", False), ("", False)])
def test_runs_of_white_space_end_a_reply_where_the_grammar_has_no_end(
    cache: RowCache, owner: str, bounded: bool
) -> None:
    with judging(owner=owner) as server:
        judge_one(make_plan(server.url), cache)
        judge_one(make_plan(server.url, max_reasks=0, **TEXT), cache)
        judge_one(make_plan(server.url, parameters={"stop": ["END"]}), cache)
        stops = [body.get("stop") for body in server.asked if not body["messages"][0]["content"].startswith("Say")]
    assert stops == [list(WHITE_SPACE) if bounded else None, None, ["END"]]


@pytest.mark.parametrize("blank", WHITE_SPACE)
def test_a_reply_that_was_ended_in_white_space_says_so(cache: RowCache, blank: str) -> None:
    body = completion('{"helpfulness": {"rationale": "good",')
    body["choices"][0]["stop_reason"] = blank
    with judging(probed(body), owner="vllm") as server:
        row = judge_one(make_plan(server.url), cache)
    assert (row.status, row.replies[0].finish) == ("invalid", "white_space")
    assert (row.reason or "").startswith("cut off in white space that did not end: not a JSON object alone")


@pytest.mark.parametrize("blank", ["\n" * 400, " \t\r\n" * 50, " " * 64])
def test_a_reply_that_filled_its_length_with_white_space_says_so(cache: RowCache, blank: str) -> None:
    with judging(probed(completion('{"helpfulness": {' + blank, reason="length"))) as server:
        row = judge_one(make_plan(server.url, max_reasks=0), cache)
    assert (row.status, row.replies[0].finish) == ("invalid", "white_space")
    assert (row.reason or "").startswith("cut off in white space that did not end: ")


def test_white_space_behind_a_whole_verdict_changes_nothing(cache: RowCache) -> None:
    body = completion(json.dumps(verdict(2)) + "\n" * 7)
    body["choices"][0]["stop_reason"] = WHITE_SPACE[0]
    with judging(probed(body), owner="vllm") as server:
        row = judge_one(make_plan(server.url), cache)
    assert (row.status, row.scores[0].score) == ("scored", 2)


def test_no_verdict_that_is_laid_out_has_such_runs() -> None:
    for indent in (None, 2, 4, 8, "\t"):
        text = json.dumps(verdict(4, helpfulness={"rationale": "a\n\n\nb" + "\n" * 20, "score": 4}), indent=indent)
        assert not any(blank in text for blank in WHITE_SPACE)
        assert not ends_in_white_space(text + "\n" * 7)


def test_all_rows_of_a_system_are_accounted_for(cache: RowCache) -> None:
    replies = {
        "Why 0?": completion(verdict(3)), "Why 1?": cut("{", 5), "Why 2?": (400, {"error": {"message": VLLM_FULL}}),
        "Why 3?": completion("I like it."),
    }  # fmt: skip

    def reply(body: dict[str, Any]) -> Any:
        text = body["messages"][0]["content"]
        return next((given for query, given in replies.items() if query in text), None) or obedient(body)

    with judging(reply, owner="vllm") as server:
        rows = judge_all(make_plan(server.url, on_failure="record", model=MODEL), cache)
        assert len(server.questions()) == 4
    assert [row.status for row in rows] == ["scored", "too_long", "too_long", "invalid"]
