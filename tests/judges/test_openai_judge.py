"""A judge behind a real HTTP server: every reply is accounted for, and none is asked for twice."""

from typing import Any

import pytest

from tests.judge_server import completion, judging, verdict
from tests.judges.conftest import HASH, INSTRUCTIONS, MODEL, answered, in_turn, judge_all, judge_one, make_plan
from urial.api.limits import Limits
from urial.errors import UrialError
from urial.judging import judge_completions, make_judge
from urial.params import Price, Rubrics
from urial.records import REGULAR_ASPECTS, Completion
from urial.rowcache import RowCache

TEXT: dict[str, Any] = {"reply": "text"}


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


def test_the_judge_is_named_in_every_row(cache: RowCache) -> None:
    with judging() as server:
        row = judge_one(make_plan(server.url, seed=7, parameters={"top_p": 0.5}), cache)
        address = server.url
    begin, _, rubrics = row.judge.partition("; rubrics ")
    assert begin == (
        f'openai/1 {address} {MODEL}, temperature 0, seed 7, at most 100 tokens, parameters {{"top_p": 0.5}}, '
        "reply json_schema"
    )
    assert [item.partition("@")[0] for item in rubrics.split(", ")] == ["multi/1", "safety/1"]


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
        row = judge_one(make_plan(server.url, re_asks=2, **TEXT), cache)
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
        assert len(judge_one(make_plan(server.url, re_asks=1, **TEXT), cache).replies) == 2
        assert len(judge_one(make_plan(server.url, re_asks=2, **TEXT), cache).replies) == 3
        assert len(judge_one(make_plan(server.url, re_asks=0, **TEXT), cache).replies) == 1
        assert len(server.questions()) == 3


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (completion(None, refusal="I will not."), "refused", "the judge refused: I will not."),
        (completion("", reason="content_filter"), "filtered", "a content filter"),
        ((400, {"error": {"code": "content_filter", "message": "too hot"}}), "filtered", "a content filter: too hot"),
    ],
)
def test_a_refusal_and_a_filter_are_no_scores(cache: RowCache, reply: Any, status: str, reason: str) -> None:
    with judging(in_turn(completion("Hello!"), reply)) as server:
        row = judge_one(make_plan(server.url, **TEXT), cache)
    assert (row.status, row.reason) == (status, reason)
    assert len(server.questions()) == 1, "it would say the same again"


def test_a_reply_that_is_cut_off_says_so(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!"), completion('{"helpful', reason="length"))) as server:
        row = judge_one(make_plan(server.url, re_asks=0, **TEXT), cache)
    assert row.reason is not None
    assert row.reason.startswith("cut off at the length limit: ")


def test_what_is_no_completion_is_kept_as_it_came(cache: RowCache) -> None:
    bodies: tuple[dict[str, Any], ...] = ({"choices": []}, {"detail": "odd"})
    for body in bodies:
        with judging(in_turn(completion("Hello!"), body)) as server:
            row = judge_one(make_plan(server.url, re_asks=0, **TEXT), cache)
        assert (row.status, row.reason) == ("invalid", "the server sent no chat completion")
        assert row.replies[0].finish == "malformed"


@pytest.mark.parametrize(
    ("reply", "why"),
    [((503, {"error": {"message": "busy"}}), "busy"), (completion("\ud800"), "half of a character"), (b"<html>", "")],
)
def test_without_any_reply_the_run_stops_or_the_row_is_failed(cache: RowCache, reply: Any, why: str) -> None:
    once: dict[str, Any] = {**TEXT, "limits": Limits(retries=0)}
    with judging(in_turn(completion("Hello!"), reply)) as server:
        with pytest.raises(UrialError, match=f"no reply after 1 attempt.*{why}"):
            judge_one(make_plan(server.url, **once), cache)
        row = judge_one(make_plan(server.url, failures="record", **once), cache)
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


def test_another_model_than_the_one_on_record_stops_the_run(cache: RowCache) -> None:
    with judging(in_turn(completion("Hello!"), completion(verdict(), model="judge-2027"))) as server:
        with pytest.raises(UrialError) as caught:
            judge_one(make_plan(server.url, **TEXT), cache)
        address = server.url
    assert str(caught.value) == (
        f"{address}: 'judge-2027' replied, but the replies on record are of '{MODEL}'"
        "\n  expected: one judge for all rows\n  fix: name the dated snapshot as judges.NAME.model"
    )


def test_a_rubric_of_one_aspect_asks_for_each(cache: RowCache) -> None:
    with judging() as server:
        plan = make_plan(server.url, rubrics=Rubrics(regular="single/1", safety="single/1"))
        row = judge_one(plan, cache)
    assert [item.aspect for item in row.scores] == list(REGULAR_ASPECTS)
    assert [reply.aspect for reply in row.replies] == list(REGULAR_ASPECTS)
    assert {item.rationale for item in row.scores} == {None}


def test_a_budget_stops_before_it_is_exceeded_and_keeps_what_is_paid(cache: RowCache) -> None:
    # 100 tokens read and 10 written cost 200 here; 100 written at most cost 1,000, and each byte of a question 1.
    price = Price(input=1_000_000, output=10_000_000)
    with judging() as server:
        limits: dict[str, Any] = {"limits": Limits(concurrency=1)}
        judge_one(make_plan(server.url), cache)
        size = len(server.questions()[0].encode())
        plan = make_plan(server.url, price=price, budget=float(size + 1_000 + 250), **limits)
        with pytest.raises(UrialError) as caught:
            judge_all(plan, cache)
        done = len(server.questions())
        assert str(caught.value).startswith(f"the budget of {size + 1_250:g} would be exceeded: ")
        rows = judge_all(make_plan(server.url), cache)
        assert len(rows) == 4
        assert 1 < done < 4
        assert len(server.questions()) == 4, "what was paid is not paid again"


def test_a_budget_needs_a_server_that_counts(cache: RowCache) -> None:
    uncounted = {key: value for key, value in completion(verdict()).items() if key != "usage"}
    with judging(in_turn(completion("Hello!"), uncounted)) as server:
        plan = make_plan(server.url, price=Price(input=1, output=1), budget=100.0, **TEXT)
        with pytest.raises(UrialError, match="the server counts no tokens, so that no budget can be kept"):
            judge_one(plan, cache)


def test_keys_of_rows_hold_no_limits(cache: RowCache) -> None:
    with judging() as server:
        first = judge_one(make_plan(server.url), cache)
        again = judge_one(make_plan(server.url, limits=Limits(concurrency=3, timeout_seconds=5.0)), cache)
    assert first == again
    assert first.key not in (None, HASH)
