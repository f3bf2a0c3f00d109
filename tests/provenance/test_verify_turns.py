"""Conversations that a judge model scored from 1 to 10, some beside reference answers, are read again of their replies."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, make_query
from tests.judge.conftest import make_plan
from tests.judge.test_turns import answered
from tests.judge_server import JudgeServer, completion, judging
from tests.provenance.finished import edit_row
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import read_jsonl, write_json, write_jsonl
from urial.judge.scores.run import judge_completions, make_judge
from urial.prompts.references.answers import load_references
from urial.prompts.rubrics.rubrics import load_rubric
from urial.provenance.verify.judgments import check_judgments_of
from urial.provenance.verify.run import Run
from urial.records.judge import ModelIdentity, distinct_judges
from urial.records.judgment import Judgment
from urial.records.params.judges import Rubrics
from urial.records.plans import JudgePlan, OpenAIPlan
from urial.records.references import ReferenceAnswers

INSTRUCTIONS = [
    make_query("math", turns=("1 + 1?", "And twice that?"), task=("math",)),
    make_query("writing", turns=("Write.", "Shorter!"), task=("writing",)),
]
REFERENCES = ReferenceAnswers(turns=INSTRUCTIONS[0].turns, answers=("TWO", "FOUR"), author="a person", corrected=True)
FILE = "data/judgments/base.jsonl"


def scored(body: dict[str, Any]) -> dict[str, Any]:
    """9 for a second answer, 7 for a first one."""
    text = body["messages"][-1]["content"]
    return completion({"overall": {"rationale": "It is so.", "score": 9 if "message of a conversation" in text else 7}})


def mt_bench(url: str, folder: Path) -> JudgePlan:
    write_jsonl(folder / "references.jsonl", [REFERENCES])
    plan = make_plan(url, Rubrics(regular="mt-bench/1"), response_format="json_object").judge
    assert isinstance(plan, OpenAIPlan)
    reference = load_rubric("mt-bench-reference/1", ROOT / "prompts")
    update = {"rubrics": plan.rubrics.model_copy(update={"reference": reference})}
    planned = plan.model_copy(update={**update, "references": load_references(folder / "references.jsonl")})
    return JudgePlan(name="served", judge=planned)


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Run, JudgeServer]:
    rows = [answered("2", "4", instruction=INSTRUCTIONS[0]), answered("A text.", "Text.", instruction=INSTRUCTIONS[1])]
    with judging(scored) as server, RowCache(tmp_path / "rows") as cache:
        plan = mt_bench(server.url, tmp_path)
        judgments = judge_completions(make_judge(plan, cache), INSTRUCTIONS, rows)
    data = tmp_path / "data"
    write_json(data / "plan/judge.json", plan)
    write_jsonl(data / "instructions.jsonl", INSTRUCTIONS)
    write_jsonl(data / "generations/base.jsonl", rows)
    write_jsonl(data / "judgments/base.jsonl", judgments)
    return Run(tmp_path), server


def test_every_turn_is_asked_once_and_scored_on_its_scale(judged: tuple[Run, JudgeServer]) -> None:
    run, server = judged
    rows = read_jsonl(run.root / FILE, Judgment)
    found = [[(score.score, score.scale) for score in turn.scores] for row in rows for turn in (row, *row.later_turns)]
    assert found == [[(7, 10)], [(9, 10)], [(7, 10)], [(9, 10)]]
    asked = server.questions()
    assert len(asked) == 4
    # The reference answers are shown up to the judged turn, and only where there are some.
    assert sorted(("TWO" in text, "FOUR" in text) for text in asked) == [
        (False, False), (False, False), (True, False), (True, True)
    ]  # fmt: skip
    judges = [row.judge for row in rows]
    assert all(isinstance(judge, ModelIdentity) for judge in judges)
    assert [judge.references is not None for judge in judges if isinstance(judge, ModelIdentity)] == [True, False]
    assert len(distinct_judges(judge for judge in judges if judge)) == 1


def test_they_follow_from_their_replies(judged: tuple[Run, JudgeServer]) -> None:
    checked = check_judgments_of(judged[0], "base")
    assert (checked.summary, checked.problems) == ("2 judgments re-derived from the judge's replies", [])


def later_score(row: dict[str, Any]) -> None:
    row["later_turns"][0]["scores"][0]["score"] = 10


def lost_turn(row: dict[str, Any]) -> None:
    row["later_turns"].clear()


def other_judge(row: dict[str, Any]) -> None:
    row["judge"]["references"]["hash"] = f"sha256:{'1' * 64}"


@pytest.mark.parametrize("change", [later_score, lost_turn, other_judge])
def test_what_is_changed_is_found(judged: tuple[Run, JudgeServer], change: Any) -> None:
    run = judged[0]
    edit_row(run.root / FILE, 1, change)
    with pytest.raises(UrialError):
        check_judgments_of(Run(run.root), "base")
