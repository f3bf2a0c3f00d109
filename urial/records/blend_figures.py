"""The figures of a blend: where the helper stepped in, and how much of what it has before the base the blend has, beside the control's."""

from typing import Literal

from pydantic import Field

from urial.records.base import Name, Record
from urial.records.blend import BlendRule
from urial.records.estimate import Estimate
from urial.records.judgment import Aspect
from urial.records.token_shift import Label

SuppliedKind = Literal["style", "knowledge"]


class SuppliedFigures(Record):
    """Tokens of one label, or of one kind."""

    positions: int = Field(ge=0, description="tokens of this kind")
    supplied: Estimate = Field(description="share of them that the helper supplied")
    share_of_supplied: Estimate = Field(description="share of all tokens that the helper supplied that is of this kind")


class InterventionFigures(Record):
    """Where the helper stepped in, over all answers of a blend or of its control, later turns included."""

    answers: int = Field(ge=0, description="answers")
    positions: int = Field(ge=0, description="their tokens, end tokens included")
    places: int = Field(ge=0, description="places where the rule was asked whether the helper steps in")
    share: Estimate = Field(description="share of these places where it did")
    supplied: Estimate = Field(description="share of the tokens that the helper supplied")
    changed: Estimate = Field(
        description="share of the tokens that the helper supplied and the base alone would not have chosen there"
    )
    words: Estimate = Field(description="share of the words that have such a changed token")
    labels: dict[Label, SuppliedFigures] = Field(description="tokens by label, which rules give and not the truth")
    kinds: dict[SuppliedKind, SuppliedFigures] = Field(
        description="tokens of style, and of names and facts; empty: no truth is known"
    )


class RecoveredFigures(Record):
    """One aspect's scores against the base's, over the instructions on which base, helper, blend and control all have one."""

    n: int = Field(ge=0, description="how many those are")
    helper: Estimate = Field(description="mean score of the helper minus the base's")
    blend: Estimate = Field(description="mean score of the blend minus the base's")
    control: Estimate = Field(description="mean score of the control minus the base's")
    blend_recovered: Estimate = Field(
        description="the blend's difference over the helper's: 1, the blend has all that the helper has before the base"
    )
    control_recovered: Estimate = Field(description="the control's difference over the helper's")


class BlendFigures(Record):
    """A blend beside its control."""

    base: Name = Field(description="the system whose answers are blended")
    helper: str = Field(description="the system that steps in, or the model")
    rule: BlendRule = Field(description="when and how it steps in")
    blend: InterventionFigures = Field(
        description="where the helper stepped in; its share of places is what the control takes"
    )
    control: InterventionFigures = Field(description="the same of the control, NAME-random")
    recovered: dict[Aspect, RecoveredFigures] = Field(
        description="how much of the helper's difference from the base is in the blend, by aspect; empty: nobody judged, or "
        "the helper is no system of the run"
    )
