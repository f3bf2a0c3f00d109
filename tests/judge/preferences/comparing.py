"""Judges of real servers on loopback that compare two answers, and the pairs that they are asked about."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.conftest import ROOT, make_query
from tests.judge.conftest import make_plan
from tests.judge_server import completion
from urial.core.row_cache import RowCache
from urial.judge.preferences.run import compare_completions, make_preference_judge
from urial.plan.preferences import asked_for
from urial.prompts.preferences.rubrics import load_preference_rubric
from urial.records.completion import Answer, Completion, LaterTurn
from urial.records.instruction import Instruction
from urial.records.plans import OpenAIPlan, PreferencesPlan, RulesPlan
from urial.records.preference import Preference, VerdictForm

HASH = "sha256:" + "0" * 64
RUBRICS: dict[VerdictForm, str] = {
    "json": "preference/overall-1", "text": "preference/overall-1", "tokens": "preference/token-1",
}  # fmt: skip
RULES = PreferencesPlan(
    baseline="other", orders="both", name="rules", judge=RulesPlan(kind="rules", microworld_seed=0), rubric=None
)
INSTRUCTIONS = tuple(make_query(f"q{number}", turns=(f"Why {number}?",)) for number in range(4))


def planned(
    url: str, verdict: VerdictForm = "json", rubric: str | None = None, orders: Any = "both", **changes: Any
) -> PreferencesPlan:
    """Comparisons by a judge at an address; ``changes`` are fields of the judge in params.yaml."""
    judge = make_plan(url, **changes).judge
    assert isinstance(judge, OpenAIPlan)
    asked = judge.model_copy(update={"judge": asked_for(judge.judge, verdict)})
    name = rubric or RUBRICS[verdict]
    return PreferencesPlan(
        baseline="other", orders=orders, name="served", judge=asked,
        rubric=load_preference_rubric(name, verdict, ROOT / "prompts"),
    )  # fmt: skip


def answer(text: str) -> Answer:
    return Answer(text=text, token_ids=(1,), finish="end_token")


def answered(instruction: Instruction, *texts: str | None, system: str = "base") -> Completion:
    """What a system answered to every message; None: nothing."""
    first, *later = texts

    def fields(text: str | None) -> dict[str, Any]:
        if text is None:
            return {"status": "too_long", "reason": "no room", "answer": None, "key": None}
        return {"status": "ok", "reason": None, "answer": answer(text), "key": HASH}

    turns = tuple(LaterTurn(prompt=None, **fields(text)) for text in later)
    return Completion(instruction_id=instruction.id, system=system, later_turns=turns, **fields(first))


def compare(plan: PreferencesPlan, cache: RowCache, pairs: Sequence[tuple[str | None, str | None]]) -> list[Preference]:
    """Preferences of pairs of answers, the system's and the baseline's, to INSTRUCTIONS."""
    asked = INSTRUCTIONS[: len(pairs)]
    ours = [answered(one, pair[0]) for one, pair in zip(asked, pairs, strict=True)]
    theirs = [answered(one, pair[1], system="other") for one, pair in zip(asked, pairs, strict=True)]
    return compare_completions(make_preference_judge(plan, cache), plan, asked, ours, theirs)


def reply(verdict: Any, rationale: Any = "so") -> dict[str, Any]:
    """A chat completion to the rubric preference/overall-1."""
    return completion(json.dumps({"overall": {"rationale": rationale, "verdict": verdict}}))


def parts(body: dict[str, Any]) -> tuple[str, str]:
    """The two answers in a question, A first, by the fences."""
    text = body["messages"][0]["content"]
    marker = text.partition("<answer-A ")[2].partition(">")[0]

    def part(name: str) -> str:
        # The fence, not the words about it in the middle of a line.
        return str(text.partition(f"\n<answer-{name} {marker}>\n")[2].partition(f"\n</answer-{name} {marker}>")[0])

    return part("A"), part("B")


def choosing(choose: Callable[[str, str], str]) -> Callable[[dict[str, Any]], Any]:
    """A server whose judge compares the two answers as ``choose`` does."""

    def answer_of(body: dict[str, Any]) -> Any:
        if body["messages"][0]["content"].startswith("Say hello"):
            return completion("Hello!")
        return reply(choose(*parts(body)))

    return answer_of


def longer(first: str, second: str) -> str:
    """The longer answer is better."""
    return "tie" if len(first) == len(second) else "A" if len(first) > len(second) else "B"
