"""The records of `urial compare --json`."""

from typing import Literal

from pydantic import Field

from urial.records.base import Name, Record
from urial.records.estimate import PairedDifference
from urial.records.judge import JudgeIdentity
from urial.records.known_answers import KnownDifference
from urial.records.left_out import LeftOut
from urial.records.report import ComparedFigures, SystemFigures
from urial.records.shift_figures import ShiftDifference, ShiftFigures
from urial.run.folders import RunState

InputKind = Literal["parameters", "prompts", "data", "models", "judge", "code", "versions"]


class InstructionPairing(Record):
    """Which instructions a run shares with the first one; only those are compared."""

    both: int = Field(ge=0, description="instructions of both, with the same content")
    changed: int = Field(ge=0, description="ids of both with another content, which are not compared")
    only_first: int = Field(ge=0, description="instructions of only the first run")
    only_here: int = Field(ge=0, description="instructions of only this run")


class ComparedRun(RunState):
    """One of the runs compared."""

    run: str = Field(description="as it was named")
    judges: tuple[JudgeIdentity, ...] = Field(description="the judge; several are possible, and none")
    instructions: int = Field(ge=0, description="instructions asked")
    study: Name = Field(description="its study")
    left_out: LeftOut = Field(
        default=LeftOut(),
        exclude_if=lambda value: value == LeftOut(),
        description="what it has no rows of, since its study lacks a model or the stages do not load it; left out: nothing",
    )
    pairing: InstructionPairing | None = Field(description="with the first run; null for the first itself")


class InputDifference(Record):
    """One input that differs from the first run's."""

    kind: InputKind = Field(description="what kind of input")
    key: str = Field(description="dotted key of a parameter; system, file, role or package")
    first: str | None = Field(description="what the first run has, as JSON or a hash; null: nothing")
    here: str | None = Field(description="what this run has; null: nothing")
    where: tuple[str, ...] = Field(default=(), description="stages that it concerns, where it is not all")


class RunInputs(Record):
    """What one run was made from that the first was not."""

    run: str = Field(description="the run")
    differences: tuple[InputDifference, ...] = Field(description="by kind; none: all inputs are the same")
    unknown: tuple[str, ...] = Field(description="what could not be compared, and why")


class ComparedSystem(Record):
    """One system in every run that has it."""

    system: Name = Field(description="the system")
    figures: dict[str, SystemFigures] = Field(description="scores by run, each over all of its own instructions")
    differences: dict[str, tuple[PairedDifference, ...]] = Field(
        description="by run, of those that have it as well, where both are judged: here, which is that run, minus the first, "
        "over the instructions with a score in both; p_holm is corrected for all score tests of this comparison"
    )
    known_answers: dict[str, KnownDifference] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="by run likewise: share of the answers with an accepted answer in them, here minus the first, over the "
        "instructions with the same accepted answers; p_holm is corrected for all such tests; left out: none are known",
    )


class ComparedPreferences(Record):
    """One system's win rates in every run that compares it; baselines and judges can differ between them."""

    system: Name = Field(description="the system")
    figures: dict[str, ComparedFigures] = Field(description="win rates by run, each over all of its own instructions")


class ShiftChange(Record):
    """How token shift changes from the first run to another, under one base context."""

    paired: bool = Field(
        description="true: over the positions of the answers that are the same in both; false: no answer is, so that all of "
        "each are compared, without a test"
    )
    same: int = Field(ge=0, description="answers measured in both with the same tokens")
    different: int = Field(ge=0, description="answers to the same instructions, measured in both, with other tokens")
    only_first: int = Field(ge=0, description="answers measured only in the first run, or to another instruction")
    only_here: int = Field(ge=0, description="answers measured only in this run, or to another instruction")
    unshifted: ShiftDifference = Field(description="share unshifted, this run minus the first")
    shifted: ShiftDifference = Field(description="share shifted, this run minus the first")
    kl: ShiftDifference = Field(description="mean exact KL(aligned || base) in nats, this run minus the first")


class ComparedContext(Record):
    """One measurement of the token shift in every run that has it."""

    context: Name = Field(description="the base context, or the measurement of given answers")
    answers: dict[str, Name] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="whose answers are given, by run, of those that have it; left out: the aligned model's own",
    )
    figures: dict[str, ShiftFigures] = Field(description="by run, each over all of its own answers")
    changes: dict[str, ShiftChange] = Field(description="to the first run, by run, of those that have it as well")


class Same(Record):
    """What all runs have with the same rows, so that its figures do not differ."""

    systems: tuple[Name, ...] = Field(default=(), description="systems with the same prompts, answers and judgments")
    preferences: tuple[Name, ...] = Field(default=(), description="systems with the same comparisons with the baseline")
    token_shift: tuple[Name, ...] = Field(default=(), description="base contexts with the same measurement")


class Comparison(Record):
    """Several runs side by side, each against the first."""

    runs: tuple[ComparedRun, ...] = Field(description="in the order given")
    inputs: tuple[RunInputs, ...] = Field(description="what differs, for every run but the first")
    judges_differ: bool = Field(
        description="whether scores differ by their judges as well, so that they are no comparison"
    )
    same: Same = Field(description="what is left out below unless `--all` asks for it, and is then not tested")
    systems: tuple[ComparedSystem, ...] = Field(description="systems of any run")
    preferences: tuple[ComparedPreferences, ...] = Field(
        default=(), description="systems that any run compares with a baseline"
    )
    token_shift: tuple[ComparedContext, ...] = Field(description="measurements of the token shift of any run")
    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap and of the permutation tests")
    permutations: int = Field(description="sign flips tried in a test, where there are more than this")
