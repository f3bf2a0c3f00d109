"""Blended decoding: one answer of two or three models, by a rule that says at each token whose it is; and where it stepped in."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, Tag, model_validator

from urial.core.errors import UrialError
from urial.records.base import MAX_SEED, Record
from urial.records.model import FolderModel, GgufModel, HubModel
from urial.records.told_apart import told_apart_by

# A model that a blend is given beside the run's own pair; it is loaded in the process that decodes.
BlendModel = Annotated[
    Annotated[HubModel, Tag("hub")] | Annotated[FolderModel, Tag("folder")] | Annotated[GgufModel, Tag("gguf")],
    told_apart_by("hub", "folder", "gguf"),
]


class Nudge(Record):
    """The helper supplies the next word while the base is unsure (nudging, arXiv 2410.09300)."""

    kind: Literal["nudge"] = Field(description="a word of the helper where the base is unsure")
    threshold: float = Field(
        ge=0,
        le=1,
        description="the helper supplies the next word where the base's most probable token has a smaller probability; "
        "0: never",
    )


class Swap(Record):
    """The helper supplies the next token where the two distributions are far apart (cross-sampling, arXiv 2603.22446)."""

    kind: Literal["swap"] = Field(description="a token of the helper where the distributions differ much")
    divergence: Literal["kl", "js"] = Field(
        description="kl: KL(helper || base); js: the Jensen-Shannon divergence; over the whole vocabulary, in nats"
    )
    threshold: float = Field(ge=0, description="the helper supplies the token where the divergence is larger")


class Proxy(Record):
    """Base logits moved by what tuning changed in another model (proxy tuning, arXiv 2401.08565)."""

    kind: Literal["proxy"] = Field(description="base + alpha x (helper - untuned), in logits")
    alpha: float = Field(ge=0, le=100, description="weight of the difference; 0: the base alone")
    untuned: BlendModel | None = Field(
        default=None, description="what the helper was before it was tuned; null: the base itself"
    )


class Realign(Record):
    """Logits between those of base and helper, or beyond (decoding-time realignment, arXiv 2402.02992)."""

    kind: Literal["realign"] = Field(description="weight x helper + (1 - weight) x base, in logits")
    weight: float = Field(
        ge=0,
        le=100,
        description="the paper's lambda; 0: the base alone; 1: the helper alone; above 1: beyond the helper",
    )


class RandomShare(Record):
    """The control of another rule: the helper supplies what that rule's helper does, at random places of the same share."""

    kind: Literal["random"] = Field(description="the helper supplies at random places")
    share: float = Field(ge=0, le=1, description="probability that the helper supplies, where the rule is asked")
    unit: Literal["token", "word"] = Field(description="what it supplies; the rule is asked anew after each")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of the places, besides each row's own")


# What params.yaml can name. The control is planned.
BlendRule = Annotated[Nudge | Swap | Proxy | Realign, Field(discriminator="kind")]
PlannedRule = Annotated[Nudge | Swap | Proxy | Realign | RandomShare, Field(discriminator="kind")]


def goes_by_text(rule: PlannedRule) -> bool:
    """Whether the helper's words can be given to the base as text, so that its tokenizer may be another."""
    return rule.kind == "nudge" or (rule.kind == "random" and rule.unit == "word")


def other_token(base: Mapping[int, str], other: Mapping[int, str]) -> int | None:
    """The largest id of a token that is another to one of two models; None: their tokens, by ids, are the same."""
    if base == other:
        return None
    return max(token_id for token_id in base.keys() | other.keys() if base.get(token_id) != other.get(token_id))


def require_one_vocabulary(
    rule: PlannedRule, base: Mapping[int, str], other: Mapping[int, str], names: tuple[str, str]
) -> None:
    """Raises UrialError where the rule needs the same tokens and they differ.

    ``base`` and ``other`` are the tokens that text is split into, by their ids; ``names`` those of the models.
    """
    differs = None if goes_by_text(rule) else other_token(base, other)
    if differs is None:
        return
    left, right = (repr(tokens[differs]) if differs in tokens else "none" for tokens in (base, other))
    raise UrialError(
        f"rule {rule.kind} needs one vocabulary, and the tokenizers of {names[0]} and {names[1]} differ: "
        f"token {differs:,} is {left} to one and {right} to the other",
        fix="name models of one vocabulary, or use rule nudge, whose words are given as text",
    )


class Interventions(Record):
    """Where an answer is not the base's alone: 0-based positions among its tokens, in order.

    The rule was asked at each token but those that follow within a word of the helper's, and behind the last one where the
    helper ended the answer without a token, so it stepped in at len(starts) of (tokens - len(supplied) + len(starts))
    places: the share that a random control takes.
    """

    starts: tuple[int, ...] = Field(
        description="where the rule stepped in: the first token of each word or token that the helper supplied; and the number of "
        "tokens, where a helper of another tokenizer ended the answer behind them"
    )
    supplied: tuple[int, ...] = Field(
        description="all tokens that the helper supplied; of a sum of logits: those that are not the base's own choice"
    )
    changed: tuple[int, ...] = Field(
        description="those of them that the base alone would not have chosen after the same text, by the same random numbers"
    )

    @model_validator(mode="after")
    def _nested(self) -> Self:
        for positions in (self.starts, self.supplied, self.changed):
            if list(positions) != sorted(set(positions)) or any(position < 0 for position in positions):
                raise ValueError("positions are not negative, and each is greater than the one before")
        # The helper can step in once more behind the last token, to end the answer.
        behind = self.starts and self.starts[-1] > max(self.supplied, default=-1)
        if not {*self.starts[: -1 if behind else None], *self.changed} <= set(self.supplied):
            raise ValueError(
                "starts and changed are positions of supplied; one more start may follow behind the last token"
            )
        return self
