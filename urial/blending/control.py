"""The rule that a blend is decoded by, and the share of places that its control takes at random."""

from collections.abc import Iterable
from typing import Literal

from urial.records.blend import Nudge, PlannedRule, RandomShare
from urial.records.blended_tokens import places_of
from urial.records.completion import Answer, Completion
from urial.records.plans import SystemPlan


def rule_of(plan: SystemPlan, blended: Iterable[Completion]) -> PlannedRule:
    """The rule of a planned blend or control; ``blended`` are the answers of the blend that a control is of."""
    if plan.blend is None:
        raise TypeError(f"{plan.system} is no blend")
    rule = plan.blend.rule
    if plan.blend.control_of is None:
        return rule
    unit: Literal["token", "word"] = "word" if isinstance(rule, Nudge) else "token"
    return RandomShare(kind="random", share=measured_share(blended), unit=unit, seed=plan.decoding.seed)


def measured_share(completions: Iterable[Completion]) -> float:
    """Of the places where the rule was asked, the share where it stepped in; of no place at all 0."""
    answers = [turn.answer for row in completions for turn in (row, *row.later_turns) if turn.answer]
    places = [_places(answer) for answer in answers]
    stepped, asked = sum(place[0] for place in places), sum(place[1] for place in places)
    return stepped / asked if asked else 0.0


def _places(answer: Answer) -> tuple[int, int]:
    if answer.interventions is None or answer.token_ids is None:
        raise ValueError("not the answer of a blend")
    return places_of(answer.interventions, len(answer.token_ids))
