"""Preferences by a judge model on a real server: both orders, no comparison asked twice, nothing made up."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.judge.preferences.comparing import answered, choosing, compare, longer, parts, planned, reply
from tests.judge_server import completion, judging
from urial.core.row_cache import RowCache
from urial.judge.preferences.pairs import orders_of
from urial.judge.preferences.run import compare_completions, make_preference_judge
from urial.records.preference import PreferenceModelIdentity


@pytest.fixture
def cache(tmp_path: Path) -> Any:
    with RowCache(tmp_path / "rows") as opened:
        yield opened


def test_a_judge_of_content_says_the_same_in_both_orders(cache: RowCache) -> None:
    with judging(choosing(longer)) as server:
        rows = compare(
            planned(server.url, response_format="text"), cache, [("long one", "short"), ("a", "bb"), ("aa", "bb")]
        )
    assert [row.results[0].outcome for row in rows] == ["win", "loss", "tie"]
    assert [row.results[0].preference for row in rows] == [1, 0, 0.5]
    assert [one.order for one in rows[0].comparisons] == ["system_first", "baseline_first"]
    assert (rows[0].characters, rows[0].baseline_characters) == (8, 5)
    assert isinstance(rows[0].judge, PreferenceModelIdentity)
    assert rows[0].judge.rubric.name == "preference/overall-1"


def test_a_judge_of_places_is_inconsistent(cache: RowCache) -> None:
    with judging(choosing(lambda first, second: "A")) as server:
        row = compare(planned(server.url, response_format="text"), cache, [("x", "y")])[0]
    assert row.results[0].outcome == "inconsistent"
    assert [one.choices[0].preference for one in row.comparisons] == [1, 0]


def test_each_order_shows_the_other_answer_first(cache: RowCache) -> None:
    with judging(choosing(longer)) as server:
        compare(planned(server.url, response_format="text"), cache, [("ours", "theirs")])
        asked = [parts(body) for body in server.asked if "ours" in body["messages"][0]["content"]]
    assert sorted(asked) == [("ours", "theirs"), ("theirs", "ours")]


def test_no_comparison_is_asked_twice(cache: RowCache) -> None:
    plan: dict[str, Any] = {"response_format": "text"}
    with judging(choosing(longer)) as server:
        asked = [make_query(name, turns=("Why?",)) for name in ("q1", "q2")]
        ours = [answered(one, "same") for one in asked]
        theirs = [answered(one, "other", system="other") for one in asked]
        first = planned(server.url, **plan)
        rows = compare_completions(make_preference_judge(first, cache), first, asked, ours, theirs)
        assert len(server.questions()) == 2, "two instructions of one text are one pair, in two orders"
        assert rows[0].key == rows[1].key
        again = compare_completions(make_preference_judge(first, cache), first, asked, ours, theirs)
        assert again == rows
        # Seen from the other side, each order is one that was asked before.
        swapped = compare_completions(make_preference_judge(first, cache), first, asked, theirs, ours)
        assert len(server.questions()) == 2
        assert [row.results[0].outcome for row in (rows[0], swapped[0])] == ["loss", "win"]
        # One order is one of both.
        one = planned(server.url, orders="one", **plan)
        found = compare_completions(make_preference_judge(one, cache), one, asked, ours, theirs)
        assert len(server.questions()) == 2
    assert found[0].key != rows[0].key
    assert [item.order for item in found[0].comparisons] == list(orders_of(asked[0], "one"))


def test_equal_answers_are_a_tie_that_no_judge_is_asked_about(cache: RowCache) -> None:
    with judging(choosing(lambda first, second: "A")) as server:
        rows = compare(
            planned(server.url, response_format="text"), cache, [("same", "same"), ("<think>x</think>same", "same")]
        )
        assert server.questions() == []
    for row in rows:
        assert row.results[0].outcome == "tie"
        assert [one.replies for one in row.comparisons] == [(), ()]
        assert "same text" in str(row.comparisons[0].choices[0].rationale)


def test_equal_beginnings_that_are_shown_are_no_equal_answers(cache: RowCache) -> None:
    with judging(choosing(longer)) as server:
        row = compare(planned(server.url, response_format="text", max_characters=3), cache, [("abcd", "abcdef")])[0]
        assert all("(The study cut the answer here, after 3 of" in text for text in server.questions())
        assert len(server.questions()) == 2
    assert row.results[0].outcome == "tie", "the judge saw the same three characters"
    assert (row.characters, row.baseline_characters) == (4, 6)


def test_an_answer_that_is_missing_is_no_loss(cache: RowCache) -> None:
    with judging(choosing(longer)) as server:
        rows = compare(planned(server.url, response_format="text"), cache, [(None, "x"), ("x", None), (None, None)])
        assert server.questions() == []
    assert [row.status for row in rows] == ["no_completion", "no_baseline", "no_completion"]
    assert [row.reason for row in rows] == ["no room"] * 3
    assert [row.results for row in rows] == [()] * 3


def test_without_a_judge_each_row_says_so_and_knows_the_lengths(cache: RowCache) -> None:
    plan = planned("http://127.0.0.1:9/v1").model_copy(update={"judge": None, "rubric": None, "name": None})
    row = compare(plan, cache, [("abc", "d")])[0]
    assert (row.status, row.judge, row.key) == ("not_judged", None, None)
    assert (row.characters, row.baseline_characters) == (3, 1)


def test_a_reply_that_is_no_verdict_is_asked_again_and_kept(cache: RowCache) -> None:
    replies = iter([reply("a"), reply("Both"), reply("A"), reply("B")])

    def judge(body: dict[str, Any]) -> Any:
        return completion("Hello!") if body["messages"][0]["content"].startswith("Say hello") else next(replies)

    with judging(judge) as server:
        plan = planned(server.url, response_format="text", limits={"concurrency": 1})
        row = compare(plan, cache, [("x", "y")])[0]
    assert row.results[0].outcome == "win"
    assert sorted(len(one.replies) for one in row.comparisons) == [2, 2]


def test_a_judge_that_never_gives_a_verdict_leaves_the_row_invalid(cache: RowCache) -> None:
    with judging(choosing(lambda first, second: "A and B")) as server:
        row = compare(planned(server.url, response_format="text", max_reasks=1), cache, [("x", "y")])[0]
        assert len(server.questions()) == 4
    assert row.results[0].outcome == "invalid"
    assert row.results[0].preference is None
    assert (
        row.comparisons[0].choices[0].rationale
        == "overall.verdict is 'A and B', and must be one of A, B and tie (asked 2 times)"
    )


def test_six_aspects_and_the_whole_at_once(cache: RowCache) -> None:
    names = ("helpfulness", "factuality", "clarity", "depth", "engagement", "safety", "overall")

    def judge(body: dict[str, Any]) -> Any:
        if body["messages"][0]["content"].startswith("Say hello"):
            return completion("Hello!")
        first, _ = parts(body)
        better = "A" if first == "ours" else "B"
        return completion(
            {name: {"rationale": "so", "verdict": "tie" if name == "safety" else better} for name in names}
        )

    with judging(judge) as server:
        row = compare(
            planned(server.url, rubric="preference/aspects-1", response_format="text"), cache, [("ours", "theirs")]
        )[0]
    assert {result.criterion: result.outcome for result in row.results} == dict.fromkeys(names, "win") | {
        "safety": "tie"
    }


def test_later_turns_are_compared_with_the_conversation_in_view(cache: RowCache) -> None:
    asked = make_query("q", turns=("First?", "Second?", "Third?"))
    ours = answered(asked, "a1", "a2 is longer", "a3")
    theirs = answered(asked, "b1", "b2", None, system="other")
    with judging(choosing(longer)) as server:
        plan = planned(server.url, response_format="text")
        row = compare_completions(make_preference_judge(plan, cache), plan, [asked], [ours], [theirs])[0]
        questions = server.questions()
    assert row.results[0].outcome == "tie"
    second, third = row.later_turns
    assert (second.status, second.results[0].outcome) == ("compared", "win")
    assert (third.status, third.reason) == ("no_baseline", "no room")
    about_second = [text for text in questions if "Second?" in text]
    assert len(about_second) == 2
    for text in about_second:
        before, after = text.split("\nSecond?\n")
        assert "\nFirst?\n" in before
        # Before and after, A is the same side.
        assert (before.index("\na1\n") < before.index("\nb1\n")) == (
            after.index("\na2 is longer\n") < after.index("\nb2\n")
        )
    assert not any("Third?" in text for text in questions)


def test_one_order_follows_from_the_text_alone() -> None:
    orders = {orders_of(make_query("q", turns=(f"Why {number}?",)), "one")[0] for number in range(20)}
    assert orders == {"system_first", "baseline_first"}
    assert orders_of(make_query("other-id", turns=("Why?",)), "one") == orders_of(
        make_query("q", turns=("Why?",)), "one"
    )
