"""Judges of real servers on loopback, and the cases that they are asked about."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, make_query
from urial.core.row_cache import RowCache
from urial.judge.scores.run import judge_completions, make_judge, max_characters
from urial.prompts.rubrics.rubrics import load_rubric
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.params.judges import OpenAIJudge, Price, Rubrics
from urial.records.plans import JudgePlan, OpenAIPlan, PlannedRubrics

HASH = "sha256:" + "0" * 64
MODEL = "judge-2026-01-01"
INSTRUCTIONS = tuple(make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(4))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "rows") as opened:
        yield opened


def make_plan(url: str, rubrics: Rubrics | None = None, price: Price | None = None, **changes: Any) -> JudgePlan:
    """A judge at an address; ``changes`` are fields of params.yaml."""
    fields: dict[str, Any] = {"kind": "openai", "server": url, "model": MODEL, "max_tokens": 100, **changes}
    judge = OpenAIJudge.model_validate({**fields, "rubrics": rubrics or Rubrics()})
    planned = PlannedRubrics(
        regular=load_rubric(judge.rubrics.regular, ROOT / "prompts"),
        safety=load_rubric(judge.rubrics.safety, ROOT / "prompts"),
    )
    return JudgePlan(name="served", judge=OpenAIPlan(kind="openai", judge=judge, rubrics=planned, price=price))


def answered(instruction: Instruction, text: str = "Because.") -> Completion:
    """A completion of the system `base`."""
    answer = Answer(text=text, token_ids=(1,), finish="end_token")
    return Completion(instruction_id=instruction.id, system="base", status="ok", reason=None, answer=answer, key=HASH)


def judge_all(plan: JudgePlan, cache: RowCache, texts: tuple[str, ...] = ("Because.",) * 4) -> list[Judgment]:
    """The judgments of INSTRUCTIONS, answered with ``texts``."""
    instructions = INSTRUCTIONS[: len(texts)]
    completions = [answered(*row) for row in zip(instructions, texts, strict=True)]
    return judge_completions(make_judge(plan, cache), instructions, completions, max_characters(plan))


def judge_one(plan: JudgePlan, cache: RowCache, text: str = "Because.") -> Judgment:
    """The judgment of the first of INSTRUCTIONS."""
    return judge_all(plan, cache, (text,))[0]


def in_turn(*replies: Any) -> Callable[[dict[str, Any]], Any]:
    """Replies that come one after the other to the requests about answers, the last one again and again."""
    left = list(replies)

    def reply(body: dict[str, Any]) -> Any:
        return left.pop(0) if len(left) > 1 else left[0]

    return reply
