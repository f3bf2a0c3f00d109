"""The line at the end: what was scored or compared, and why the rest was not; and what is not asked again."""

from typing import Any

import pytest

from tests.judge.conftest import judge_all, judge_one, make_plan
from tests.judge.preferences.comparing import choosing, compare, planned
from tests.judge.test_server_s_own_ways import probed
from tests.judge_server import completion, judging, verdict
from urial.core.row_cache import RowCache
from urial.judge.model.counts import judgments_line, preferences_line
from urial.judge.model.replies import reasons_of
from urial.records.judgment import Reply

CUT = completion('{"helpfulness": {"rationale": "It is', reason="length")


def by_question(replies: dict[str, Any]) -> Any:
    """A server that says one thing of one question, and another of another one."""
    return lambda body: next(
        reply for words, reply in replies.items() if words in body["messages"][0]["content"]
    )  # fmt: skip


def test_the_line_says_what_is_scored_and_why_the_rest_is_not(cache: RowCache) -> None:
    replies = {
        "Why 0?": completion(verdict()),
        "Why 1?": CUT,
        "Why 2?": completion("Well..."),
        "Why 3?": completion({}),
    }
    with judging(by_question({"Say hello": completion("Hello!"), **replies})) as server:
        rows = judge_all(make_plan(server.url, max_reasks=0), cache)
    assert judgments_line(rows) == (
        "4 judgments: 1 scored; 3 invalid (1 cut off at max_tokens, 1 no JSON object, 1 not as the rubric asks)"
    )
    assert judgments_line(rows[:1]) == "1 judgment: 1 scored"
    assert judgments_line([]) == "0 judgments: 0 scored"


def test_the_line_of_comparisons_says_how_they_ended_and_why_some_did_not(cache: RowCache) -> None:
    ours = choosing(lambda first, second: "A" if "x" in (first, second) else "both")
    with judging(ours) as server:
        plan = planned(server.url, response_format="text", max_reasks=0)
        rows = compare(plan, cache, [("x", "y"), ("v", "w"), ("u", "t"), (None, "s")])
    assert preferences_line(rows) == (
        "4 preferences; overall: 2 invalid (2 not as the rubric asks), 1 inconsistent, 1 without an answer"
    )
    assert preferences_line([]) == "0 preferences; overall: nothing compared"


def test_without_a_reply_the_line_says_why(cache: RowCache) -> None:
    with judging(probed(completion(verdict()))) as server:
        plan = make_plan(server.url, on_failure="record", limits={"retries": 0})
        judge_one(plan, cache, "Something else.")
        server.reply = lambda body: (503, {"error": {"message": "busy"}})
        rows = judge_all(plan, cache)
    assert judgments_line(rows) == "4 judgments: 0 scored; 4 failed (4 status 503: busy)"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(text="", finish="white_space"), "white space without end"),
        (Reply(text="[]", finish="malformed"), "no chat completion"),
        (Reply(text="A", finish="stop"), "not as the rubric asks"),
    ],
)
def test_a_reason_is_a_few_words(reply: Reply, why: str) -> None:
    assert reasons_of("invalid", [reply, reply], as_json=False) == f" (2 {why})"
    assert reasons_of("too_long", [reply]) == ""


@pytest.mark.parametrize(
    ("changes", "asked"),
    [({}, 1), ({"seed": 3}, 1), ({"reask_greedy": True}, 3), ({"temperature": 0.7}, 3), ({"temperature": None}, 3)],
)
def test_a_greedy_reply_that_was_cut_off_is_not_asked_for_again(
    cache: RowCache, changes: dict[str, Any], asked: int
) -> None:
    with judging(probed(CUT), owner="llamacpp") as server:
        row = judge_one(make_plan(server.url, max_reasks=2, **changes), cache)
        assert len(server.questions()) == len(row.replies) == asked
    assert row.status == "invalid"
    assert (row.reason or "").startswith("cut off at the length limit: ")


def test_what_was_asked_again_before_stays_as_it_is(cache: RowCache) -> None:
    """A run from before that rule gives the same rows from its cache."""
    with judging(probed(CUT)) as server:
        before = judge_one(make_plan(server.url, reask_greedy=True), cache)
        assert len(server.questions()) == len(before.replies) == 3
        assert judge_one(make_plan(server.url), cache) == before
        assert len(server.questions()) == 3
