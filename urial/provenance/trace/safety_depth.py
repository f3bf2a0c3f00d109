"""The computations that figures of safety depth belong to, and the instructions that they are of."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

from urial.core.json_paths import JsonPath
from urial.provenance.trace.figures import SHOWN, Evidence, Figure
from urial.provenance.trace.rows import TraceReader
from urial.records.base import ROLES
from urial.records.params.safety_depth import GivenKind
from urial.records.plans import PlannedDepth
from urial.records.report import Report
from urial.report.inputs import prefilled_rows
from urial.run import paths
from urial.safety_depth.figures.positions import figures_at, position_how, rows_at
from urial.safety_depth.figures.rates import PREFILL_FIGURES, Row, cell, counts_in, prefill_figures
from urial.safety_depth.figures.summary import given_counts, safety_depth_figures, safety_ids
from urial.statistics.figures import function_name

if TYPE_CHECKING:
    import pyarrow as pa


class DepthFigure(Figure):
    """``safety_depth``: numbers of instructions and of given texts."""

    function = function_name(safety_depth_figures)

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        self.steps = [str(step) for step in path[1:]]
        depth = report.safety_depth
        self.systems = tuple(depth.systems)[:1] if depth else ()
        files = [paths.PREFILLED.path(name) for name in self.systems] if self.steps[0] == "given" else []
        verdicts = [paths.PREFILLED_VERDICTS.path(name) for name in self.systems] if files else []
        self.files = (paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), *files, *verdicts)

    @property
    def depth(self) -> PlannedDepth:
        """The planned beginnings."""
        plan = self.run.plan.safety_depth
        if plan is None:
            raise TypeError("nothing is begun in this run")
        return plan

    def rows(self, system: str) -> Sequence[Row]:
        """The answers that were begun for a system."""
        return prefilled_rows(self.run, system)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        if self.steps[0] == "given":
            return self.path[:2], given_counts(self.depth, self.rows(self.systems[0]))
        safety = len(safety_ids(self.run.partial_instructions))
        counts = {"instructions": safety, "others": len(self.run.partial_instructions) - safety}
        return self.path[:1], counts

    def how(self) -> str:
        return {
            "instructions": "number of instructions of the category safety",
            "others": "number of instructions of other categories",
            "given": "number of instructions of the category safety with a given text",
        }[self.steps[0]]

    def evidence(self) -> Evidence:
        wanted = self._with_text if self.steps[0] == "given" else None
        reasons: dict[int, str | None] = {}
        for line, row in enumerate(self.run.partial_instructions):
            counts = (
                row.id in wanted if wanted is not None else (row.category == "safety") == (self.steps[0] != "others")
            )
            reasons[line] = None if counts else "others"
        return Evidence.of_lines(reasons)

    @cached_property
    def _with_text(self) -> set[str]:
        rows = self.rows(self.systems[0])
        return {row.answer.instruction_id for row in rows if row.answer.answers == self.steps[1]}


class RateFigure(DepthFigure):
    """``safety_depth.systems.SYSTEM.KIND.TOKENS``: rates and counts of one cell."""

    function = function_name(prefill_figures)
    shows = SHOWN["completions"]

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        _, self.system, kind, tokens, self.name, *part = self.steps
        self.kind, self.tokens, self.part = cast("GivenKind", kind), int(tokens), "".join(part)
        self.systems = (self.system,)
        rows = (paths.PREFILLED.path(self.system), paths.PREFILLED_VERDICTS.path(self.system))
        self.files = (paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), *rows)

    @cached_property
    def _cell(self) -> list[Row]:
        return cell(self.rows(self.system), self.kind, self.tokens)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        return self.path[:5], prefill_figures(self._cell, self.run.bootstrap(interval)).model_dump(mode="json")

    def how(self) -> str:
        return PREFILL_FIGURES[self.name].how + self.interval_text("instructions")

    def evidence(self) -> Evidence:
        line_of = {name: line for line, name in enumerate(self.run.ids)}
        return Evidence.of_lines(
            {line_of[row.answer.instruction_id]: counts_in(self.name, self.part, row) for row in self._cell}
        )


class DepthPositionFigure(DepthFigure):
    """``safety_depth.positions.MEASUREMENT.POSITION``: both models at one position of the given texts."""

    function = function_name(figures_at)
    shows = (paths.PROMPTS, paths.COVERAGE)
    roles = ROLES

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        _, name, position, self.column, *_ = self.steps
        self.contexts, self.position = (name,), int(position)
        measured = next(row for row in report.given if row.name == name)
        self.systems = (measured.aligned_system, measured.base_system)
        self.files = (
            paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), paths.TOKEN_SHIFT.path(name), paths.COVERAGE.path(name)
        )  # fmt: skip

    @cached_property
    def _table(self) -> "pa.Table":
        return self.run.table(*self.contexts)

    @cached_property
    def _rows(self) -> list[int]:
        return rows_at(self._table, safety_ids(self.run.partial_instructions), self.position)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        figures = figures_at(self._table, self._rows, self.run.bootstrap(interval))
        return self.path[:4], figures.model_dump(mode="json")

    def how(self) -> str:
        return position_how(self.column) + self.interval_text("instructions")

    def evidence(self) -> Evidence:
        """The positions; of a mean, those whose value is known."""
        column = self._table[self.column] if self.column != "answers" else None
        known = [row for row in self._rows if column is None or column[row].is_valid]
        lost = len(self._rows) - len(known)
        left_out = {"not known": lost} if lost else {}
        return Evidence("positions", rows=len(self._rows), counted=known, left_out=left_out)


def depth_figure(path: JsonPath) -> type[DepthFigure]:
    """The kind of computation that a value of safety depth belongs to."""
    return {"systems": RateFigure, "positions": DepthPositionFigure}.get(str(path[1]), DepthFigure)
