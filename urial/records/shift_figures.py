"""The figures of token distribution shift, under one base context and between two."""

from pydantic import Field

from urial.records.base import Name, Record, Role
from urial.records.estimate import Estimate
from urial.records.token_shift import Label


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
    branching: dict[Role, PositionMean] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="branching factor, exp of the mean entropy, of the base model behind the context's prompt and of the aligned "
        "model, along the aligned answers; left out: no entropy is known",
    )
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
