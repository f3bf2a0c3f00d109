"""The exact text that a model is given before it answers."""

from typing import Literal

from pydantic import Field

from urial.records.base import Name, Record

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
