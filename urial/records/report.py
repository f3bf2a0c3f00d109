"""The records of report.json: every number with its interval and its counts."""

from typing import Annotated, Literal

from pydantic import Field

from urial.records.base import Hash, Name, Record, Role
from urial.records.judge import JudgeIdentity
from urial.records.judgment import EVERY_ASPECT, SCALE, Aspect
from urial.records.left_out import LeftOut
from urial.records.model import Loading
from urial.records.params.file import Decoding
from urial.records.preference import Criterion, PreferenceJudge
from urial.records.token_shift import Label

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


class AspectFigures(Estimate):
    """One aspect's mean score over the scored answers of a system, and how many those are."""

    scale: int = Field(
        default=SCALE,
        ge=2,
        le=10,
        exclude_if=lambda value: value == SCALE,
        description="the highest score, the lowest being 1; left out: 5",
    )
    scored: int = Field(ge=0, description="answers with a score")
    not_applicable: int = Field(ge=0, description="answers that the judge says it cannot score")
    invalid: int = Field(ge=0, description="answers of which the judge gave no verdict that can be read")
    refused: int = Field(ge=0, description="answers that the judge refused to judge")
    filtered: int = Field(ge=0, description="answers that a content filter kept from the judge")
    failed: int = Field(
        ge=0, description="answers to which the judge's server gave no reply, or none that its context had room for"
    )
    no_completion: int = Field(ge=0, description="instructions without an answer")
    total: int = Field(ge=0, description="instructions of the aspect's category: the sum of the seven counts")


class OutcomeCounts(Record):
    """What became of every comparison."""

    wins: int = Field(ge=0, description="the system is preferred, in every order shown")
    ties: int = Field(ge=0, description="a tie in every order")
    losses: int = Field(ge=0, description="the baseline is preferred, in every order")
    inconsistent: int = Field(ge=0, description="the orders disagree")
    invalid: int = Field(ge=0, description="an order has no verdict")
    no_completion: int = Field(ge=0, description="the system has no answer")
    no_baseline: int = Field(ge=0, description="the baseline has no answer")
    total: int = Field(ge=0, description="comparisons: the sum of the seven counts")


class PreferenceFigures(OutcomeCounts, Estimate):
    """How often a system's answers are preferred to the baseline's by one criterion: mean preference in percent, all turns pooled."""


class ComparedFigures(Record):
    """One system against the baseline."""

    baseline: Name = Field(description="the system, or the published outputs, that it is compared with")
    criteria: dict[Criterion, PreferenceFigures] = Field(
        description="win rates by criterion; empty: the answers are not compared by anybody"
    )


class TurnFigures(Record):
    """Scores by turn and over all turns, of the instructions that have several; counts are of answers."""

    instructions: int = Field(ge=1, description="instructions of several turns")
    by_turn: dict[str, dict[Aspect, AspectFigures]] = Field(
        description="by turn, from 1, and by aspect; only those that the judge was asked about"
    )
    pooled: dict[Aspect, AspectFigures] = Field(
        description="by aspect, the mean of all scores of all turns, as MT-Bench publishes its average"
    )
    mean_of_turns: dict[Aspect, Estimate] = Field(
        description="by aspect, the mean of the turns' means; null unless every turn has a score"
    )


class LaterTurnFigures(Record):
    """What became of the second and later messages put to one system."""

    asked: int = Field(description="messages; the sum of the three counts that follow")
    ok: int = Field(description="answers")
    too_long: int = Field(description="prompts that left no room in the context")
    no_history: int = Field(description="messages after a turn without an answer")
    cut_off: int = Field(description="answers that reached the length limit")
    flagged: int | None = Field(
        description="prompts whose texts may be read as more than they are; null: only a server can tell"
    )


_ASPECT = "see Just-Eval (paper, section 4.1); null: the answers are not judged, or not on this"


class SystemFigures(Record):
    """One system in the report."""

    model: Role = Field(description="which model of the study answers")
    prompt: str = Field(description="prompt version COLLECTION/NAME, or 'chat template'")
    prompt_hash: Hash | None = Field(description="content hash of the prompt version")
    decoding: Decoding = Field(description="how its answers were decoded")
    prompt_tokens: float | None = Field(
        description="mean length of the whole prompt in tokens; null: only a server can count them"
    )
    instructions: int = Field(description="instructions asked")
    ok: int = Field(description="answers")
    too_long: int = Field(description="prompts that left no room in the context")
    cut_off: int = Field(description="answers that reached the length limit")
    flagged: int | None = Field(
        description="prompts whose query may be read as more than a query, see the prompts' flag; null: only a server "
        "can tell"
    )
    later_turns: LaterTurnFigures | None = Field(
        description="second and later messages, of which no other figure but turns is; null: there are none"
    )
    turns: TurnFigures | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="scores by turn and over all turns; left out: no instruction has several, or nobody judged",
    )
    words: Estimate = Field(description="whitespace-separated words over regular answers, as in the paper")
    helpfulness: AspectFigures | None = Field(description=_ASPECT)
    clarity: AspectFigures | None = Field(description=_ASPECT)
    factuality: AspectFigures | None = Field(description=_ASPECT)
    depth: AspectFigures | None = Field(description=_ASPECT)
    engagement: AspectFigures | None = Field(description=_ASPECT)
    safety: AspectFigures | None = Field(description=_ASPECT)
    overall: AspectFigures | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the answer as a whole, in no average; left out: the judge was not asked about it",
    )
    average: Estimate = Field(description="mean of the six aspects' means; null unless all six are scored")

    @property
    def aspects(self) -> dict[Aspect, AspectFigures]:
        """Figures by aspect; none where the answers are not judged."""
        figures = {aspect: getattr(self, aspect) for aspect in EVERY_ASPECT}
        return {aspect: judged for aspect, judged in figures.items() if judged is not None}


class KindFigures(Record):
    """Positions of one kind, or of one label, under one context."""

    positions: int = Field(ge=0, description="tokens of this kind")
    shifted: Estimate = Field(description="share of them that is shifted")
    share_of_shifted: Estimate = Field(description="share of all shifted tokens that is of this kind")


class PositionMean(Estimate):
    """A mean over the positions whose value is known."""

    positions: int = Field(ge=0, description="how many those are")


class ShiftedToken(Record):
    """A token that is often shifted."""

    token: str = Field(description="the token as text")
    shifted: int = Field(ge=0, description="positions where it is shifted")
    positions: int = Field(ge=0, description="positions where it is emitted")


class ShiftedWord(Record):
    """A word that is often shifted."""

    word: str = Field(description="the word")
    shifted: int = Field(ge=0, description="occurrences with a shifted token")
    occurrences: int = Field(ge=0, description="occurrences with a measured token")


class LogOdds(Record):
    """How much more a token or word belongs to the shifted than to the unshifted ones (Monroe et al. 2008)."""

    text: str = Field(description="the token or word")
    z: float = Field(description="the weighted log-odds ratio over its standard error")
    log_odds: float = Field(description="the weighted log-odds ratio, shifted against unshifted")
    shifted: int = Field(ge=0, description="how often it is shifted")
    unshifted: int = Field(ge=0, description="how often it is unshifted; a marginal one is neither")


class EndCounts(Record):
    """What became of the end tokens of the measured answers."""

    none: int = Field(ge=0, description="answers that have none")
    same: int = Field(ge=0, description="measured as they are")
    base: int = Field(ge=0, description="measured as the base model's own end token")
    dropped: int = Field(ge=0, description="left out")


class ShiftFigures(Record):
    """Token distribution shift under one base context. Counts of answers are null where no coverage tells them."""

    measured: int = Field(ge=0, description="answers measured")
    no_answer: int | None = Field(ge=0, description="instructions without an aligned answer")
    too_long: int | None = Field(ge=0, description="answers that do not fit the base model's context behind its prompt")
    unsupported: int | None = Field(
        ge=0,
        description="answers that cannot be measured, since a model is on a server that does not give what is needed",
    )
    retokenized: int | None = Field(ge=0, description="measured answers whose tokens were made of their text")
    unmatched: int | None = Field(ge=0, description="tokens of measured answers that have no counterpart to compare")
    ends: EndCounts | None = Field(description="end tokens of the measured answers")
    vocabulary: int | None = Field(
        ge=1, description="tokens that both models have; null: each has its own, or no coverage tells"
    )
    positions: int = Field(ge=0, description="tokens measured, end tokens included")
    ties: int | None = Field(ge=0, description="positions where others are exactly as probable; null: known of none")
    unshifted: Estimate = Field(description="share of positions with base rank 1")
    marginal: Estimate = Field(description="share of positions with base rank 2 or 3")
    shifted: Estimate = Field(description="share of positions with base rank above 3")
    kl: PositionMean = Field(description="mean KL(aligned || base) a position, in nats, where it is exact")
    kl_lower_bound: PositionMean = Field(
        description="where KL(aligned || base) is not exact, the mean of what it is at least; no estimate of KL"
    )
    kl_reverse: PositionMean = Field(description="mean KL(base || aligned) a position, in nats")
    js: PositionMean = Field(description="mean Jensen-Shannon divergence a position, in nats")
    base_entropy: PositionMean = Field(description="mean entropy of the base distribution, in nats")
    aligned_entropy: PositionMean = Field(description="mean entropy of the aligned distribution, in nats")
    base_probability: PositionMean = Field(description="mean base probability of the emitted token")
    style: KindFigures | None = Field(description="tokens of style; null where no truth is known")
    knowledge: KindFigures | None = Field(description="tokens of names and facts; null where no truth is known")
    labels: dict[Label, KindFigures] = Field(description="tokens by label, which rules give and not the truth")
    top_shifted: tuple[ShiftedToken, ...] = Field(description="the tokens shifted most often")
    top_words: tuple[ShiftedWord, ...] = Field(description="the words shifted most often")
    log_odds_prior: float = Field(description="pseudo-counts in all of the prior of the log-odds ratios")
    log_odds_tokens: tuple[LogOdds, ...] = Field(description="the tokens with the highest z, all above 0")
    log_odds_words: tuple[LogOdds, ...] = Field(description="the words with the highest z, all above 0")


class ShiftDifference(PositionMean):
    """How a mean changes from the first context to the second, over positions measured under both."""

    p: float | None = Field(
        ge=0, le=1, description="two-sided p-value of a test by sign flips of answers; null: nothing to test"
    )
    p_holm: float | None = Field(ge=0, le=1, description="the same corrected for all tests of the list (Holm)")


class ContextComparison(Record):
    """One base context against another over the same answers: how much of the shift does a prompt alone explain?"""

    first: Name = Field(description="the context compared with")
    second: Name = Field(description="the context compared")
    answers: int = Field(ge=0, description="answers with a position measured under both")
    positions: int = Field(ge=0, description="positions measured under both, with the same token")
    only_first: int = Field(ge=0, description="positions of the first without a counterpart, in no figure here")
    only_second: int = Field(ge=0, description="positions of the second without a counterpart, in no figure here")
    shifted_first: int = Field(ge=0, description="positions shifted under the first")
    shifted_second: int = Field(ge=0, description="positions shifted under the second")
    shifted_both: int = Field(ge=0, description="positions shifted under both")
    unshifted: ShiftDifference = Field(description="share unshifted, second minus first")
    shifted: ShiftDifference = Field(description="share shifted, second minus first")
    kl: ShiftDifference = Field(description="mean exact KL(aligned || base) in nats, second minus first")
    explained: Estimate = Field(
        description="share of the positions shifted under the first that is not shifted under the second"
    )
    introduced: Estimate = Field(
        description="share of the positions shifted under the second that is not shifted under the first"
    )


class Report(Record):
    """report.json: the figures of one run and what they were made from."""

    study: Name = Field(description="the study")
    models: dict[Role, Hash] = Field(description="hash of each model's files, or of its server and its name there")
    instructions: Name = Field(description="the instruction set")
    instructions_hash: Hash = Field(description="content hash of the instructions")
    judge: JudgeIdentity | None = Field(description="who judged; null: the answers are not judged")
    loading: Loading | None = Field(
        description="number format and other choices with which the models were loaded; null: all are behind servers"
    )
    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap")
    systems: dict[Name, SystemFigures] = Field(description="figures by system")
    preference_judge: PreferenceJudge | None = Field(
        default=None, description="who compared answers; null: nobody, or there is nothing to compare"
    )
    preferences: dict[Name, ComparedFigures] = Field(
        default={}, description="systems that are compared with a baseline; empty: none"
    )
    token_shift: dict[Name, ShiftFigures] = Field(description="figures by base context")
    context_comparisons: tuple[ContextComparison, ...] = Field(
        description="every base context against the first of params.yaml"
    )
    left_out: LeftOut = Field(
        default=LeftOut(),
        exclude_if=lambda value: value == LeftOut(),
        description="what there are no figures of, since the study has no aligned model; left out: nothing",
    )
