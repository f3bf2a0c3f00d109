"""What a system answered, or why there is no answer."""

from typing import Literal, Self

from pydantic import Field, model_validator

from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import Hash, Name, Record

Finish = Literal["end_token", "stop_string", "length", "stop", "unknown"]


class Answer(Record):
    """What a model generated after a prompt."""

    text: str = Field(
        description="the answer without its stop string or end token; thinking that a server sends apart is in front of "
        "it, as <think>...</think>"
    )
    token_ids: tuple[int, ...] | None = Field(
        description="every generated token, end token and stop string included; null: the text alone is known"
    )
    finish: Finish = Field(
        description="what ended the answer; stop: a server that does not say which of end token and stop string it "
        "was; unknown: the text was imported, and its source does not say"
    )

    @property
    def known_ids(self) -> tuple[int, ...]:
        """The generated tokens. Raises ValueError where the text alone is known."""
        if self.token_ids is None:
            raise ValueError("the tokens of this answer are not known")
        return self.token_ids


class _Attempt(Record):
    """The fields of an answer that may be missing."""

    status: Literal["ok", "too_long", "no_history"] = Field(
        description="ok; too_long: the prompt left no room in the context; no_history: an earlier turn has no answer"
    )
    reason: str | None = Field(description="why there is no answer; null when ok")
    answer: Answer | None = Field(description="the answer; null unless ok")
    key: Hash | None = Field(description="content address of the answer; null when nothing was generated")

    @model_validator(mode="after")
    def _answered_or_explained(self) -> Self:
        answered = self.answer is not None and self.key is not None and self.reason is None
        explained = self.answer is None and self.key is None and self.reason is not None
        if not (answered if self.status == "ok" else explained):
            raise ValueError("status ok needs answer and key and no reason; any other needs a reason alone")
        return self


class LaterTurn(_Attempt):
    """A system's answer to the second or a later message of one instruction."""

    prompt: AssembledPrompt | None = Field(
        description="the exact text that the model saw, earlier answers included; null: an earlier turn has none"
    )


class Completion(_Attempt):
    """A system's answer to one instruction, or why there is none."""

    instruction_id: str = Field(description="the instruction")
    system: Name = Field(description="the system that answered")
    later_turns: tuple[LaterTurn, ...] = Field(
        default=(), description="the second and later turns, of instructions that have them"
    )
