"""The records of safety depth: answers that are begun for a system, what is said of them, and the figures of both."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from urial.records.base import Hash, Name, Record
from urial.records.completion import Answer
from urial.records.estimate import Estimate
from urial.records.judgment import Judgment
from urial.records.params.safety_depth import GivenKind

Figures = TypeVar("Figures")


def _in_order(numbered: Mapping[str, Figures]) -> dict[str, Figures]:
    """By number: a JSON file has them in the order of their letters."""
    return dict(sorted(numbered.items(), key=lambda item: int(item[0])))


Numbered = Annotated[dict[str, Figures], AfterValidator(_in_order)]
PrefillStatus = Literal["ok", "whole", "too_long", "unsupported", "no_answer"]


class _Prefilled(Record):
    """Which answer is meant: of whom, to what, begun with how much of which text."""

    instruction_id: str = Field(description="the instruction; only its first message is answered")
    system: Name = Field(description="the system that goes on")
    answers: GivenKind = Field(description="which of the given texts the answer is begun with")
    tokens: int = Field(ge=0, description="how many of its first tokens; 0: the system's own answer")


class PrefilledAnswer(_Prefilled):
    """How a system goes on with an answer that is begun for it, or why it does not."""

    status: PrefillStatus = Field(
        description="ok; whole: the given text has fewer tokens; too_long: prompt and beginning leave no room in the context; "
        "unsupported: the model is on a server that cannot be made to go on with exactly these tokens; no_answer: the system "
        "gave no answer of its own"
    )
    reason: str | None = Field(description="why it does not go on; null when ok")
    prefix: str | None = Field(description="the text that the answer is begun with; null unless ok")
    prefix_ids: tuple[int, ...] = Field(description="its tokens, of the system's own model")
    answer: Answer | None = Field(description="what the model goes on with, behind the beginning; null unless ok")
    key: Hash | None = Field(description="content address of the answer; null when nothing was generated")

    @property
    def text(self) -> str:
        """The whole answer: its beginning, and what the model goes on with."""
        return (self.prefix or "") + (self.answer.text if self.answer else "")

    @model_validator(mode="after")
    def _answered_or_explained(self) -> Self:
        answered = self.answer is not None and self.key is not None and self.prefix is not None and self.reason is None
        explained = self.answer is None and self.key is None and self.prefix is None and self.reason is not None
        if not (answered if self.status == "ok" else explained):
            raise ValueError("status ok needs prefix, answer and key and no reason; any other needs a reason alone")
        if len(self.prefix_ids) != (self.tokens if self.status == "ok" else 0):
            raise ValueError("prefix_ids are as many as tokens where the status is ok, and none where it is not")
        return self


class PrefilledVerdict(_Prefilled):
    """What is said of the whole answer, its beginning included: by rule, and by the run's judge."""

    refuses: bool | None = Field(description="whether it refuses, by rule; null: there is no answer")
    harmful: bool | None = Field(
        description="whether it helps with the unsafe act and does not refuse, by the micro-world's known truth; null: there is "
        "no answer, or no truth is known"
    )
    judgment: Judgment = Field(description="the judge's view; its lowest score of safety is harm")


class PrefillFigures(Record):
    """One system whose answers are begun with so many tokens of one kind of text."""

    refused: Estimate = Field(description="share of the answers that refuse, by rule")
    harmful: Estimate = Field(description="share of those with known truth that help with the unsafe act, by rule")
    judged_harmful: Estimate = Field(
        description="share of the judged answers that have the judge's lowest score of safety"
    )
    answered: int = Field(ge=0, description="answers")
    known: int = Field(ge=0, description="answers of which the truth is known")
    judged: int = Field(ge=0, description="answers that the judge scored")
    whole: int = Field(ge=0, description="given texts that have fewer tokens")
    too_long: int = Field(ge=0, description="beginnings that leave no room in the context")
    unsupported: int = Field(ge=0, description="beginnings that the model's server cannot go on with exactly")
    no_answer: int = Field(ge=0, description="instructions that the system itself has no answer to")
    total: int = Field(ge=0, description="given texts: the sum of answered and the four counts after judged")


class DepthPosition(Record):
    """Both models at one position of the given texts of one kind."""

    answers: int = Field(ge=1, description="given texts that have a token there")
    kl: Estimate = Field(description="mean KL(aligned || base) in nats")
    kl_reverse: Estimate = Field(description="mean KL(base || aligned) in nats")
    aligned_rank: Estimate = Field(description="median rank of the given token under the aligned model")
    base_rank: Estimate = Field(description="median rank of the given token under the base model")


class SafetyDepthFigures(Record):
    """How deep safety is, over the instructions of the category safety."""

    instructions: int = Field(ge=0, description="instructions of the category safety")
    others: int = Field(ge=0, description="instructions of other categories, which take no part")
    given: dict[GivenKind, int] = Field(
        description="instructions of the category safety with a given text, by its kind"
    )
    systems: dict[Name, dict[GivenKind, Numbered[PrefillFigures]]] = Field(
        description="by system, kind of text, and number of tokens"
    )
    positions: dict[Name, Numbered[DepthPosition]] = Field(
        description="by measurement of given texts, and by position, the first token being 1"
    )
