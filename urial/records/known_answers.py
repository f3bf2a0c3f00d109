"""How far a system's answers agree with known ones, and two systems with each other, fact by fact."""

from pydantic import Field

from urial.records.base import Name, Record
from urial.records.estimate import Estimate, Probability


class KnownAnswerFigures(Record):
    """The answers to the instructions with accepted answers; no other instruction counts."""

    contained: Estimate = Field(description="share of the answers that have an accepted answer in them, as whole words")
    exact: Estimate = Field(description="share of the answers that are an accepted answer and nothing else")
    answered: int = Field(ge=0, description="answers, which the shares are of")
    no_completion: int = Field(ge=0, description="instructions without an answer, in no share")
    total: int = Field(ge=1, description="instructions with accepted answers: the sum of the two counts")


class KnownDifference(Estimate):
    """A difference of two shares over the same instructions."""

    n: int = Field(ge=0, description="instructions that both have an answer to")
    p: Probability | None = Field(description="two-sided p-value of McNemar's exact test; null: nothing to test")
    p_holm: Probability | None = Field(description="the same corrected for all such tests beside it (Holm)")


class KnownAgreement(Record):
    """Two systems fact by fact: an answer is right that has an accepted one in it."""

    first: Name = Field(description="a system; of a run, one of the base model")
    second: Name = Field(description="another system; of a run, one of the aligned model")
    both: int = Field(ge=0, description="instructions that both answer right")
    only_first: int = Field(ge=0, description="that only the first does")
    only_second: int = Field(ge=0, description="that only the second does")
    neither: int = Field(ge=0, description="that neither does")
    no_completion: int = Field(ge=0, description="with accepted answers, but without an answer of both")
    difference: KnownDifference = Field(description="share that the first answers right, minus the second's")


class KnownSummary(Record):
    """Known answers in files of answers, one a system."""

    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap")
    systems: dict[Name, KnownAnswerFigures] = Field(description="figures by system")
    agreements: tuple[KnownAgreement, ...] = Field(
        description="every pair of systems, over the instructions that both files have"
    )
