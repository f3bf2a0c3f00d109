"""The figures of the token distribution shift, recomputed one context at a time, down to their positions or pairs of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from urial.core.json_paths import JsonPath
from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.rows import TraceReader
from urial.records.base import ROLES, Record
from urial.records.report import Report
from urial.records.token_shift import ShiftMeasurement
from urial.run.paths import COMPLETIONS, COVERAGE, INSTRUCTIONS, PROMPTS, REPORT_PLAN, TOKEN_SHIFT, RunFile
from urial.statistics.figures import function_name
from urial.token_shift.figures.candidates import groups_of
from urial.token_shift.figures.described import declared, position_figure, shift_how
from urial.token_shift.figures.greedy import divergence_reasons
from urial.token_shift.figures.paired import PAIRED_FIGURES, compare_contexts, comparison_how, pair, position_values
from urial.token_shift.figures.position_figures import first_divergences
from urial.token_shift.figures.positions import PositionFigure, Positions, Truths, every, is_text
from urial.token_shift.figures.summary import ANSWER_FIGURES, summarize
from urial.token_shift.figures.tokens import LISTS


class MeasuredFigure(Figure):
    """A figure of measurements under base contexts."""

    shows = (PROMPTS, COMPLETIONS, COVERAGE)
    roles = ROLES

    def __init__(
        self, run: TraceReader, report: Report, path: JsonPath, measurements: Sequence[ShiftMeasurement]
    ) -> None:
        """``measurements``: all of the run."""
        super().__init__(run, report, path)
        self.leaf, self.last = str(path[2]), str(path[-1])
        # Of one comparison, p-values are corrected for the tests of all of them.
        self.measured: Sequence[str] = [str(path[1])]
        self.contexts = self.measured
        if path[0] == "context_comparisons":
            compared = report.context_comparisons[int(path[1])]
            self.contexts, self.measured = (compared.first, compared.second), [row.name for row in measurements]
        shown = [row for name in self.contexts for row in measurements if row.name == name]
        named = (name for row in shown for name in (row.answers, row.aligned_system, row.base_system))
        # Published outputs have no prompts.
        self.systems = tuple(dict.fromkeys(name for name in named if name in report.systems))
        self.answers, self.is_given = shown[0].answers, shown[0].is_given
        files = (file.path(context) for context in self.measured for file in (TOKEN_SHIFT, COVERAGE))
        self.files = (REPORT_PLAN.path(), INSTRUCTIONS.path(), *files)

    @property
    def whose(self) -> str:
        """Of given answers, whose they are, as a further part of how a figure is made."""
        return f"; of the answers of {self.answers}, which are given" if self.is_given else ""

    def row_files(self) -> list[tuple[RunFile[Record], str]]:
        """The prompts are those of the pair, and the completions whoever's are measured."""
        others = [(kind, key) for kind, key in super().row_files() if kind is not COMPLETIONS]
        return [*others, (COMPLETIONS, self.answers)]


class ShiftFigure(MeasuredFigure):
    """``token_shift.CONTEXT``: the figures of one base context."""

    function = function_name(summarize)

    @property
    def _steps(self) -> tuple[str, ...]:
        """The path of the value within ShiftFigures."""
        return tuple(map(str, self.path[2:]))

    def recompute(self, interval: bool) -> tuple[JsonPath, Any]:
        table, coverage = self.run.table(*self.contexts), self.run.ordered_rows(COVERAGE, *self.contexts)
        return self.path[:2], summarize(table, coverage, self.run.bootstrap(interval)).model_dump(mode="json")

    def how(self) -> str:
        return shift_how(self._steps) + self.interval_text("answers") + self.whose

    def evidence(self) -> Evidence:
        """Answers by what became of them, or positions."""
        if answers := declared(self._steps, ANSWER_FIGURES):
            coverage = enumerate(self.run.ordered_rows(COVERAGE, *self.contexts))
            return Evidence.of_lines({line: None if answers.counted(row) else row.status for line, row in coverage})
        if self.leaf == "first_divergence":
            return self._answers_that_part()
        figure = self._listed() if self.leaf in LISTS else position_figure(self._steps)
        if figure is None:
            return Evidence(unit="positions")
        table = self.run.table(*self.contexts)
        return position_evidence(figure.of(table), figure.counted(table), figure.others)

    def _answers_that_part(self) -> Evidence:
        """Measured answers by where the two models first part."""
        table, coverage = self.run.table(*self.contexts), self.run.ordered_rows(COVERAGE, *self.contexts)
        first = first_divergences(table, groups_of(table), coverage)
        lines = {line: row.instruction_id for line, row in enumerate(coverage) if row.instruction_id in first}
        reasons = divergence_reasons(np.asarray([first[name] for name in lines.values()], float), *self._steps[1:3])
        return Evidence.of_lines(dict(zip(lines, reasons, strict=True)))

    def _listed(self) -> PositionFigure:
        """Of an entry of a list: positions of its text, and those that its number is about."""
        column, field = LISTS[self.leaf]
        entries = self.recompute(interval=False)[1][self.leaf]
        of = is_text(column, entries[int(self.path[3])][field])
        if self.last in ("positions", "occurrences"):
            return PositionFigure("", every, of)
        if self.last in ("z", "log_odds", "text") and field == "text":
            marginal = is_text("category", "marginal")
            return PositionFigure("", lambda table: ~marginal(table), of, "marginal")
        category = "unshifted" if self.last == "unshifted" else "shifted"
        return PositionFigure("", is_text("category", category), of, f"not {category}")


class ComparisonFigure(MeasuredFigure):
    """``context_comparisons.N``: one base context against the first one."""

    function = function_name(compare_contexts)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        tables = {context: self.run.table(context) for context in self.measured}
        comparisons = compare_contexts(tables, self.run.bootstrap(interval), self.run.plan.read)
        return self.path[:1], [comparison.model_dump(mode="json") for comparison in comparisons]

    def how(self) -> str:
        how = comparison_how(self.leaf, self.last, self.run.plan.report.seed)
        return how + self.interval_text("answers") + self.whose

    def evidence(self) -> Evidence:
        """Positions measured under both, of which those that differ make a difference."""
        first, second = map(self.run.table, self.contexts)
        both = pair(first, second)
        if self.leaf in ("only_first", "only_second"):
            mine, table = (both.first, first) if self.leaf == "only_first" else (both.second, second)
            unpaired = np.setdiff1d(np.arange(len(table)), mine).tolist()
            return Evidence("positions", len(table), unpaired, {"measured under both": len(mine)})
        figure = PAIRED_FIGURES.get(self.leaf, PAIRED_FIGURES["positions"])
        values = position_values(Positions.of(first.take(both.first)), Positions.of(second.take(both.second)))
        counted = values[figure.counted or (self.leaf if self.leaf in PAIRED_FIGURES else "positions")] != 0
        evidence = position_evidence(values[figure.of] != 0, counted, figure.others)
        lines = np.asarray(evidence.counted, np.int64)
        return replace(evidence, counted=both.first[lines].tolist(), second=both.second[lines].tolist())


def position_evidence(of: Truths, counted: Truths, others: str) -> Evidence:
    """Positions that go in, of which some count."""
    rows, lines = int(of.sum()), np.flatnonzero(of & counted).tolist()
    return Evidence("positions", rows, lines, {others: rows - len(lines)} if len(lines) < rows else {})
