"""The figures of the token distribution shift, recomputed one context at a time, down to their positions."""

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.pointers import JsonPath, dotted
from urial.provenance.trace.rows import TraceReader
from urial.records.token_shift import ShiftCoverage
from urial.run.paths import COVERAGE, INSTRUCTIONS, REPORT_PLAN, TOKEN_SHIFT
from urial.statistics.figures import function_name
from urial.token_shift.figures.positions import Truths, every, is_text
from urial.token_shift.figures.summary import ANSWER_FIGURES, POSITION_FIGURES, PositionFigure, summarize
from urial.token_shift.figures.tokens import LISTS, PRIOR_TOTAL

if TYPE_CHECKING:
    import pyarrow as pa

Declared = TypeVar("Declared")
MEASURED = frozenset({"prompt", "completion", "coverage"})


class ShiftFigure(Figure):
    """``token_shift.CONTEXT``: the figures of one base context."""

    function = function_name(summarize)
    shows = MEASURED

    def __init__(self, run: TraceReader, path: JsonPath, answers: str) -> None:
        super().__init__(run, path)
        self.context, self.leaf, self.last = str(path[1]), str(path[2]), str(path[-1])
        self.contexts = (self.context,)
        self.systems = tuple(dict.fromkeys((answers, self.context)))
        self.files = measured_files([self.context])

    @cached_property
    def _table(self) -> "pa.Table":
        return self.run.table(self.context)

    @cached_property
    def _coverage(self) -> list[ShiftCoverage]:
        return self.run.ordered_rows(COVERAGE, self.context)

    def recompute(self, interval: bool) -> tuple[JsonPath, Any]:
        figures = summarize(self._table, self._coverage, self.run.bootstrap(interval))
        return self.path[:2], figures.model_dump(mode="json")

    def _declared(self, figures: Mapping[tuple[str, ...], Declared]) -> Declared | None:
        """The figure of the value, or of the estimate that it is a part of."""
        steps = tuple(map(str, self.path[2:]))
        return next((figures[steps[:end]] for end in range(len(steps), 0, -1) if steps[:end] in figures), None)

    def how(self) -> str:
        return self._what() + self.interval_text("answers")

    def _what(self) -> str:
        if self._declared(ANSWER_FIGURES):
            return f"count of the answers, by {dotted(self.path[2:])} in their coverage"
        if figure := self._declared(POSITION_FIGURES):
            return figure.how
        if self.leaf not in LISTS:
            return "a constant of the function"
        column, field = LISTS[self.leaf]
        if field == "text" and self.last in ("z", "log_odds"):
            return (
                f"{'its z, of the' if self.last == 'z' else 'the'} weighted log-odds ratio of the {column}, shifted against "
                f"unshifted (Monroe et al. 2008), with a prior of {PRIOR_TOTAL:g} pseudo-counts in proportion to all {column}s"
            )
        return f"positions with the {column}, counted; the list has those that are shifted most"

    def evidence(self) -> Evidence:
        """Answers by what became of them, or positions."""
        if answers := self._declared(ANSWER_FIGURES):
            counted = [line for line, row in enumerate(self._coverage) if answers.counted(row)]
            others = Counter(row.status for row in self._coverage if not answers.counted(row))
            return Evidence(rows=len(self._coverage), counted=counted, left_out=dict(sorted(others.items())))
        figure = self._listed() if self.leaf in LISTS else self._declared(POSITION_FIGURES)
        if figure is None:
            return Evidence(unit="positions")
        return position_evidence(figure.of(self._table), figure.counted(self._table), figure.others)

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


def position_evidence(of: Truths, counted: Truths, others: str) -> Evidence:
    """Positions that go in, of which some count."""
    rows, lines = int(of.sum()), np.flatnonzero(of & counted).tolist()
    return Evidence("positions", rows, lines, {others: rows - len(lines)} if len(lines) < rows else {})


def measured_files(contexts: Iterable[str]) -> tuple[str, ...]:
    """What figures of these contexts are computed from."""
    measured = (file.path(context) for context in contexts for file in (TOKEN_SHIFT, COVERAGE))
    return (REPORT_PLAN.path(), INSTRUCTIONS.path(), *measured)
