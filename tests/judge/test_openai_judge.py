"""A judge behind a real HTTP server: every reply is accounted for, and none is asked for twice."""

from typing import Any

import pytest

from tests.judge.conftest import INSTRUCTIONS, MODEL, answered, in_turn, judge_all, judge_one, make_plan
from tests.judge_server import completion, judging, verdict
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.judge.scores.run import judge_completions, make_judge
from urial.records.completion import Completion
from urial.records.judgment import REGULAR_ASPECTS
from urial.records.model import Limits
from urial.records.params.judges import Rubrics

TEXT: dict[str, Any] = {"response_format": "text"}


def test_every_answer_is_scored_with_its_rationales_and_its_reply(cache: RowCache) -> None:
    with judging() as server:
        rows = judge_all(make_plan(server.url), cache, ("A", "B", "C", "D"))
    assert [row.instruction_id for row in rows] == [item.id for item in INSTRUCTIONS]
    for row in rows:
        assert (row.status, row.reason, row.words, row.shown_characters) == ("scored", None, 1, None)
        assert [(item.aspect, item.score, item.rationale) for item in row.scores] == [
            (aspect, 4, "because") for aspect in REGULAR_ASPECTS
        ]
        (reply,) = row.replies
        assert (reply.finish, reply.model, reply.input_tokens, reply.output_tokens) == ("stop", MODEL, 100, 10)
    assert len(server.questions()) == 4


def test_a_finished_judging_needs_no_server_any_more(cache: RowCache) -> None:
    with judging() as server:
        plan = make_plan(server.url)
        rows = judge_all(plan, cache)
    assert judge_all(plan, cache) == rows


def test_equal_answers_are_judged_once(cache: RowCache) -> None:
    with judging() as server:
        plan = make_plan(server.url)
        completions = [answered(INSTRUCTIONS[0]), answered(INSTRUCTIONS[0])]
        rows = judge_completions(make_judge(plan, cache), [INSTRUCTIONS[0]] * 2, completions)
    assert rows[0] == rows[1]
    assert len(server.questions()) == 1


def test_an_instruction_without_an_answer_is_not_judged(cache: RowCache) -> None:
    missing = Completion(
        instruction_id=INSTRUCTIONS[0].id, system="base", status="too_long", reason="no room", answer=None, key=None
    )
    with judging() as server:
        (row,) = judge_completions(make_judge(make_plan(server.url), cache), INSTRUCTIONS[:1], [missing])
    assert (row.status, row.reason, row.scores, row.key, row.words) == ("no_completion", "no room", (), None, None)
    assert server.questions() == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("Five stars!", "not a JSON object"),
        (verdict(6), "helpfulness"),
        (verdict("4"), "helpfulness"),
        (verdict(4.5), "helpfulness"),
        (verdict(bonus=1), "bonus"),
        ({"helpfulness": {"rationale": "good", "score": 5}}, "clarity"),
        (None, "the reply is empty"),
    ],
)
def test_what_is_no_verdict_is_asked_again_and_then_invalid(cache: RowCache, content: Any, why: str) -> None:
    with judging(in_turn(completion("Hello!"), completion(content))) as server:
        row = judge_one(make_plan(server.url, max_reasks=2, **TEXT), cache)
    assert row.status == "invalid"
    assert {(item.status, item.score) for item in row.scores} == {("invalid", None)}
    assert row.reason is not None
    assert why in row.reason
    assert row.reason.endswith("(asked 3 times)")
    assert len(row.replies) == len(server.questions()) == 3
    assert row.replies[0].text == (completion(content)["choices"][0]["message"]["content"] or "")


def test_a_later_reply_that_is_a_verdict_counts(cache: RowCache) -> None:
    replies = [completion("Hello!"), completion("Well..."), completion(verdict(5)), completion(verdict(1))]
    with judging(in_turn(*replies)) as server:
        row = judge_one(make_plan(server.url, seed=7, **TEXT), cache)
    assert (row.status, row.scores[0].score) == ("scored", 5)
    assert row.replies[0].text == "Well..."
    assert [body["seed"] for body in server.asked] == [7, 7, 8]


def test_more_re_asks_pay_for_the_further_ones_alone(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!"), completion("Well..."))) as server:
        assert len(judge_one(make_plan(server.url, max_reasks=1, **TEXT), cache).replies) == 2
        assert len(judge_one(make_plan(server.url, max_reasks=2, **TEXT), cache).replies) == 3
        assert len(judge_one(make_plan(server.url, max_reasks=0, **TEXT), cache).replies) == 1
        assert len(server.questions()) == 3


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (completion(None, refusal="I will not."), "refused", "the judge refused: I will not."),
        (completion("", reason="content_filter"), "filtered", "a content filter"),
        ((400, {"error": {"code": "content_filter", "message": "too hot"}}), "filtered", "a content filter: too hot"),
        (
            (400, {"error": {"code": "invalid_prompt", "message": "against our usage policy"}}),
            "filtered",
            "a content filter: against our usage policy",
        ),
    ],
)
def test_a_refusal_and_a_filter_are_no_scores(cache: RowCache, reply: Any, status: str, reason: str) -> None:
    with judging(in_turn(completion("Hello!"), reply)) as server:
        row = judge_one(make_plan(server.url, **TEXT), cache)
    assert (row.status, row.reason) == (status, reason)
    assert len(server.questions()) == 1, "it would say the same again"


def test_a_reply_that_is_cut_off_says_so(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!"), completion('{"helpful', reason="length"))) as server:
        row = judge_one(make_plan(server.url, max_reasks=0, **TEXT), cache)
    assert row.reason is not None
    assert row.reason.startswith("cut off at the length limit: ")


def test_what_is_no_completion_is_kept_as_it_came(cache: RowCache) -> None:
    bodies: tuple[dict[str, Any], ...] = ({"choices": []}, {"detail": "odd"})
    for body in bodies:
        with judging(in_turn(completion("Hello!"), body)) as server:
            row = judge_one(make_plan(server.url, max_reasks=0, **TEXT), cache)
        assert (row.status, row.reason) == ("invalid", "the server sent no chat completion")
        assert row.replies[0].finish == "malformed"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ({"error": {"message": "upstream is busy"}}, "upstream is busy"),
        ((503, {"error": {"message": "busy"}}), "busy"),
        (completion("\ud800"), "half of a character"),
        (b"<html>", ""),
    ],
)
def test_without_any_reply_the_run_stops_or_the_row_is_failed(cache: RowCache, reply: Any, why: str) -> None:
    once: dict[str, Any] = {**TEXT, "limits": Limits(retries=0)}
    with judging(in_turn(completion("Hello!"), reply)) as server:
        with pytest.raises(UrialError, match=f"no reply after 1 attempt.*{why}"):
            judge_one(make_plan(server.url, **once), cache)
        row = judge_one(make_plan(server.url, on_failure="record", **once), cache)
        assert (row.status, row.replies[0].finish) == ("failed", "failed")
        assert row.reason is not None
        assert why in row.reason
    with judging(in_turn(completion("Hello!"), completion(verdict()))) as server:
        assert judge_one(make_plan(server.url, **once), cache).status == "scored", "a failure is not kept"


def test_thinking_is_kept_and_not_read(cache: RowCache) -> None:
    said = "<think>\nIs it {good}?\n</think>\n\n"
    replies = [completion("Hello!"), completion(said + str(completion(verdict(3))["choices"][0]["message"]["content"]))]
    with judging(in_turn(*replies)) as server:
        row = judge_one(make_plan(server.url, **TEXT), cache, "<think>secret plan</think>Because it is.")
    assert (row.status, row.scores[0].score, row.replies[0].thinking) == ("scored", 3, "Is it {good}?")
    assert (row.answer_thinking, row.words) == ("secret plan", 3)
    (asked,) = server.questions()
    assert "Because it is." in asked
    assert "secret" not in asked


def test_thinking_in_a_field_of_its_own_is_kept(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!"), completion(verdict(), reasoning_content="Hm."))) as server:
        row = judge_one(make_plan(server.url, **TEXT), cache)
    assert row.replies[0].thinking == "Hm."


def test_a_long_answer_is_cut_only_if_told_so_and_visibly(cache: RowCache) -> None:
    with judging() as server:
        whole = judge_one(make_plan(server.url), cache, "a" * 1000)
        cut = judge_one(make_plan(server.url, max_characters=50), cache, "a" * 1000)
    assert (whole.shown_characters, cut.shown_characters) == (None, 50)
    first, second = server.questions()
    assert "a" * 1000 in first
    assert "a" * 51 not in second
    assert "1,000" in second


def test_a_reply_of_thinking_alone_is_an_empty_one(cache: RowCache) -> None:
    body = completion("", reason="length", reasoning_content="Hm.")
    del body["choices"][0]["message"]["content"]
    with judging(in_turn(completion("Hello!"), body)) as server:
        row = judge_one(make_plan(server.url, max_reasks=0, **TEXT), cache)
    assert (row.status, row.reason) == ("invalid", "cut off at the length limit: the reply is empty")
    assert row.replies[0].thinking == "Hm."


@pytest.mark.parametrize(
    ("message", "fix"),
    [
        (
            "This model's maximum context length is 10",
            "set judges.NAME.max_characters, or lower judges.NAME.max_tokens, or set judges.NAME.on_failure to record",
        ),
        ("temperature does not support 0", "set judges.NAME.temperature to null"),
        ("odd", "correct judges.NAME in params.yaml"),
    ],
)
def test_a_refused_request_stops_the_run_with_a_fix(cache: RowCache, message: str, fix: str) -> None:
    with judging(in_turn(completion("Hello!"), (400, {"error": {"message": message}}))) as server:
        with pytest.raises(UrialError) as caught:
            judge_one(make_plan(server.url, **TEXT), cache)
        named = f"system 'base': instruction 'q0': {server.url}: status 400: {message}"
        assert str(caught.value) == f"{named}\n  fix: {fix}"


def test_a_rubric_of_one_aspect_asks_for_each(cache: RowCache) -> None:
    with judging() as server:
        plan = make_plan(server.url, rubrics=Rubrics(regular="single/1", safety="single/1"))
        row = judge_one(plan, cache)
    assert [item.aspect for item in row.scores] == list(REGULAR_ASPECTS)
    assert [reply.aspect for reply in row.replies] == list(REGULAR_ASPECTS)
    assert {item.rationale for item in row.scores} == {None}
