"""What a system was given, and what it answered or why it did not; conversations as `urial chat` saves them."""

from typing import Literal, Self

from pydantic import Field, model_validator

from urial.core.thinking import ThinkingSpan, thinking_span
from urial.records.base import Hash, Name, Query, Record
from urial.records.blend import Interventions
from urial.records.model import ModelManifest
from urial.records.params.file import Decoding

PromptForm = Literal["text", "messages"]


class AssembledPrompt(Record):
    """The exact text that a model, or the server it is behind, is given before it answers one instruction."""

    instruction_id: str = Field(description="the instruction")
    system: Name = Field(description="the system that asks")
    text: str = Field(description="the whole prompt; special tokens are in it only for chat templates")
    form: PromptForm = Field(
        default="text",
        description="text: what the model sees; messages: `text` is the JSON of chat messages, which a server lays out "
        "by the model's own template",
    )
    adds_special_tokens: bool = Field(description="whether the tokenizer still has to add BOS")
    stop: tuple[str, ...] = Field(description="strings that end the answer")
    n_tokens: int | None = Field(
        ge=1, description="prompt length in tokens, BOS included; null: only the server that has the model can count"
    )
    retrieved: tuple[int, ...] = Field(
        default=(), description="lines of the pool that the examples were taken from, in the order shown"
    )
    flag: str | None = Field(
        default=None,
        description="why the query may be read as more than a query; null: it cannot, unless it spells a special token of "
        "a server's model, which only the server knows",
    )


CompletionStatus = Literal["ok", "only_thinking", "too_long", "no_history"]
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
    interventions: Interventions | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="where a blend's answer is not its base model's alone; absent: one model wrote it",
    )


def require_within(thinking: ThinkingSpan | None, text: str) -> None:
    """Raises ValueError unless the thinking, if there is any, is in the text."""
    offsets = [0, *(thinking or ()), len(text)]
    if offsets != sorted(offsets):
        raise ValueError("thinking needs start, end and the answer's start, in this order and within what was written")


class _Attempt(Record):
    """The fields of an answer that may be missing."""

    status: CompletionStatus = Field(
        description="ok; only_thinking: the text ended before its thinking did, or right behind it; too_long: the prompt "
        "left no room in the context; no_history: an earlier turn has no answer"
    )
    reason: str | None = Field(description="why there is no answer; null when ok")
    answer: Answer | None = Field(description="the answer; null unless ok")
    key: Hash | None = Field(description="content address of what the model wrote; null when nothing was generated")
    thought: Answer | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="what the model wrote of status only_thinking, which is no answer; absent otherwise",
    )
    thinking: ThinkingSpan | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="where the thinking is in what the model wrote, in characters: its start, its end, and where the answer "
        "starts, which is the same as the end where no tag closes the thinking; absent: there is none",
    )

    @model_validator(mode="after")
    def _answered_or_explained(self) -> Self:
        given = self.answer is not None, self.thought is not None, self.key is not None, self.reason is not None
        expected = {"ok": (True, False, True, False), "only_thinking": (False, True, True, True)}
        if given != expected.get(self.status, (False, False, False, True)):
            raise ValueError(
                "status ok needs answer and key and no reason; only_thinking needs thought, key and reason and no answer; "
                "any other needs a reason alone"
            )
        require_within(self.thinking, self.written.text if self.written else "")
        return self

    @property
    def written(self) -> Answer | None:
        """What the model wrote: its answer, or the thinking that it did not come out of; None: nothing."""
        return self.answer or self.thought

    @property
    def span(self) -> ThinkingSpan | None:
        """Where the thinking is in what the model wrote; of a row that does not say, by the tags that are known.

        A row that has thinking behind a prompt that opened it says so: here a closing tag alone is part of the answer.
        """
        if self.written is None or self.thinking is not None:
            return self.thinking
        return thinking_span(self.written.text, opened=False)

    def split(self) -> tuple[str | None, str]:
        """The thinking (None: none) and the answer, which is empty where there is none."""
        written, span = self.written, self.span
        if written is None:
            return None, ""
        return (None, written.text) if span is None else span.split(written.text)


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
    query: Query = Field(
        default=None,
        description="the first message that was answered, of an imported row; absent: a run's instructions have it",
    )


class ChatTurn(Record):
    """One query and its answer, with all that the model was given."""

    query: str = Field(description="what was asked")
    prompt_name: str = Field(description="COLLECTION/NAME, or the path of a prompt file as it was named")
    prompt_hash: Hash = Field(description="content hash of the prompt version")
    retrieved: tuple[int, ...] = Field(description="lines of the pool that the examples were taken from, if they were")
    left_out: int = Field(ge=0, description="how many of the oldest turns before this one did not fit into the prompt")
    flag: str | None = Field(description="why a text may be read as more than a query; null: it cannot")
    text: str = Field(description="the whole prompt, to the byte")
    text_hash: Hash = Field(description="hash of that text in UTF-8")
    stop: tuple[str, ...] = Field(description="strings that end the answer")
    answer: str = Field(description="the answer without its stop string or end token")
    finish: Finish | Literal["interrupted"] = Field(
        description="what ended the answer; stop: the server, by an end token or a stop string"
    )


class Transcript(Record):
    """A conversation with a base model through a prompt."""

    version: str = Field(description="version of urial")
    model: ModelManifest = Field(description="the model that answered")
    decoding: Decoding = Field(description="how its answers were decoded")
    turns: tuple[ChatTurn, ...] = Field(min_length=1, description="first to last")
