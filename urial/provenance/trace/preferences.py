"""The computation that a win rate belongs to, and the comparisons that it is of."""

from collections.abc import Sequence
from functools import cached_property
from typing import cast

from urial.core.json_paths import JsonPath
from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.rows import TraceReader
from urial.records.preference import Criterion, Preference
from urial.records.report import Report
from urial.run import paths
from urial.statistics.figures import function_name
from urial.statistics.preferences import counts_in, preference_figures, preference_how


class PreferenceFigure(Figure):
    """``preferences.SYSTEM.criteria.CRITERION``: a win rate with its interval and what became of every comparison."""

    function = function_name(preference_figures)
    shows = (paths.PROMPTS, paths.COMPLETIONS, paths.PREFERENCES)

    def __init__(self, run: TraceReader, report: Report, path: JsonPath) -> None:
        super().__init__(run, report, path)
        _, self.system, _, criterion, self.leaf = map(str, path)
        self.criterion = cast("Criterion", criterion)
        self.baseline = report.preferences[self.system].baseline
        # Published outputs are answers of no system of this run.
        self.systems = tuple(name for name in (self.system, self.baseline) if name in report.systems)
        self.files = (paths.REPORT_PLAN.path(), paths.INSTRUCTIONS.path(), paths.PREFERENCES.path(self.system))

    @cached_property
    def _rows(self) -> Sequence[Preference]:
        return self.run.ordered_rows(paths.PREFERENCES, self.system)

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        figures = preference_figures(self.criterion, self._rows, self.run.bootstrap(interval))
        return self.path[:4], figures.model_dump(mode="json")

    def how(self) -> str:
        how = preference_how(self.system, self.baseline, self.criterion, self.leaf)
        return how + self.interval_text("instructions")

    def evidence(self) -> Evidence:
        """Instructions with a comparison, of any turn, that counts."""
        return Evidence.of_lines(
            {line: counts_in(self.leaf, self.criterion, row) for line, row in enumerate(self._rows)}
        )
