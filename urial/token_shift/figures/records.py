"""The records of what `urial token-shift summarize --json` prints."""

from typing import Literal

from pydantic import Field

from urial.records.base import Name, Record
from urial.records.report import ContextComparison, Estimate, ShiftFigures


class TagShift(Record):
    """Category shares over the measured answers to the instructions with one tag."""

    answers: int = Field(ge=0, description="answers measured")
    positions: int = Field(ge=0, description="their tokens")
    unshifted: Estimate = Field(description="share of positions with base rank 1")
    marginal: Estimate = Field(description="share of positions with base rank 2 or 3")
    shifted: Estimate = Field(description="share of positions with base rank above 3")


class ShiftSummary(Record):
    """Figures of several measurements, and how those of the same answers differ."""

    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over answers")
    seed: int = Field(description="seed of the bootstrap and of the tests")
    permutations: int = Field(description="sign flips tried in a test, where there are more than this")
    measurements: dict[Name, ShiftFigures] = Field(description="figures by name, in the order given")
    by: Literal["task", "topic"] | None = Field(description="what `groups` are by; null: there are none")
    groups: dict[str, dict[Name, TagShift]] = Field(
        description="shares by tag and name; an instruction counts under each of its tags"
    )
    untagged: int = Field(ge=0, description="measured instructions in no group, where there are groups")
    comparisons: tuple[ContextComparison, ...] = Field(
        description="the first measurement against every other one of the same answers"
    )
    other_answers: tuple[Name, ...] = Field(
        description="measurements of other answers than the first, which are not compared"
    )
