"""What a judge model said is read again of the replies in the rows, with no judge at hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.judge.conftest import INSTRUCTIONS, answered, in_turn, make_plan
from tests.judge_server import completion, judging, verdict
from tests.provenance.finished import edit_row
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import write_json, write_jsonl
from urial.judge.scores.run import judge_completions, make_judge, max_characters
from urial.provenance.verify.judgments import check_judgments_of
from urial.provenance.verify.run import Run
from urial.records.params.judges import Rubrics
from urial.records.plans import JudgePlan

TEXTS = ("Because.", "A much longer answer than the judge is shown.", "No.", "<think>Hm.</think>Yes.")
REPLIES = (verdict(3), "no verdict", verdict(5), verdict(2), verdict("N/A"), "nor this", verdict(4))


@pytest.fixture(params=["multi/1", "single/1"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """The judgments of a judge behind a server that is gone, among them replies that are no verdict."""
    single = request.param == "single/1"
    replies = [{"score": 2}, "no verdict", {"score": 5}] if single else REPLIES
    with judging(in_turn(*map(completion, replies))) as server, RowCache(tmp_path / "rows") as cache:
        rubrics = Rubrics(regular=request.param)
        plan = make_plan(
            server.url,
            rubrics,
            max_reasks=1,
            response_format="json_object",
            max_characters=20,
            limits={"concurrency": 1},
        )
        rows = [answered(*row) for row in zip(INSTRUCTIONS, TEXTS, strict=True)]
        judgments = judge_completions(make_judge(plan, cache), INSTRUCTIONS, rows, max_characters(plan))
    data = tmp_path / "data"
    write_json(data / "plan/judge.json", plan)
    write_jsonl(data / "instructions.jsonl", INSTRUCTIONS)
    write_jsonl(data / "generations/base.jsonl", rows)
    write_jsonl(data / "judgments/base.jsonl", judgments)
    assert {len(row.replies) for row in judgments} > {5 if single else 1}
    return Run(tmp_path)


def test_judgments_follow_from_their_replies(run: Run) -> None:
    checked = check_judgments_of(run, "base")
    assert (checked.summary, checked.problems) == ("4 judgments re-derived from the judge's replies", [])


def test_without_a_judge_that_each_answer_is_not_judged_is_derived_again(run: Run) -> None:
    write_json(run.root / "data/plan/judge.json", JudgePlan(name=None, judge=None))
    rows = judge_completions(None, INSTRUCTIONS, [answered(*row) for row in zip(INSTRUCTIONS, TEXTS, strict=True)])
    write_jsonl(run.root / "data/judgments/base.jsonl", rows)
    assert check_judgments_of(Run(run.root), "base").summary == "4 answers, of which none is judged"
    edit_row(run.root / "data/judgments/base.jsonl", 2, lambda row: row.update(words=7))
    with pytest.raises(UrialError, match=r"base\.jsonl.*words"):
        check_judgments_of(Run(run.root), "base")


def score(row: dict[str, Any]) -> None:
    row["scores"][0]["score"] = 1


def reply(row: dict[str, Any]) -> None:
    row["replies"][0]["text"] = row["replies"][0]["text"].replace("5", "1")


def lost(row: dict[str, Any]) -> None:
    row["replies"].clear()


def judge(row: dict[str, Any]) -> None:
    row["judge"]["model"]["served_model"] = "judge-2025-01-01"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (score, "data/judgments/base.jsonl: line 2: scores.0.score: judged again "),
        (reply, "data/judgments/base.jsonl: line 2: scores.0.score: judged again 1, found "),
        (lost, "data/judgments/base.jsonl: line 2: "),
        (judge, "data/judgments/base.jsonl: judge: "),
    ],
)
def test_a_row_that_does_not_follow_is_named(run: Run, change: Callable[[dict[str, Any]], None], message: str) -> None:
    edit_row(run.data / "judgments/base.jsonl", 2, change)
    with pytest.raises(UrialError) as caught:
        check_judgments_of(run, "base")
    assert caught.value.what.startswith(message)


def test_a_judge_that_is_not_the_planned_one_is_named(run: Run) -> None:
    for line in range(1, 5):
        edit_row(run.data / "judgments/base.jsonl", line, lambda row: row["judge"]["model"].update(temperature=1.0))
    with pytest.raises(UrialError) as caught:
        check_judgments_of(run, "base")
    assert ", temperature 1, " in caught.value.what
    assert caught.value.expected is not None
    assert ", temperature 0, " in caught.value.expected
