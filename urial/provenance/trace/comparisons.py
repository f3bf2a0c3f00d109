"""How two base contexts differ, recomputed alone, down to pairs of positions."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.provenance.trace.figures import Evidence, interval_text
from urial.provenance.trace.pointers import Place
from urial.provenance.trace.rows import RunData
from urial.provenance.trace.scores import INSTRUCTIONS, REPORT_PLAN
from urial.provenance.trace.shift import MEASURED, measurement
from urial.statistics.bootstrap import PERMUTATIONS
from urial.token_shift.figures.paired import compare_contexts, pair
from urial.token_shift.figures.positions import Truths

if TYPE_CHECKING:
    import pyarrow as pa


class ComparisonFigure:
    """``context_comparisons.N``: one base context against the first one."""

    function = "urial.token_shift.figures.paired.compare_contexts"
    shows = MEASURED

    def __init__(self, run: RunData, place: Place, answers: str, contexts: Sequence[str]) -> None:
        self.run, self.place, self.leaf = run, place, str(place[2])
        self.contexts: tuple[str, ...] = (contexts[0], contexts[1 + int(place[1])])
        self.systems: tuple[str, ...] = tuple(dict.fromkeys((answers, *self.contexts)))
        self._all = contexts
        # p-values are corrected for those of all comparisons.
        self.files: tuple[str, ...] = (
            REPORT_PLAN, INSTRUCTIONS, *(file for context in contexts for file in measurement(context))
        )  # fmt: skip

    @cached_property
    def _tables(self) -> dict[str, "pa.Table"]:
        return {context: self.run.table(context) for context in self._all}

    def recompute(self, interval: bool) -> tuple[Place, Any]:
        """See Figure."""
        found = compare_contexts(self._tables, self.run.bootstrap(interval))
        return self.place[:1], [item.model_dump(mode="json") for item in found]

    def how(self) -> str:
        """See Figure."""
        last = str(self.place[-1])
        if last in ("p", "p_holm"):
            corrected = "; corrected for all tests of the list (Holm)" if last == "p_holm" else ""
            return (
                f"two-sided permutation test of {self.leaf} by sign flips of answers, {PERMUTATIONS:,} draws or all, seed "
                f"{self.run.plan.report.seed}{corrected}"
            )
        what = {
            "explained": "of the positions shifted under the first, the share that is not under the second",
            "introduced": "of the positions shifted under the second, the share that is not under the first",
        }.get(self.leaf, "over the positions measured under both, second minus first")
        counts = "over the positions of both contexts, counted"
        return (what if len(self.place) > 3 else counts) + interval_text(
            self.place, self.run.bootstrap(True), "answers"
        )

    def evidence(self) -> Evidence:
        """See Figure: positions measured under both, of which those that differ make a difference."""
        first, second = (self._tables[context] for context in self.contexts)
        both = pair(first, second)
        if self.leaf in ("only_first", "only_second"):
            mine, table = (both.first, first) if self.leaf == "only_first" else (both.second, second)
            alone = np.setdiff1d(np.arange(len(table)), mine).tolist()
            return Evidence("positions", len(table), alone, {"measured under both": len(mine)})
        shifted, counted, reason = self._counted((first.take(both.first), second.take(both.second)))
        rows, lines = int(shifted.sum()), np.flatnonzero(shifted & counted)
        left_out = {reason: rows - len(lines)} if len(lines) < rows else {}
        return Evidence("positions", rows, both.first[lines].tolist(), left_out, both.second[lines].tolist())

    def _counted(self, tables: tuple["pa.Table", "pa.Table"]) -> tuple[Truths, Truths, str]:
        """Positions that go in, those of them that count, and what the others are."""
        every = np.ones(len(tables[0]), bool)
        category = [np.asarray(table["category"].to_pylist(), object) for table in tables]
        shifted = [found == "shifted" for found in category]
        if self.leaf in ("explained", "introduced"):
            one, other = shifted if self.leaf == "explained" else reversed(shifted)
            return one, ~other, "shifted under both"
        if self.leaf.startswith("shifted_"):
            found = {"first": shifted[0], "second": shifted[1]}.get(self.leaf[8:], shifted[0] & shifted[1])
            return every, found, f"not {self.leaf.replace('_', ' ')}"
        if self.leaf == "kl":
            known = [table["kl"].is_valid().to_numpy() for table in tables]
            return every, known[0] & known[1], "not known under both"
        if self.leaf in ("unshifted", "shifted"):
            return every, (category[0] == self.leaf) != (category[1] == self.leaf), "the same under both"
        return every, every, ""
