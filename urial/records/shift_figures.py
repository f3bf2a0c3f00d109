"""The figures of token distribution shift, under one base context and between two."""

from typing import Literal

from pydantic import Field

from urial.records.base import Name, Record, Role
from urial.records.estimate import Estimate
from urial.records.token_shift import Label, Move, Part


class KindFigures(Record):
    """Positions of one kind, or of one label, under one context."""

    positions: int = Field(ge=0, description="tokens of this kind")
    shifted: Estimate = Field(description="share of them that is shifted")
    share_of_shifted: Estimate = Field(description="share of all shifted tokens that is of this kind")


class PositionMean(Estimate):
    """A mean over the positions whose value is known."""

    positions: int = Field(ge=0, description="how many those are")


class PartFigures(KindFigures):
    """Positions of one part of the texts, thinking, tags or answers, under one context."""

    unshifted: Estimate = Field(description="share of them with base rank 1")
    marginal: Estimate = Field(description="share of them with base rank 2 or 3")
    kl: PositionMean = Field(description="mean KL(aligned || base) a position of them, in nats, where it is exact")
    labels: dict[Label, KindFigures] = Field(
        description="tokens of the part by label, which rules give and not the truth"
    )
    moves: dict[Move, KindFigures] = Field(
        description="tokens of the part in phrases that announce a move of reasoning"
    )


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


class LogRatio(PositionMean):
    """How much more probable the emitted tokens are to the aligned model: the mean of log p_aligned - log p_base, in nats."""

    positive: Estimate = Field(description="share of these positions where it is above 0")


class FirstDivergence(Record):
    """Where the base model's most probable next token first is another than the aligned model's, along the answers."""

    answers: int = Field(ge=0, description="answers of which it is known: a position, or never within the answer")
    unknown: int = Field(
        ge=0, description="measured answers of which it is not known: a tie, a token without a number, or no candidates"
    )
    at_0: Estimate = Field(description="share of the known answers that part at their first token")
    at_least_3: Estimate = Field(description="share that does not part within the first 3 tokens")
    at_least_5: Estimate = Field(description="share that does not part within the first 5 tokens")
    never: Estimate = Field(description="share that does not part within the answer; the shares above have it, too")
    median: Estimate = Field(
        description="0-based position by which half of the known answers have parted; null: fewer ever do, so it is no number"
    )
    parted: tuple[Estimate, ...] = Field(
        default=(),
        description="share of the known answers that have parted by each position, from 0 to the last at which one does, or 49",
    )


# A token that a position is told from; landmarks.py finds them.
Landmark = Literal["start", "end", "paragraph", "list_item", "thinking_start", "thinking_end"]


class LandmarkFigures(Record):
    """The tokens at one kind of landmark."""

    tokens: int = Field(ge=0, description="tokens at such a landmark")
    answers: int = Field(ge=0, description="answers that have one")
    shifted: Estimate = Field(description="share of these tokens that is shifted")
    kl: PositionMean = Field(description="mean exact KL(aligned || base) at these tokens, in nats")


class TruncatedDivergence(Record):
    """Divergences of the two distributions cut to their most probable tokens and renormalized, beside the exact ones."""

    positions: int = Field(ge=0, description="positions whose stored candidates suffice")
    insufficient: int = Field(ge=0, description="positions whose stored candidates do not")
    js: Estimate = Field(description="mean Jensen-Shannon divergence of the cut distributions, in nats")
    js_exact: PositionMean = Field(description="mean over the full vocabulary, of these positions")
    js_zero: Estimate = Field(description="share of these positions where that of the cut distributions is 0")
    kl: PositionMean = Field(description="mean KL(aligned || base) of the cut distributions, where it is finite")
    kl_exact: PositionMean = Field(
        description="mean over the full vocabulary, of the positions where the cut one is finite"
    )
    kl_infinite: int = Field(
        ge=0,
        description="positions where it is infinite: the cut base distribution has none of a token that the aligned one has",
    )
    kl_common: Estimate | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="mean of KL(base || aligned) summed over the tokens of both cut distributions alone, which can be negative; "
        "left out: cut by probability",
    )


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
    log_ratio: LogRatio | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="mean of log p_aligned - log p_base of the emitted token, in nats; left out: not known of any",
    )
    aligned_rank_1: PositionMean | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="share of positions whose token is the aligned model's most probable one, as in a greedy answer; left out: "
        "the aligned rank is not known of any",
    )
    first_divergence: FirstDivergence | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="where greedy decoding of the base model first leaves that of the aligned model; left out: no answers",
    )
    landmarks: dict[Landmark, LandmarkFigures] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="tokens at landmarks; those that no answer has are not there",
    )
    truncated: dict[str, TruncatedDivergence] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="divergences of cut distributions: top_p_P keeps the fewest most probable tokens with the probability P "
        "together, top_k_K the K most probable ones; left out: no candidates of both models",
    )
    rank_above: dict[str, PositionMean] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="share of positions with a base rank above K, by K, of those where that is known",
    )
    kl_above: dict[str, PositionMean] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="share of positions whose exact KL(aligned || base) is above T nats, by T; left out: not known of any",
    )
    style: KindFigures | None = Field(description="tokens of style; null where no truth is known")
    knowledge: KindFigures | None = Field(description="tokens of names and facts; null where no truth is known")
    labels: dict[Label, KindFigures] = Field(description="tokens by label, which rules give and not the truth")
    moves: dict[Move, KindFigures] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="tokens in phrases that announce a move of reasoning, by move; left out: there are none",
    )
    parts: dict[Part, PartFigures] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="thinking, its tags and answers apart; left out: nothing but answers was measured",
    )
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
