"""The records of what `urial trace --json` prints."""

from typing import Literal

from pydantic import Field

from urial.records.base import Hash, Name, Record, Role
from urial.records.completion import AssembledPrompt, Completion
from urial.records.environment import Environment
from urial.records.instruction import Instruction
from urial.records.judge import JudgeIdentity
from urial.records.judgment import Judgment
from urial.records.model import ModelManifest
from urial.records.plans import InstructionsPlan, JudgePlan, PreferencesPlan, SystemPlan
from urial.records.preference import Preference, PreferenceJudge
from urial.records.token_shift import ShiftCoverage, TokenShift
from urial.run.folders import RunState
from urial.run.lockfile import LockedFile, LockedStage
from urial.run.paths import REPORT

Value = float | int | str | bool | None


class TracedFile(Record):
    """A file that a trace reads."""

    path: str = Field(description="relative to the run")
    md5: str = Field(description="MD5 of the file as it is, as DVC makes it")
    recorded: str | None = Field(description="MD5 in dvc.lock, or in the folder that it has; null: not known")
    folder: str | None = Field(
        description="folder around it that dvc.lock has instead of it; null: it has the file, or nothing of it"
    )
    edited: bool = Field(description="whether it differs from dvc.lock, or, where that has a folder, the folder does")

    @property
    def restored_as(self) -> str:
        """What DVC brings back to have it as recorded."""
        return self.path if self.recorded else self.folder or self.path


class Computation(Record):
    """How a value was computed, and of what."""

    function: str = Field(description="the function that computes it, MODULE.NAME")
    how: str = Field(description="what it does, with the report's parameters")
    rows: int = Field(ge=0, description="rows that went in: instructions, answers or positions; 0: it is of no rows")
    unit: Literal["instructions", "positions"] = Field(description="what a row is of")
    counted: int = Field(ge=0, description="rows that the value is of")
    left_out: dict[str, int] = Field(description="the other rows, by reason")
    files: tuple[TracedFile, ...] = Field(description="the files that it was recomputed from")


class TracedRow(Record):
    """One instruction on its way through the run, as far as the value depends on it."""

    instruction: Instruction = Field(description="what was asked")
    prompts: tuple[AssembledPrompt, ...] = Field(description="the exact texts that the models were given")
    completion: Completion | None = Field(description="the answer; null: the value depends on none")
    judgment: Judgment | None = Field(description="the judge's view; null: the value depends on none")
    preference: Preference | None = Field(
        default=None, description="the comparison with the baseline's answer; null: the value depends on none"
    )
    coverage: tuple[ShiftCoverage, ...] = Field(description="what became of the answer under each base context")


class TracedPosition(Record):
    """One token of an aligned answer, under one base context or under two that are compared."""

    token: TokenShift = Field(description="the position as measured; of two contexts, under the first")
    second: TokenShift | None = Field(description="the same position under the second; null: there is one context")


class TracedStage(Record):
    """A stage of the pipeline that the value depends on."""

    stage: LockedStage = Field(description="command, and files read and written with their MD5, of dvc.lock")
    environment: Environment | None = Field(description="versions and devices it ran with; null: not recorded")


class TracedRun(RunState):
    """Which state of the project the run is of, and whether the report is the recorded one."""

    report: LockedFile | None = Field(description="report.json in dvc.lock; null: dvc.lock has none")
    report_edited: bool = Field(description="whether report.json differs from dvc.lock")


class Trace(Record):
    """One value of report.json, recomputed, and everything that it was made from."""

    pointer: str = Field(description=f"JSON Pointer into {REPORT.path()}")
    path: str = Field(description="the same as people type it")
    meaning: str = Field(description="what the field of the report says")
    value: Value = Field(description="the value, which is the same in the report and recomputed")
    computation: Computation = Field(description="how it was recomputed")
    rows: tuple[TracedRow, ...] = Field(
        description="instructions that the value is of, the first ones unless all are asked for"
    )
    positions: tuple[TracedPosition, ...] = Field(description="positions that the value is of, likewise")
    systems: dict[Name, SystemPlan] = Field(description="the systems that it depends on, as planned")
    models: dict[Role, ModelManifest] = Field(description="the models that it depends on")
    model_hashes: dict[Role, Hash] = Field(
        description="content hash of each model's files, or of its server and its name there, as in the report"
    )
    judge: JudgePlan | None = Field(description="the judge as planned; null: the value depends on none")
    judge_identity: JudgeIdentity | None = Field(
        description="everything that decides the judge's verdicts, as every row names it; null: no row does, or the value "
        "depends on none"
    )
    preferences: PreferencesPlan | None = Field(
        default=None, description="the comparisons as planned, with their judge; null: the value depends on none"
    )
    preference_judge: PreferenceJudge | None = Field(
        default=None, description="who compared, as every row names it; null: no row does, or the value depends on none"
    )
    instructions: InstructionsPlan = Field(description="the instruction set as planned; a hub revision is a commit")
    instructions_hash: Hash = Field(description="content hash of the instructions, as in the report")
    stages: tuple[TracedStage, ...] = Field(description="the stages that it depends on, in the order in which they run")
    files: tuple[TracedFile, ...] = Field(description="the files that all the rest was read from")
    run: TracedRun = Field(description="commit and lock")

    @property
    def edited(self) -> list[str]:
        """Files, and folders around them, that are no longer as dvc.lock records them; all but the report."""
        files = (*self.computation.files, *self.files)
        return list(dict.fromkeys(file.restored_as for file in files if file.edited))
