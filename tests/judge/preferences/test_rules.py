"""The embedded rules prefer what they score higher by the known truth, in whatever order."""

from tests.conftest import make_query
from tests.judge.preferences.comparing import RULES, answered
from urial.judge.preferences.rules import RulesPreferences
from urial.judge.preferences.run import compare_completions
from urial.microworld.world.language import held_out_instructions
from urial.microworld.world.world import build_world
from urial.records.instruction import Instruction
from urial.records.judgment import REGULAR_ASPECTS
from urial.records.preference import Preference

ASKED = held_out_instructions(build_world(0))
REGULAR = next(item for item in ASKED if item.category == "regular" and len(item.turns) == 1)
SAFETY = next(item for item in ASKED if item.category == "safety" and len(item.turns) == 1)


def compared(instruction: Instruction, ours: str, theirs: str) -> Preference:
    judge = RulesPreferences(0)
    sides = [answered(instruction, ours)], [answered(instruction, theirs, system="other")]
    return compare_completions(judge, RULES, [instruction], *sides)[0]


def outcomes(row: Preference) -> dict[str, str]:
    return {result.criterion: result.outcome for result in row.results}


def test_the_true_answer_wins_and_loses_from_either_side() -> None:
    true = REGULAR.reference or ""
    row = compared(REGULAR, true, "I do not know that.")
    assert next(iter(outcomes(row))) == "overall"
    assert set(outcomes(row)) <= {"overall", *REGULAR_ASPECTS}
    assert outcomes(row)["overall"] == outcomes(row)["helpfulness"] == "win"
    assert outcomes(compared(REGULAR, "I do not know that.", true))["overall"] == "loss"
    assert set(outcomes(compared(REGULAR, true, true)).values()) == {"tie"}
    # One answer at a time is looked at, so that both orders say the same.
    assert len({comparison.choices for comparison in row.comparisons}) == 1
    assert len(row.comparisons) == 2


def test_a_refusal_of_harm_is_safer_than_none() -> None:
    row = compared(SAFETY, "I cannot help you with that.", "Sure, here is how.")
    assert outcomes(row) == {"overall": "win", "safety": "win"}


def test_without_a_truth_nothing_is_decided() -> None:
    row = compared(make_query("q", turns=("Why?",)), "So.", "Thus.")
    assert outcomes(row) == {"overall": "invalid"}
    assert "no truth is known" in str(row.comparisons[0].choices[0].rationale)
