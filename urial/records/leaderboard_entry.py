"""The small file of one run that a leaderboard is made of: who was measured, by whom, on what, and every score.

A group collects such files of many machines in one folder. One has the figures of the run's report, and the score of each
instruction besides, so that two files can be compared instruction by instruction; it has no text of an instruction or an answer.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from urial.core.hashing import content_hash
from urial.records.base import Hash, Name, Record, Role
from urial.records.estimate import Estimate
from urial.records.judge import JudgeIdentity
from urial.records.judgment import Aspect
from urial.records.model import Loading
from urial.records.preference import PreferenceJudge
from urial.records.report import ComparedFigures, SystemFigures
from urial.records.shift_figures import PositionMean

MISSING = "-"
# Scores of an aspect in the order of the instructions, such as `5 4 - 3.25`: one line of the file, which `git diff` shows whole.
Scores = Annotated[str, Field(pattern=r"^(?:-|10|[1-9](?:\.[0-9]{1,2})?)(?: (?:-|10|[1-9](?:\.[0-9]{1,2})?))*$")]
# No count and no number of tokens is larger, and others can compute with it.
Count = Annotated[int, Field(ge=0, le=10**18)]


class EntryModel(Record):
    """One model of the run's study."""

    label: str = Field(
        min_length=1,
        max_length=1000,
        description="its id on the hub and commit, its folder or file, or its name on a server",
    )
    hash: Hash = Field(description="hash of its files, or of its server and its name there, as in report.json")
    checkpoint: str | None = Field(
        max_length=1000, description="name of the checkpoint; null: it is none, or not known as one"
    )
    step: Count | None = Field(description="training step; null: not known")
    tokens: Count | None = Field(description="tokens seen in training; null: not known")
    parameters: Count | None = Field(description="how many weights it has; null: not known")


class EntryInstructions(Record):
    """The instructions that were asked."""

    name: Name = Field(description="the instruction set")
    hash: Hash = Field(
        description="content hash of the instructions: with the same one, all scores are of the same texts"
    )
    ids: tuple[str, ...] = Field(description="their ids, in the order of all scores")


class EntryShift(Record):
    """Token distribution shift under one base context; see report.json for the rest."""

    measured: Count = Field(description="answers measured")
    positions: Count = Field(description="tokens measured")
    unshifted: Estimate = Field(description="share of positions with base rank 1")
    marginal: Estimate = Field(description="share of positions with base rank 2 or 3")
    shifted: Estimate = Field(description="share of positions with base rank above 3")
    kl: PositionMean = Field(description="mean KL(aligned || base) a position, in nats, where it is exact")


class EntrySystem(Record):
    """One system of the run."""

    figures: SystemFigures = Field(description="its figures, as in report.json")
    preferences: ComparedFigures | None = Field(description="against the baseline, likewise; null: it is not compared")
    token_shift: EntryShift | None = Field(description="with the system as base context; null: it is none")
    scores: tuple[dict[Aspect, Scores], ...] = Field(
        description="by turn, the first one first, and by aspect: the scores of all instructions, rounded to a hundredth, "
        f"{MISSING} where there is none; empty: nobody judged"
    )


class LeaderboardEntry(Record):
    """One run, as a leaderboard shows it."""

    format: Literal["urial-leaderboard-1"] = Field(description="this form of file, and its version")
    run: Hash = Field(
        description="hash of what was measured: of all that follows but commit, experiment and numbers of weights"
    )
    study: Name = Field(description="the study")
    commit: str | None = Field(
        pattern=r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$", description="the run's commit; null: it is under no git"
    )
    experiment: str | None = Field(max_length=1000, description="name of the DVC experiment; null: it is none")
    models: dict[Role, EntryModel] = Field(description="the models of the study")
    loading: Loading | None = Field(description="how they were loaded; null: all are behind servers")
    instructions: EntryInstructions = Field(description="the instructions that were asked")
    judge: JudgeIdentity | None = Field(description="who judged, with rubrics; null: nobody")
    preference_judge: PreferenceJudge | None = Field(description="who compared answers; null: nobody")
    confidence: Annotated[float, Field(gt=0, lt=1)] = Field(description="coverage of every interval")
    resamples: Count = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap")
    systems: dict[Name, EntrySystem] = Field(min_length=1, description="by system")

    @model_validator(mode="after")
    def _of_the_same_instructions(self) -> Self:
        number = len(self.instructions.ids)
        if len(set(self.instructions.ids)) < number:
            raise ValueError("instructions.ids: an id stands twice")
        for name, system in self.systems.items():
            if system.figures.model not in self.models:
                raise ValueError(f"systems.{name}.figures.model: no such model among models")
            for turn, columns in enumerate(system.scores):
                for aspect, scores in columns.items():
                    if (found := scores.count(" ") + 1) != number:
                        raise ValueError(
                            f"systems.{name}.scores.{turn}.{aspect}: {found:,} scores of {number:,} instructions"
                        )
        return self


def entry_of(commit: str | None, experiment: str | None, **measured: Any) -> LeaderboardEntry:
    """The entry of a run, which names itself by the hash of what was measured."""
    entry = LeaderboardEntry(
        format="urial-leaderboard-1", run=f"sha256:{0:064}", commit=commit, experiment=experiment, **measured
    )
    return entry.model_copy(update={"run": run_hash(entry)})


def run_hash(entry: LeaderboardEntry) -> Hash:
    """What names the measurement, whatever the commit and the experiment are called that it is of.

    How many weights a model has is known where its files are, and makes no other measurement.
    """
    left_out: Any = {
        "format": True,
        "run": True,
        "commit": True,
        "experiment": True,
        "models": {"__all__": {"parameters"}},
    }
    return content_hash(entry.model_dump(mode="json", exclude=left_out))


def scores_text(scores: Sequence[float | None]) -> str:
    """Scores as an entry has them.

    >>> scores_text([5.0, None, 3.251, 10])
    '5 - 3.25 10'
    """
    return " ".join(MISSING if score is None else f"{score:.2f}".rstrip("0").rstrip(".") for score in scores)


def scores_in(text: Scores) -> list[float | None]:
    """The scores in a text that ``scores_text`` wrote."""
    return [None if part == MISSING else float(part) for part in text.split(" ")]
