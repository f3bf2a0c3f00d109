"""What length control is computed against: per instruction its difficulty, and how the baseline fares against itself at other lengths."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from urial.core.strict_json import first_twice
from urial.records.base import Hash, Name, Record

Preference = Annotated[float, Field(ge=0, le=1)]
# Far beyond any that a fit can use, and within what it can compute with.
Bounded = Annotated[float, Field(ge=-1e6, le=1e6)]
# The first 16 digits of the SHA-256 of an instruction's text in UTF-8.
TextHash = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


class LengthControlRow(Record):
    """One instruction. Anchor runs are answers of the baseline itself, asked to be verbose and to be concise."""

    index: int = Field(ge=0, description="the instruction's number in its set")
    instruction_sha256_16: TextHash = Field(description="first 16 digits of the SHA-256 of its text in UTF-8")
    switched: int | None = Field(
        default=None, ge=0, le=1, description="1: the judge was shown the system's answer first; null: not known"
    )
    difficulty: Bounded = Field(description="how much harder it is to win on than others, 0: as the first")
    verbose_delta: Bounded | None = Field(
        default=None,
        description="baseline's length minus that of its verbose answer, over the standard deviation of these",
    )
    verbose_preference: Preference | None = Field(
        default=None, description="the judge's preference for the verbose answer over the baseline's own"
    )
    concise_delta: Bounded | None = Field(default=None, description="the same of the concise answer")
    concise_preference: Preference | None = Field(default=None, description="the same of the concise answer")

    @model_validator(mode="after")
    def _anchors_have_both(self) -> Self:
        for delta, preference in (
            (self.verbose_delta, self.verbose_preference),
            (self.concise_delta, self.concise_preference),
        ):
            if delta is None and preference is not None:
                raise ValueError("an anchor's preference needs its length difference")
        return self


def _each_once(rows: tuple[LengthControlRow, ...]) -> tuple[LengthControlRow, ...]:
    if first_twice(row.index for row in rows) is not None:
        raise ValueError("two rows have one index")
    if first_twice(row.instruction_sha256_16 for row in rows) is not None:
        raise ValueError("two rows are of one instruction")
    return rows


class LengthControlReference(Record):
    """The rows of all instructions of a set, in the order of the set, and the files that they were made of."""

    name: Name = Field(description="what figures are named after")
    instructions: Name = Field(description="name of the instruction set that `index` numbers")
    baseline: Name | None = Field(
        default=None, description="the baseline whose anchor runs these are; null: the source does not say"
    )
    sources: dict[str, Hash] = Field(
        default={}, description="what the files are that it was made of, with their hashes"
    )
    rows: Annotated[tuple[LengthControlRow, ...], AfterValidator(_each_once)] = Field(
        min_length=1, description="one an instruction"
    )
