"""Reference answers: what judges compare answers with, where a task has a right answer."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from urial.records.base import Hash, Record

Written = Annotated[str, Field(pattern=r"\S")]


class ReferenceAnswers(Record):
    """The reference answers to one instruction, one a turn, and where they are from."""

    id: str | None = Field(
        default=None, description="the instruction's id, as a second check; null: it is known by its messages alone"
    )
    turns: tuple[Written, ...] = Field(min_length=1, description="the instruction's messages, first to last")
    answers: tuple[Written, ...] = Field(min_length=1, description="the reference answer to each message")
    author: Written = Field(description="who wrote the answers: a person, a model by its name, a book")
    corrected: bool = Field(description="whether a person has checked the answers, and corrected what was wrong")

    @model_validator(mode="after")
    def _an_answer_a_turn(self) -> Self:
        if len(self.answers) != len(self.turns):
            raise ValueError(
                f"one answer a turn is needed: {len(self.turns)} messages have {len(self.answers)} answers"
            )
        return self


def _each_instruction_once(answers: tuple[ReferenceAnswers, ...]) -> tuple[ReferenceAnswers, ...]:
    if len({row.turns for row in answers}) < len(answers):
        raise ValueError("an instruction has reference answers twice")
    return answers


class PlannedReferences(Record):
    """A file of reference answers, whole."""

    hash: Hash = Field(description="content hash of all the answers, in whatever order the file has them")
    answers: Annotated[tuple[ReferenceAnswers, ...], AfterValidator(_each_instruction_once)] = Field(
        min_length=1, description="the answers, ordered by their instructions' messages"
    )
