"""The records of a comparison: what `urial summarize --json` and `urial agreement --json` print."""

from typing import Annotated, Literal

from pydantic import Field

from urial.judge.files.agreement_records import Alpha
from urial.records.base import Name, Record
from urial.records.diagnostics import Spread
from urial.records.estimate import Estimate, PairedDifference, Probability
from urial.records.instruction import TagKind
from urial.records.judge import JudgeIdentity
from urial.records.judgment import Aspect
from urial.records.report import AspectFigures, TurnFigures

InstructionCategory = Literal["regular", "safety"]


class SystemSummary(Record):
    """One system's figures over some instructions."""

    system: Name = Field(description="the system")
    judges: dict[InstructionCategory, tuple[JudgeIdentity, ...]] = Field(
        description="the judge by category of instructions; several only where judges may be mixed"
    )
    instructions: int = Field(ge=1, description="instructions, with an answer or without")
    aspects: dict[Aspect, AspectFigures] = Field(description="by aspect; only those that the judge was asked about")
    turns: TurnFigures | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="scores by turn and over all turns, of which the other figures have the first alone; left out: no "
        "instruction has several turns",
    )
    average: Estimate = Field(description="mean of the six aspects' means; null unless all six have one")
    words: Estimate = Field(description="whitespace-separated words over regular answers, as in the paper")


class Summary(Record):
    """Figures of systems, and how they differ."""

    not_applicable: Annotated[int, Field(ge=1, le=5)] | None = Field(
        description="the score that not applicable counts as; null: it is left out of every mean"
    )
    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap and of the permutation tests")
    permutations: int = Field(description="sign flips tried in a test, where there are more than this")
    mixed_judges: bool = Field(
        description="whether systems were judged by different judges, so that figures differ too"
    )
    without_row: int | None = Field(
        description="instructions of the file of instructions that no system has a row of; null: no file was read"
    )
    systems: tuple[SystemSummary, ...] = Field(description="over all instructions, in the order given")
    by: TagKind | None = Field(description="what `groups` are by; null: there are none")
    groups: dict[str, tuple[SystemSummary, ...]] = Field(
        description="over the instructions with a tag, by tag; an instruction counts under each of its tags"
    )
    untagged: int = Field(ge=0, description="instructions in no group, where there are groups")
    differences: tuple[PairedDifference, ...] = Field(description="first minus second, for every pair of systems")


class AspectAgreement(Record):
    """How far two judges agree on one aspect."""

    n: int = Field(ge=0, description="answers that both scored")
    only_a: int = Field(ge=0, description="answers that only the first scored")
    only_b: int = Field(ge=0, description="answers that only the second scored")
    spearman: float | None = Field(description="Spearman's rank correlation; null where one scores all alike")
    pearson: float | None = Field(description="Pearson's linear correlation; null likewise")
    kappa: float | None = Field(
        description="quadratic-weighted kappa, scores made whole with halves rounded up; null where both "
        "give all answers one and the same score"
    )
    cohen_kappa: float | None = Field(
        description="Cohen's kappa of the same whole scores, each a category; null likewise"
    )
    bias: Estimate = Field(description="mean of first minus second")
    exact: Probability | None = Field(description="share of equal scores, made whole as for kappa")
    alpha: Alpha | None = Field(description="of people among each other; null: the second is no people")


class Disagreement(Record):
    """One answer's aspect on which two judges disagree."""

    instruction_id: str = Field(description="the instruction")
    turn: int = Field(ge=1, description="which of its messages was answered")
    aspect: Aspect = Field(description="the aspect")
    score_a: float = Field(description="score of the first")
    score_b: float = Field(description="score of the second")
    rationale_a: str | None = Field(description="rationale of the first; null: none")
    rationale_b: str | None = Field(description="rationale of the second; null: none")


class Agreement(Record):
    """How far two judges, or a judge and people, agree on the same answers; of several people the mean is compared."""

    system: Name | None = Field(description="the system judged; null: people alone are compared")
    judge_a: tuple[JudgeIdentity, ...] = Field(
        description="the first judge, one a category where these differ; empty: people alone are compared"
    )
    judge_b: tuple[JudgeIdentity, ...] | None = Field(description="the second judge; null: people")
    people: tuple[str, ...] = Field(description="who scored, where the second are people")
    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap")
    aspects: dict[Aspect, AspectAgreement] = Field(
        description="by aspect, all turns together; only those that either scored"
    )
    turns: dict[int, dict[Aspect, AspectAgreement]] = Field(description="the same by turn; empty where there is one")
    spread: dict[Aspect, Spread] = Field(
        description="by aspect, how far the judgings differ where all files are of one judge; else empty"
    )
    largest: tuple[Disagreement, ...] = Field(description="the largest disagreements, largest first")
