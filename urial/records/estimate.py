"""A mean with its interval, and a difference of two: what every figure is made of."""

from typing import Annotated, Literal

from pydantic import Field

from urial.records.base import Name, Record
from urial.records.judgment import Aspect

Probability = Annotated[float, Field(ge=0, le=1)]


class Estimate(Record):
    """A mean with its bootstrap interval; null where there is nothing to average."""

    mean: float | None = Field(description="the mean, or ratio of sums")
    low: float | None = Field(description="lower end of the interval")
    high: float | None = Field(description="upper end of the interval")


class PairedDifference(Estimate):
    """How much higher the first system scores than the second on the instructions that both have a score of."""

    first: Name = Field(description="a system")
    second: Name = Field(description="another system")
    aspect: Aspect | Literal["average"] = Field(description="average: the mean of the six aspects' mean differences")
    n: int = Field(ge=0, description="instructions on which both have a score; average: on some aspect")
    p: Probability | None = Field(
        description="two-sided p-value of a paired permutation test by sign flips; null: nothing to test"
    )
    p_holm: Probability | None = Field(description="the same corrected for all tests of this summary (Holm)")
