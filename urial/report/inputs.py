"""Everything that a report is made from, read and validated."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from urial.core.errors import UrialError
from urial.records.base import Role
from urial.records.blended_tokens import BlendedTokens
from urial.records.completion import AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.model import ModelManifest
from urial.records.plans import ReportPlan, SystemPlan
from urial.records.preference import Preference
from urial.records.token_shift import ShiftCoverage
from urial.run.files import Digests
from urial.run.paths import (
    BLENDED_TOKENS,
    COMPLETIONS,
    COVERAGE,
    INSTRUCTIONS,
    JUDGMENTS,
    PREFERENCES,
    PREFILLED,
    PREFILLED_VERDICTS,
    PROMPTS,
    PUBLISHED,
    REPORT_PLAN,
    SYSTEM_PLAN,
    TOKEN_SHIFT,
    RunFile,
)
from urial.run.reader import RunReader
from urial.safety_depth.figures.rates import Row as PrefilledRow
from urial.safety_depth.figures.rates import paired_rows
from urial.token_shift.figures.candidates import CANDIDATE_COLUMNS, groups_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SystemInputs:
    """One system's rows, all in the order of the instructions."""

    plan: SystemPlan
    prompts: Sequence[AssembledPrompt]
    completions: Sequence[Completion]
    judgments: Sequence[Judgment]


@dataclass(frozen=True)
class ContextInputs:
    """One base context's measurement."""

    # Of a run that is read, without the candidates at each position.
    table: "pa.Table"
    coverage: Sequence[ShiftCoverage]
    # All columns, or some, in groups of rows; None: the table has them.
    read_groups: "Callable[[Sequence[str] | None], Iterator[pa.Table]] | None" = None

    def candidates(self) -> Iterator["pa.Table"]:
        """The columns that figures of candidates need, some rows at a time."""
        yield from groups_of(self.table)() if self.read_groups is None else self.read_groups(CANDIDATE_COLUMNS)

    def groups(self, ids: Sequence[str]) -> Iterator["pa.Table"]:
        """All columns, some rows at a time, by instruction in the order of ``ids`` and by position, as a run's file has them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.read_groups is not None:
            yield from self.read_groups(None)
            return
        number = pc.index_in(self.table["instruction_id"], value_set=pa.array(ids, pa.string()))
        by_number = self.table.append_column("number", number)
        yield by_number.sort_by([("number", "ascending"), ("position", "ascending")]).drop_columns("number")


@dataclass(frozen=True)
class ReportInputs:
    """One run."""

    plan: ReportPlan
    # Those that the study has.
    models: Mapping[Role, ModelManifest]
    instructions: Sequence[Instruction]
    systems: Mapping[str, SystemInputs]
    contexts: Mapping[str, ContextInputs]
    # By the system that is compared with the baseline.
    preferences: Mapping[str, Sequence[Preference]] = field(default_factory=dict)
    # Published outputs, which systems are compared with; None of an instruction that they do not answer.
    published: Mapping[str, Sequence[Completion | None]] = field(default_factory=dict)
    # The tokens of blends and of their controls, by system.
    blended: Mapping[str, Sequence[BlendedTokens]] = field(default_factory=dict)
    # Answers that were begun, by the system that goes on.
    prefilled: Mapping[str, Sequence[PrefilledRow]] = field(default_factory=dict)
    # MD5 by path of the files that figures are of, as dvc.lock records it.
    files: Mapping[str, str] = field(default_factory=dict)


def read_inputs(run: RunReader) -> ReportInputs:
    """Read all that a run's report is made from. Raises UrialError for an invalid or missing row."""
    systems, contexts = {}, {}
    for name in run.plan.systems:
        systems[name] = SystemInputs(
            plan=run.record(SYSTEM_PLAN, name),
            prompts=run.ordered_rows(PROMPTS, name),
            completions=run.ordered_rows(COMPLETIONS, name),
            judgments=run.ordered_rows(JUDGMENTS, name),
        )
    for name in (measurement.name for measurement in run.plan.measurements):
        coverage = run.ordered_rows(COVERAGE, name)
        contexts[name] = ContextInputs(run.without_candidates(name), coverage, partial(run.groups, name))
        counted, positions = sum(row.positions for row in contexts[name].coverage), len(contexts[name].table)
        if counted != positions:
            raise UrialError(
                f"{run.file(COVERAGE, name)}: counts {counted:,} positions, but the table beside it has {positions:,}",
                fix="run `dvc repro`",
            )
    return ReportInputs(
        plan=run.plan,
        models=run.models,
        instructions=run.instructions,
        systems=systems,
        contexts=contexts,
        preferences={name: run.ordered_rows(PREFERENCES, name) for name in run.plan.compared},
        published={name: run.some_rows(PUBLISHED, name) for name in run.plan.published},
        blended={name: run.ordered_rows(BLENDED_TOKENS, name) for name in run.plan.blended},
        prefilled={name: prefilled_rows(run, name) for name in _prefilled(run)},
        files=_digests(run),
    )


def prefilled_rows(run: RunReader, system: str) -> list[PrefilledRow]:
    """The answers that were begun for a system, and what is said of them. Raises UrialError where the two do not fit."""
    return paired_rows(run.rows(PREFILLED, system), run.rows(PREFILLED_VERDICTS, system))


def _prefilled(run: RunReader) -> Sequence[str]:
    return run.plan.safety_depth.systems if run.plan.safety_depth else ()


def _digests(run: RunReader) -> dict[str, str]:
    """MD5 by path of the files that figures are of."""
    keys: dict[RunFile[Any], Sequence[str]] = {
        REPORT_PLAN: [""],
        INSTRUCTIONS: [""],
        **dict.fromkeys((SYSTEM_PLAN, PROMPTS, COMPLETIONS, JUDGMENTS), run.plan.systems),
        **dict.fromkeys((TOKEN_SHIFT, COVERAGE), tuple(row.name for row in run.plan.measurements)),
        PREFERENCES: run.plan.compared,
        BLENDED_TOKENS: run.plan.blended,
        **dict.fromkeys((PREFILLED, PREFILLED_VERDICTS), _prefilled(run)),
    }
    digests = Digests(run.data.parent)
    return {kind.path(key): digests.of(run.file(kind, key)).md5 for kind, names in keys.items() for key in names}
