"""The rule that a blend is decoded by, and the share of places that its control takes at random."""

from collections.abc import Iterable
from typing import Literal

from urial.records.blend import Nudge, PlannedRule, RandomShare
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
    places = [places_of(turn.answer) for row in completions for turn in (row, *row.later_turns) if turn.answer]
    stepped, asked = (sum(part) for part in zip(*places, strict=True)) if places else (0, 0)
    return stepped / asked if asked else 0.0


def places_of(answer: Answer) -> tuple[int, int]:
    """At how many places of a blended answer the rule stepped in, and at how many it was asked.

    It was asked at each token but those that follow within a word of the helper's.
    """
    made = answer.interventions
    if made is None or answer.token_ids is None:
        raise ValueError("not the answer of a blend")
    return len(made.starts), len(answer.token_ids) - len(made.supplied) + len(made.starts)
