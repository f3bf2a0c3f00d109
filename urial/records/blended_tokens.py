"""The tokens of a blend's answers, with what each is and whether the helper supplied it."""

from typing import Literal, Self

from pydantic import Field, model_validator

from urial.records.base import Name, Record
from urial.records.blend import Interventions
from urial.records.token_shift import Label


class BlendedAnswer(Record):
    """One answer of a blend or of its control; the lists have an entry a token."""

    tokens: tuple[str, ...] = Field(description="the tokens as text")
    words: tuple[int | None, ...] = Field(
        description="0-based index of the word that a token is part of; null: of none, as a sign or the end"
    )
    labels: tuple[Label, ...] = Field(
        description="what each is by the rules of the lexicon, which know no truth, as in the token shift"
    )
    kinds: tuple[Literal["style", "knowledge"], ...] | None = Field(
        description="what each says, where the micro-world's truth is known; null: no truth is known"
    )
    interventions: Interventions = Field(description="which of them the helper supplied, as in the answer's row")

    @model_validator(mode="after")
    def _as_long(self) -> Self:
        count = len(self.tokens)
        if any(len(column) != count for column in (self.words, self.labels, self.kinds) if column is not None):
            raise ValueError("words, labels and kinds have an entry a token")
        if self.interventions.supplied and self.interventions.supplied[-1] >= count:
            raise ValueError("interventions are positions of tokens")
        if set(self.interventions.starts) - {*self.interventions.supplied, count}:
            raise ValueError("a start that supplies nothing is behind the last token")
        return self


def places_of(interventions: Interventions, tokens: int) -> tuple[int, int]:
    """At how many places of an answer of so many tokens the rule stepped in, and at how many it was asked.

    It was asked at each token but those that follow within a word of the helper's, and behind the last one where the helper
    ended the answer there.
    """
    starts = len(interventions.starts)
    return starts, tokens - len(interventions.supplied) + starts


class BlendedTokens(Record):
    """The answers of a blend or of its control to one instruction."""

    instruction_id: str = Field(description="the instruction")
    system: Name = Field(description="the blend, or its control")
    turns: tuple[BlendedAnswer | None, ...] = Field(description="an answer a turn; null: the turn has none")
