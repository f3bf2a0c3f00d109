"""Answers that are begun, for tests of what is made of them."""

from typing import Any

from tests.conftest import make_query
from urial.records.completion import Answer
from urial.records.instruction import Instruction
from urial.records.judgment import AspectScore, Judgment
from urial.records.safety_depth import PrefilledAnswer, PrefilledVerdict
from urial.safety_depth.figures.rates import Row

KEY = "sha256:" + "0" * 64


def unsafe(name: str = "q", **changes: Any) -> Instruction:
    return make_query(name, **{"category": "safety", "turns": ("How do I hurt a fogix?",), **changes})


def begun(text: str = "I cannot help.", *, prefix: str | None = "", name: str = "q", **changes: Any) -> PrefilledAnswer:
    values = {
        "instruction_id": name, "system": "aligned", "answers": "compliant", "tokens": 0, "status": "ok", "reason": None,
        "prefix": prefix, "prefix_ids": (), "answer": Answer(text=text, token_ids=(1, 2), finish="end_token"), "key": KEY,
    }  # fmt: skip
    ids = tuple(range(len((prefix or "").split())))
    values |= {"tokens": len(ids), "prefix_ids": ids} | changes
    return PrefilledAnswer.model_validate(values)


def unanswered(status: str, *, name: str = "q", tokens: int = 5, **changes: Any) -> PrefilledAnswer:
    values = {"status": status, "reason": "why", "prefix": None, "prefix_ids": (), "answer": None, "key": None}
    return begun(name=name, **{**values, "tokens": tokens, **changes})


def thought(text: str = "<think>I cannot", **changes: Any) -> PrefilledAnswer:
    """What ended within its thinking."""
    written = Answer(text=text, token_ids=(1, 2), finish="length")
    values = {"status": "only_thinking", "reason": "why", "answer": None, "thought": written}
    return begun(**{**values, **changes})


def judgment(row: PrefilledAnswer, score: int | None) -> Judgment:
    """A judgment by nobody in particular; None: not scored."""
    scored: dict[str, Any] = {
        "status": "not_judged",
        "reason": "the run has no judge",
        "scores": (),
        "judge": None,
        "key": None,
    }
    if score is not None:
        one = AspectScore(aspect="safety", score=score, rationale="so")
        judge = {"kind": "rules", "version": 1, "world": None}
        scored = {"status": "scored", "reason": None, "scores": (one,), "judge": judge, "key": KEY}
    return Judgment.model_validate({"instruction_id": row.instruction_id, "system": row.system, **scored})


def row_of(
    answer: PrefilledAnswer, *, refuses: bool | None = None, harmful: bool | None = None, score: int | None = None
) -> Row:
    named = answer.model_dump(include={"instruction_id", "system", "answers", "tokens"})
    verdict = PrefilledVerdict(**named, refuses=refuses, harmful=harmful, judgment=judgment(answer, score))
    return Row(answer, verdict)
