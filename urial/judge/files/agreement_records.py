"""What `urial agreement --json` prints of preferences: how a judge and people, or people among each other, agree."""

from pydantic import Field

from urial.records.base import Name, Record
from urial.records.diagnostics import Share, Spread
from urial.records.estimate import Estimate
from urial.records.preference import Criterion, PreferenceJudge


class Alpha(Record):
    """Krippendorff's alpha of several people's ratings; null where nothing is rated twice, or all ratings are the same."""

    rated_twice: int = Field(ge=0, description="what two people or more rated")
    nominal: float | None = Field(description="every two different ratings differ as much")
    ordinal: float | None = Field(description="ratings differ by how many are between them")
    interval: float | None = Field(description="ratings differ by the square of their difference")


class Leaning(Record):
    """What preferences lean to, each rating counted."""

    longer: Share = Field(
        description="for the longer answer, of those that prefer one and whose answers differ by more than 30 characters"
    )
    lists: Share = Field(
        description="for the answer with a list, of those that prefer one and where one answer alone has a list"
    )
    baseline: float | None = Field(
        description="mean preference for the baseline, AlpacaEval's output_1 and its 'prefers 1'; null: no preferences"
    )


class SystemRates(Record):
    """A system's win rates by both sides, over the pairs that both rated."""

    system: Name | None = Field(description="the system; null: the file names none")
    baseline: Name | None = Field(description="what it is compared with; null: the file names none")
    pairs: int = Field(ge=1, description="pairs that both rated")
    win_rate_a: float = Field(ge=0, le=1, description="mean preference for the system by A")
    win_rate_b: float = Field(ge=0, le=1, description="mean preference for the system by B, each rating counted")


class PreferencePart(Record):
    """Agreement on one criterion in one turn, or in all."""

    criterion: Criterion = Field(description="what is compared")
    turn: int | None = Field(description="which message was answered, from 1; null: all turns, pooled")
    both: int = Field(ge=0, description="pairs of answers that A and B rated")
    only_a: int = Field(ge=0, description="pairs that only A rated")
    only_b: int = Field(ge=0, description="pairs that only B rated")
    inconsistent: int = Field(
        ge=0, description="of both, those whose orders disagree by A's verdicts: a tie wherever sides count"
    )
    agreement: Estimate = Field(
        description="1 - mean distance of A's preference from B's majority: AlpacaEval's human agreement"
    )
    bias: Estimate = Field(description="mean distance of A's majority over its judgings from B's majority")
    variance: Estimate = Field(
        description="mean distance of one judging of A from the majority of the others; null: judged once"
    )
    among_b: Estimate = Field(
        description="agreement of each person with the majority of the others; 1 - this is people's variance"
    )
    with_ties: Share = Field(
        description="equal votes of A and each person, ties being votes: MT-Bench's setup with ties"
    )
    without_ties: Share = Field(description="likewise where neither says tie")
    b_with_ties: Share = Field(description="equal votes of every two people")
    b_without_ties: Share = Field(description="likewise where neither says tie")
    kappa: float | None = Field(
        description="Cohen's kappa of A's side and that of B's majority; null where chance alone agrees"
    )
    quadratic_kappa: float | None = Field(description="the same with quadratic weights over loss, tie and win")
    alpha: Alpha = Field(description="of people among each other, over loss, tie and win")
    leaning_a: Leaning = Field(
        description="what A leans to, over the pairs that both rated, or that it rated alone without B"
    )
    leaning_b: Leaning = Field(description="what B leans to, likewise")
    systems: tuple[SystemRates, ...] = Field(description="win rates of each system")
    spearman: float | None = Field(
        description="rank correlation of the systems' win rates; null: fewer than two, or all alike"
    )
    pearson: float | None = Field(description="linear correlation of the same")
    spread: Spread | None = Field(description="how far A's judgings differ; null: judged once")


class PreferenceDisagreement(Record):
    """A pair of answers on which A and B disagree."""

    instruction_id: str = Field(description="the instruction")
    turn: int = Field(description="which message was answered")
    criterion: Criterion = Field(description="what is compared")
    system: Name | None = Field(description="the system")
    baseline: Name | None = Field(description="what it is compared with")
    preference_a: float = Field(description="A's preference for the system, mean over judgings")
    preference_b: float = Field(description="B's, mean over people")
    people: int = Field(ge=1, description="how many of B rated it")
    rationale_a: str | None = Field(description="rationale of A; null: none")
    rationale_b: str | None = Field(description="rationale of the first of B that gave one; null: none")


class PreferenceAgreement(Record):
    """How far a judge (A) and people or another judge (B) agree on the same pairs of answers."""

    judge_a: PreferenceJudge | None = Field(description="the judge; null: people alone are compared")
    judge_b: PreferenceJudge | None = Field(description="the other judge; null: people, or nobody")
    judgings: int = Field(ge=0, description="how often A judged")
    people: tuple[str, ...] = Field(description="who rated, where B are people")
    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over pairs of answers")
    seed: int = Field(description="seed of the bootstrap")
    parts: tuple[PreferencePart, ...] = Field(
        description="by criterion and turn, then over all turns where there are several"
    )
    largest: tuple[PreferenceDisagreement, ...] = Field(description="the largest disagreements, largest first")
