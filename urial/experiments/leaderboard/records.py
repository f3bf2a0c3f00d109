"""The records of `urial leaderboard`: the table, its settings, and what could not be shown.

A run is read into a ``LeaderboardEntry`` (records/leaderboard_entry.py), which has the scores of each instruction. The table has
figures alone: whoever tests or draws is given the entries' systems beside the rows, in the same order.

How the parts fit (files of this folder): ``runs`` reads what the user names, with ``reading``, ``revisions`` and ``entry_files``;
``table`` makes the rows, a setting at a time, each with the ``Standing`` that ``standings`` gives it (``ranks``, ``pairs``,
``groups``); ``text`` writes tables, ``charts`` and ``page`` draw.
"""

from typing import Literal

from pydantic import Field

from urial.records.base import Hash, Name, Record
from urial.records.estimate import Probability
from urial.records.judge import JudgeIdentity
from urial.records.judgment import Aspect
from urial.records.leaderboard_entry import EntryModel, EntryShift
from urial.records.preference import PreferenceJudge
from urial.records.report import ComparedFigures, SystemFigures

# What rows are ranked by. The last: the answer as a whole over all turns, as MT-Bench ranks.
Measure = Literal["average", Aspect, "overall_pooled"]


class Standing(Record):
    """Where a row stands among those of its setting, and how sure that is."""

    rank: int = Field(ge=1, description="by its score, the best being 1; equal scores share one")
    low: int | None = Field(ge=1, description="best rank of the interval; null: no resamples")
    high: int | None = Field(ge=1, description="worst rank of the interval, likewise")
    best: Probability | None = Field(
        description="share of the resamples in which it is the best, shared by those that tie for it; null: no resamples"
    )
    group: str = Field(
        description="letters, after z a2: two rows without a letter in common are told apart by a paired test"
    )


class Setting(Record):
    """What makes figures comparable: who judged, who compared, and on which instructions."""

    instructions: Name = Field(description="the instruction set")
    instructions_hash: Hash = Field(description="content hash of the instructions")
    number: int = Field(ge=0, description="how many instructions")
    judge: JudgeIdentity | None = Field(description="who judged; null: nobody")
    preference_judge: PreferenceJudge | None = Field(description="who compared answers; null: nobody")
    confidence: tuple[float, ...] = Field(
        description="coverage of the intervals of figures; several where reports have different ones"
    )


class LeaderboardRow(Record):
    """One system of one model."""

    setting: int = Field(ge=0, description="index of its setting")
    standing: Standing | None = Field(description="its rank; null: it has no score to be ranked by, or is alone")
    model: str = Field(description="what the model is called in the table; no two models are called the same")
    system: Name = Field(description="the system")
    runs: tuple[str, ...] = Field(min_length=1, description="the runs that measured it, all with this very result")
    of: EntryModel = Field(description="the model")
    figures: SystemFigures = Field(description="its figures")
    preferences: ComparedFigures | None = Field(description="against the run's baseline; null: it is not compared")
    token_shift: EntryShift | None = Field(description="with the system as base context; null: it is none")


class LeaderboardRun(Record):
    """Where the figures of rows are from."""

    run: Hash = Field(description="hash of what was measured, as the run's entry has it")
    study: Name = Field(description="the study")
    commit: str | None = Field(description="the run's commit; null: it is under no git")
    experiment: str | None = Field(description="name of the DVC experiment; null: it is none")


class NotShown(Record):
    """A run that is not in the table."""

    run: str = Field(description="as it was named")
    why: str = Field(description="the reason")


class Leaderboard(Record):
    """Systems of many models in one table."""

    by: Measure = Field(description="what rows are ranked by")
    confidence: float = Field(description="coverage of the intervals of ranks")
    resamples: int = Field(description="bootstrap resamples over instructions, of ranks")
    seed: int = Field(description="seed of that bootstrap")
    settings: tuple[Setting, ...] = Field(description="one, unless different ones were mixed on purpose")
    rows: tuple[LeaderboardRow, ...] = Field(description="by setting, best first")
    runs: dict[str, LeaderboardRun] = Field(description="the runs by the names that rows have")
    not_shown: tuple[NotShown, ...] = Field(description="runs that could not be read")
    same: dict[str, str] = Field(
        description="by the name of a run that is not shown since another is the same measurement, that other"
    )
