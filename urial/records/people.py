"""The records of people who judged: one person's preference between two answers, or score of one, a row each."""

from typing import Annotated

from pydantic import Field

from urial.records.base import Name, Query, Record, Text
from urial.records.preference import Criterion

Turn = Annotated[int, Field(ge=1, le=1_000)]


class _Rated(Record):
    """What a person looked at."""

    instruction_id: str = Field(min_length=1, description="the instruction")
    person: Text = Field(description="who rated, by whatever name the file has")
    turn: Turn = Field(default=1, description="which of the instruction's messages was answered, from 1")
    rationale: Text | None = Field(default=None, description="what was said for it; null: nothing")
    query: Query = Field(default=None, description="the first message that was answered; absent: the file has no texts")


class PersonPreference(_Rated):
    """One person's preference between two answers."""

    system: Name | None = Field(
        default=None,
        description="the system whose wins are counted; null: the file does not say, and is about two alone",
    )
    baseline: Name | None = Field(default=None, description="the system that it is compared with; null: likewise")
    pair: Text | None = Field(
        default=None, description="which two answers, where an instruction has several pairs; null: there is one"
    )
    criterion: Criterion = Field(default="overall", description="what is compared")
    preference: float = Field(ge=0, le=1, description="for the system: 1 win, 0.5 tie, 0 loss")
    characters: int | None = Field(default=None, ge=0, description="characters of the system's answer; null: not known")
    baseline_characters: int | None = Field(
        default=None, ge=0, description="characters of the baseline's answer; null: not known"
    )
    has_list: bool | None = Field(default=None, description="whether the system's answer has a list; null: not known")
    baseline_has_list: bool | None = Field(
        default=None, description="whether the baseline's answer has a list; null: not known"
    )

    @property
    def what(self) -> str:
        """What was rated, in words."""
        return self.criterion

    @property
    def rated(self) -> tuple[object, ...]:
        """What a person rates once."""
        two = (self.system, self.baseline, self.pair)
        return (self.instruction_id, self.turn, *two, self.criterion, self.person)


class PersonScore(_Rated):
    """One person's score of one aspect of an answer."""

    system: Name | None = Field(
        default=None, description="the system that answered; null: the file does not say, and is about one"
    )
    aspect: Criterion = Field(description="what is scored")
    score: float | None = Field(ge=1, le=10, description="1 to 5, overall 1 to 10; null: not applicable")

    @property
    def what(self) -> str:
        """What was rated, in words."""
        return self.aspect

    @property
    def rated(self) -> tuple[object, ...]:
        """What a person rates once."""
        return (self.instruction_id, self.turn, self.system, self.aspect, self.person)
