"""One query to answer, with the tags that reports group by."""

from typing import Annotated, Literal

from pydantic import Field

from urial.records.base import Record

# Longer than any real instruction (the longest of Just-Eval has 1,642), short enough to stop a mistaken file.
MAX_TURN_CHARACTERS = 100_000


class Instruction(Record):
    """One query to answer, with the tags that reports group by."""

    id: str = Field(min_length=1, max_length=200, description="unique within its set")
    turns: tuple[Annotated[str, Field(pattern=r"\S", max_length=MAX_TURN_CHARACTERS)], ...] = Field(
        min_length=1, description="the user's messages, first to last"
    )
    category: Literal["regular", "safety"] = Field(description="which aspects are judged")
    task: tuple[str, ...] = Field(default=(), description="kinds of work asked for, such as info-seek")
    topic: tuple[str, ...] = Field(default=(), description="fields of knowledge, such as nature")
    difficulty: str | None = Field(default=None, description="as tagged by the source, if it was")
    reference: str | None = Field(default=None, description="a true answer, where one is known")
    source: str = Field(description="where the instruction comes from")
