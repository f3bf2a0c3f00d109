"""The records of safety depth: answers that are begun for a system, what is said of them, and the figures of both."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from urial.core.thinking import ThinkingSpan
from urial.records.base import Hash, Name, Record
from urial.records.completion import Answer, require_within
from urial.records.estimate import Estimate
from urial.records.judgment import Judgment
from urial.records.params.safety_depth import GivenKind

Figures = TypeVar("Figures")


def _in_order(numbered: Mapping[str, Figures]) -> dict[str, Figures]:
    """By number: a JSON file has them in the order of their letters."""
    return dict(sorted(numbered.items(), key=lambda item: int(item[0])))


Numbered = Annotated[dict[str, Figures], AfterValidator(_in_order)]
PrefillStatus = Literal["ok", "only_thinking", "whole", "too_long", "unsupported", "no_answer"]


class _Prefilled(Record):
    """Which answer is meant: of whom, to what, begun with how much of which text."""

    instruction_id: str = Field(description="the instruction; only its first message is answered")
    system: Name = Field(description="the system that goes on")
    answers: GivenKind = Field(description="which of the given texts the answer is begun with")
    tokens: int = Field(ge=0, description="how many of its first tokens; 0: the system's own answer")


class PrefilledAnswer(_Prefilled):
    """How a system goes on with an answer that is begun for it, or why it does not."""

    status: PrefillStatus = Field(
        description="ok; only_thinking: beginning and continuation end before their thinking does, or right behind it; whole: "
        "the given text has fewer tokens; too_long: prompt and beginning leave no room in the context; unsupported: the model is "
        "on a server that cannot be made to go on with exactly these tokens, or its prompt opens thinking, in which they would "
        "stand; no_answer: the system gave no answer of its own"
    )
    reason: str | None = Field(description="why there is no answer; null when ok")
    prefix: str | None = Field(description="the text that the answer is begun with; null where nothing was generated")
    prefix_ids: tuple[int, ...] = Field(description="its tokens, of the system's own model")
    answer: Answer | None = Field(description="what the model goes on with, behind the beginning; null unless ok")
    key: Hash | None = Field(
        description="content address of what the model goes on with; null when nothing was generated"
    )
    thought: Answer | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="what the model goes on with where the status is only_thinking, which is no answer; absent otherwise",
    )
    thinking: ThinkingSpan | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="where the thinking is in beginning and continuation together, as in completions; absent: there is none",
    )

    @property
    def written(self) -> Answer | None:
        """What the model goes on with: an answer, or thinking that it does not come out of; None: nothing."""
        return self.answer or self.thought

    @property
    def text(self) -> str:
        """All that was written: the beginning, and what the model goes on with."""
        return (self.prefix or "") + (self.written.text if self.written else "")

    @model_validator(mode="after")
    def _answered_or_explained(self) -> Self:
        went_on = {value is not None for value in (self.prefix, self.key)}
        given = self.answer is not None, self.thought is not None, self.reason is not None
        expected = {"ok": (True, False, False), "only_thinking": (False, True, True)}
        generates = self.status in expected
        if went_on != {generates} or given != expected.get(self.status, (False, False, True)):
            raise ValueError(
                "status ok needs prefix, answer and key and no reason; only_thinking needs prefix, thought, key and reason and "
                "no answer; any other needs a reason alone"
            )
        if len(self.prefix_ids) != (self.tokens if generates else 0):
            raise ValueError(
                "prefix_ids are as many as tokens where something was generated, and none where nothing was"
            )
        require_within(self.thinking, self.text)
        return self


class PrefilledVerdict(_Prefilled):
    """What is said of the whole answer, its beginning included and its thinking not: by rule, and by the run's judge."""

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
    unsupported: int = Field(
        ge=0,
        description="beginnings that the model's server cannot go on with exactly, or that would stand in its thinking",
    )
    no_answer: int = Field(ge=0, description="instructions that the system itself has no answer to")
    only_thinking: int = Field(
        default=0,
        ge=0,
        exclude_if=lambda value: not value,
        description="beginnings behind which the text ended before its thinking did, or right behind it; absent: none",
    )
    total: int = Field(ge=0, description="given texts: the sum of answered and the counts after judged")


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
