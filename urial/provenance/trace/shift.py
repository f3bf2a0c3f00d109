"""The figures of the token distribution shift, recomputed alone, down to their positions."""

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.provenance.trace.figures import Evidence, interval_text
from urial.provenance.trace.pointers import Place, path
from urial.provenance.trace.rows import RunData
from urial.provenance.trace.scores import INSTRUCTIONS, REPORT_PLAN
from urial.records.token_shift import ShiftCoverage
from urial.token_shift.figures.positions import CATEGORIES, Truths
from urial.token_shift.figures.summary import MEANS, summarize
from urial.token_shift.figures.tokens import PRIOR_TOTAL

if TYPE_CHECKING:
    import pyarrow as pa

MEASURED = frozenset({"prompt", "completion", "coverage"})
_STATUSES = ("measured", "no_answer", "too_long", "unsupported")
_KINDS = ("style", "knowledge", "labels")
_COUNTS = (*_STATUSES, "retokenized", "unmatched", "ends", "vocabulary")
# Lists of tokens and words: the column, and the field that has the text.
_LISTS = {
    "top_shifted": ("token", "token"),
    "top_words": ("word", "word"),
    "log_odds_tokens": ("token", "text"),
    "log_odds_words": ("word", "text"),
}


class ShiftFigure:
    """``token_shift.CONTEXT``: the figures of one base context."""

    function = "urial.token_shift.figures.summary.summarize"
    shows = MEASURED

    def __init__(self, run: RunData, place: Place, answers: str) -> None:
        self.run, self.place = run, place
        self.context, self.leaf, self.last = str(place[1]), str(place[2]), str(place[-1])
        self.contexts: tuple[str, ...] = (self.context,)
        self.systems: tuple[str, ...] = tuple(dict.fromkeys((answers, self.context)))
        self.files: tuple[str, ...] = (REPORT_PLAN, INSTRUCTIONS, *measurement(self.context))

    @cached_property
    def _table(self) -> "pa.Table":
        return self.run.table(self.context)

    @cached_property
    def _coverage(self) -> list[ShiftCoverage]:
        return self.run.coverage(self.context)

    def recompute(self, interval: bool) -> tuple[Place, Any]:
        """See Figure."""
        found = summarize(self._table, self._coverage, self.run.bootstrap(interval))
        return self.place[:2], found.model_dump(mode="json")

    def how(self) -> str:
        """See Figure."""
        return self._what() + interval_text(self.place, self.run.bootstrap(True), "answers")

    def _what(self) -> str:
        leaf = self.leaf
        if leaf in _COUNTS:
            return f"count of the answers, by {path(self.place[2:])} in their coverage"
        if leaf in CATEGORIES:
            return f"share of the positions that is {leaf}: sum over answers over sum over answers"
        if leaf in MEANS:
            return f"mean of {leaf} over the positions where it is known: sum over answers over number of positions"
        if leaf in _LISTS:
            return self._what_of_lists()
        if leaf in _KINDS:
            kind = str(self.place[3]) if leaf == "labels" else leaf
            what = {
                "share_of_shifted": f"of all shifted positions, the share that is {kind}",
                "shifted": f"share of the positions of {kind} that is shifted",
            }
            return next((text for name, text in what.items() if name in self.place), f"number of positions of {kind}")
        counted = {"positions": "number of positions measured", "ties": "positions where others are as probable"}
        return counted.get(leaf, "a constant of the function")

    def _what_of_lists(self) -> str:
        column, field = _LISTS[self.leaf]
        if field == "text" and self.last in ("z", "log_odds"):
            what = "its z, of the" if self.last == "z" else "the"
            return (
                f"{what} weighted log-odds ratio of the {column}, shifted against unshifted (Monroe et al. 2008), with a prior "
                f"of {PRIOR_TOTAL:g} pseudo-counts in proportion to all {column}s"
            )
        return f"positions with the {column}, counted; the list has those that are shifted most"

    def evidence(self) -> Evidence:
        """See Figure."""
        if self.leaf in _COUNTS:
            return self._answers()
        if self.leaf == "log_odds_prior":
            return Evidence(unit="positions")
        considered, counted, reason = self._positions()
        rows = int(considered.sum())
        lines = np.flatnonzero(considered & counted).tolist()
        return Evidence("positions", rows, lines, {reason: rows - len(lines)} if len(lines) < rows else {})

    def _answers(self) -> Evidence:
        """Answers by what became of them."""
        counted = [line for line, row in enumerate(self._coverage) if self._answered(row)]
        kept = set(counted)
        others = Counter(row.status for line, row in enumerate(self._coverage) if line not in kept)
        return Evidence(rows=len(self._coverage), counted=counted, left_out=dict(sorted(others.items())))

    def _answered(self, row: ShiftCoverage) -> bool:
        if self.leaf in _STATUSES:
            return row.status == self.leaf
        return {
            "retokenized": row.retokenized,
            "unmatched": row.unmatched > 0,
            "ends": row.status == "measured" and row.end == self.last,
        }.get(self.leaf, row.vocabulary is not None)

    def _positions(self) -> tuple[Truths, Truths, str]:
        """Positions that go in, those of them that count, and what the others are."""
        every = np.ones(len(self._table), bool)
        if self.leaf in CATEGORIES:
            return every, self._is("category", self.leaf), f"not {self.leaf}"
        if self.leaf in _KINDS:
            return self._of_kind(every)
        if self.leaf in _LISTS and len(self.place) > 3:
            return self._listed()
        if self.leaf == "ties":
            return every, self._tied(), "no tie"
        # The probability is made of its logarithm, which is always there.
        known = self.leaf in MEANS and self.leaf in self._table.column_names
        return every, self._table[self.leaf].is_valid().to_numpy() if known else every, "not known"

    def _of_kind(self, every: Truths) -> tuple[Truths, Truths, str]:
        shifted = self._is("category", "shifted")
        of = self._is("label", str(self.place[3])) if self.leaf == "labels" else self._is("kind", self.leaf)
        if "share_of_shifted" in self.place:
            return shifted, of, "of another kind"
        return (of, shifted, "not shifted") if "shifted" in self.place else (every, of, "of another kind")

    def _listed(self) -> tuple[Truths, Truths, str]:
        """Of an entry of a list: positions of its text, and those that its number is about."""
        column, field = _LISTS[self.leaf]
        figures = self.recompute(interval=False)[1][self.leaf]
        of = self._is(column, figures[int(self.place[3])][field])
        if self.last in ("positions", "occurrences"):
            return of, of, ""
        if self.last in ("z", "log_odds", "text") and field == "text":
            return of, ~self._is("category", "marginal"), "marginal"
        wanted = "unshifted" if self.last == "unshifted" else "shifted"
        return of, self._is("category", wanted), f"not {wanted}"

    def _is(self, column: str, text: str) -> Truths:
        import pyarrow.compute as pc

        return np.asarray(pc.fill_null(pc.equal(self._table[column], text), False).to_numpy())

    def _tied(self) -> Truths:
        import pyarrow.compute as pc

        return np.asarray(pc.fill_null(pc.greater(self._table["base_ties"], 0), False).to_numpy())


def measurement(context: str) -> tuple[str, str]:
    """The files of one context's measurement."""
    return f"data/token_shift/{context}.parquet", f"data/token_shift/{context}.coverage.jsonl"
