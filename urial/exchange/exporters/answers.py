"""What a run has to say to other tools: every answer of a system with its exact prompt, its scores and how it was made.

Token shift is left out: no format of another tool has a place for what a base model thinks of an answer's tokens.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from urial.records.completion import AssembledPrompt, Completion, LaterTurn
from urial.records.environment import Environment
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment, LaterJudgment
from urial.records.model import ModelManifest
from urial.records.plans import InstructionsPlan, JudgePlan, PreferencesPlan, SystemPlan
from urial.records.report import Report, SystemFigures
from urial.run import paths
from urial.run.exporting import commit_and_date
from urial.run.folders import run_folder
from urial.run.reader import RunReader

# What of a run is read; of the models, which they are.
NEEDS = (
    paths.PLAN_FOLDER, paths.INSTRUCTIONS.path(), paths.PROMPTS.folder, paths.COMPLETIONS.folder, paths.JUDGMENTS.folder,
    paths.REPORT.path(), paths.MANIFEST.path("base"), paths.MANIFEST.path("aligned"), f"{paths.DATA}/environment",
)  # fmt: skip


@dataclass(frozen=True)
class ExportedAnswer:
    """A system's answer to one message of an instruction, or why there is none, and what the judge said of it."""

    instruction: Instruction
    # From 1.
    turn: int
    # None: an earlier turn has no answer.
    prompt: AssembledPrompt | None
    completion: Completion | LaterTurn
    # None: nobody was asked about this turn.
    judgment: Judgment | LaterJudgment | None

    @property
    def query(self) -> str:
        """The message."""
        return self.instruction.turns[self.turn - 1]

    @property
    def text(self) -> str | None:
        """The answer as it was generated; None: there is none."""
        return self.completion.answer.text if self.completion.answer else None

    @property
    def name(self) -> str:
        """The instruction's id, and which of its messages from the second one on."""
        return of_turn(self.instruction.id, self.turn)


def of_turn(name: str, turn: int) -> str:
    """What an instruction's or an aspect's name becomes for the second and later turns."""
    return name if turn == 1 else f"{name}/turn-{turn}"


@dataclass(frozen=True)
class ExportedSystem:
    """A system of a run: how it was made, its figures, and its answers, one list for each instruction."""

    name: str
    plan: SystemPlan
    manifest: ModelManifest
    environment: Environment
    figures: SystemFigures
    answers: list[list[ExportedAnswer]]


@dataclass(frozen=True)
class ExportedRun:
    """A run: its figures, who judged and what was asked, and its systems."""

    commit: str
    # Of the commit: the only time that a run knows.
    date: datetime
    # Files that differ from the commit.
    dirty: tuple[str, ...]
    report: Report
    instructions: InstructionsPlan
    # How many these are.
    asked: int
    judge: JudgePlan
    preferences: PreferencesPlan
    systems: tuple[ExportedSystem, ...]


@contextmanager
def exported_run(revision: str | None, root: Path = Path()) -> Iterator[ExportedRun]:
    """The run of the work tree (None), or of a revision. Raises UrialError where it is in no commit, or lacks a file."""
    with run_folder(revision, root=root, needs=None if revision is None else NEEDS) as run:
        commit, date = commit_and_date(run)
        reader = RunReader(run.path / paths.DATA)
        report = reader.record(paths.REPORT)
        yield ExportedRun(
            commit=commit,
            date=datetime.fromisoformat(date),
            dirty=tuple(run.state.dirty),
            report=report,
            instructions=reader.record(paths.INSTRUCTIONS_PLAN),
            asked=len(reader.instructions),
            judge=reader.record(paths.JUDGE_PLAN),
            preferences=reader.record(paths.PREFERENCES_PLAN),
            systems=tuple(_system(reader, name, figures) for name, figures in report.systems.items()),
        )


def _system(reader: RunReader, name: str, figures: SystemFigures) -> ExportedSystem:
    plan = reader.record(paths.SYSTEM_PLAN, name)
    return ExportedSystem(
        name=name,
        plan=plan,
        manifest=reader.record(paths.MANIFEST, plan.model),
        environment=reader.record(paths.ENVIRONMENT, _stage_of(name, plan)),
        figures=figures,
        answers=joined(
            reader.instructions,
            reader.ordered_rows(paths.PROMPTS, name),
            reader.ordered_rows(paths.COMPLETIONS, name),
            reader.ordered_rows(paths.JUDGMENTS, name),
        ),
    )


def _stage_of(name: str, plan: SystemPlan) -> str:
    """The stage that made the answers: that of a blend makes its control's, too."""
    return f"blend/{plan.blend.control_of or name}" if plan.blend else f"generate/{name}"


def joined(
    instructions: Sequence[Instruction],
    prompts: Sequence[AssembledPrompt],
    completions: Sequence[Completion],
    judgments: Sequence[Judgment],
) -> list[list[ExportedAnswer]]:
    """A system's rows, all in the order of the instructions, as its answers to each."""
    rows = zip(instructions, prompts, completions, judgments, strict=True)
    return [list(_turns(*row)) for row in rows]


def _turns(
    instruction: Instruction, prompt: AssembledPrompt, completion: Completion, judgment: Judgment
) -> Iterator[ExportedAnswer]:
    yield ExportedAnswer(instruction, 1, prompt, completion, judgment)
    judged = dict(enumerate(judgment.later_turns))
    for number, later in enumerate(completion.later_turns):
        yield ExportedAnswer(instruction, number + 2, later.prompt, later, judged.get(number))
