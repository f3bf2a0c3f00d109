"""The records of what a judge of preferences leans to, of answers that would fool one, and of judging the same again."""

from typing import Annotated

from pydantic import Field

from urial.records.base import Record

Part = Annotated[float, Field(ge=0, le=1)]


class Share(Record):
    """How many of how many."""

    count: int = Field(ge=0, description="how many")
    of: int = Field(ge=0, description="of how many")
    share: Part | None = Field(description="the one over the other; null: of none")


class JudgeHabits(Record):
    """What the verdicts of a judge lean to, whatever the answers are."""

    verdicts: int = Field(ge=0, description="verdicts, one an order and criterion, decided or not")
    undecided: int = Field(ge=0, description="those that say nothing: invalid, refused, filtered, failed or too long")
    flips: Share = Field(
        description="pairs of answers whose verdicts differ between the orders, of those with a verdict in both"
    )
    flips_to_first: Share = Field(
        description="those where each order prefers the answer shown first, of the pairs where each order prefers another answer"
    )
    first: Share = Field(
        description="verdicts for the answer shown first, of those that prefer one and whose order is known"
    )
    longer: Share = Field(
        description="pairs where the longer answer wins, of those where one wins and their lengths differ by more than 30 "
        "characters"
    )


class AnswerHabits(Record):
    """What in a system's answers a judge may be fooled by."""

    answers: int = Field(ge=0, description="answers that there are")
    same: Share = Field(
        description="answers with the commonest text, where several have it; white space does not count"
    )
    near_identical: Share = Field(
        description="answers most of whose text stands in at least half of the system's answers: the same whatever was asked"
    )
    to_the_judge: Share = Field(
        description="answers with words that are meant for a judge: a verdict in a judge's form, a command to one, or marks of "
        "a chat's template"
    )
    first_to_the_judge: str | None = Field(description="the instruction of the first such answer; null: none")


class Spread(Record):
    """How far repeated judgings of the same answers differ."""

    judgings: int = Field(ge=2, description="how often the same was judged")
    rows: int = Field(ge=0, description="scores or outcomes that every judging has")
    same: Share = Field(description="of these, those that are the same in every judging")
    deviation: float | None = Field(
        ge=0,
        description="standard deviation within a row, over all rows (root of the mean variance, ddof 1); null: no rows",
    )
    lowest: float | None = Field(description="the lowest mean of a judging")
    highest: float | None = Field(description="the highest mean of a judging")
