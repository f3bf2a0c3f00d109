"""How two base contexts differ, recomputed, down to pairs of positions."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.pointers import JsonPath
from urial.provenance.trace.rows import TraceReader
from urial.provenance.trace.shift import MEASURED, measured_files, position_evidence
from urial.statistics.figures import function_name
from urial.statistics.paired import PERMUTATIONS
from urial.token_shift.figures.paired import PAIRED_FIGURES, compare_contexts, pair, position_values
from urial.token_shift.figures.positions import Positions

if TYPE_CHECKING:
    import pyarrow as pa


class ComparisonFigure(Figure):
    """``context_comparisons.N``: one base context against the first one."""

    function = function_name(compare_contexts)
    shows = MEASURED

    def __init__(self, run: TraceReader, path: JsonPath, answers: str, contexts: Sequence[str]) -> None:
        super().__init__(run, path)
        self.leaf = str(path[2])
        self.contexts = (contexts[0], contexts[1 + int(path[1])])
        self.systems = tuple(dict.fromkeys((answers, *self.contexts)))
        # p-values are corrected for those of all comparisons.
        self._all = contexts
        self.files = measured_files(contexts)

    @cached_property
    def _tables(self) -> dict[str, "pa.Table"]:
        return {context: self.run.table(context) for context in self._all}

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        comparisons = compare_contexts(self._tables, self.run.bootstrap(interval))
        return self.path[:1], [comparison.model_dump(mode="json") for comparison in comparisons]

    def how(self) -> str:
        last = str(self.path[-1])
        if last in ("p", "p_holm"):
            corrected = "; corrected for all tests of the list (Holm)" if last == "p_holm" else ""
            return (
                f"two-sided permutation test of {self.leaf} by sign flips of answers, {PERMUTATIONS:,} draws or all, seed "
                f"{self.run.plan.report.seed}{corrected}"
            )
        figure = PAIRED_FIGURES.get(self.leaf, PAIRED_FIGURES["positions"])
        return figure.how + self.interval_text("answers")

    def evidence(self) -> Evidence:
        """Positions measured under both, of which those that differ make a difference."""
        first, second = (self._tables[context] for context in self.contexts)
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
