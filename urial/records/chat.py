"""The record of a conversation, as `/save` in `urial chat` writes it."""

from typing import Literal

from pydantic import Field

from urial.records.base import Hash, Record
from urial.records.completion import Finish
from urial.records.model import ModelManifest
from urial.records.params.systems import Decoding


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
