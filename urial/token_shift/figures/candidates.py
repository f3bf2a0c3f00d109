"""The stored candidates of both models as arrays, some rows at a time: what can be known of two distributions without the models.

Candidates are each model's most probable tokens, most probable first, as float32 log-probabilities over the full vocabulary; here
they are float64 probabilities. Two models' candidates are compared by their ids, where these mean the same tokens.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from urial.records.token_shift import ShiftCoverage
from urial.statistics.bootstrap import Floats, Integers
from urial.token_shift.figures.positions import Truths, floats

if TYPE_CHECKING:
    import pyarrow as pa

# Columns that are read of every group of rows.
CANDIDATE_COLUMNS: tuple[str, ...] = (
    "instruction_id", "position", "token_id", "is_end", "base_rank", "aligned_rank", "base_ties", "aligned_ties", "base_logprob",
    "kl", "js", "kl_lower_bound", "base_top_ids", "base_top_logprobs", "aligned_top_ids", "aligned_top_logprobs",
)  # fmt: skip
# Groups of rows of a measurement with these columns at least, as often as they are asked for.
Groups = Callable[[], Iterator["pa.Table"]]
_GROUP = 16_384
# An id that stands for none of a model's tokens, another one for each model.
_NONE = {"base": -1, "aligned": -2}


@dataclass(frozen=True)
class Candidates:
    """Those of R positions, K of the base model and L of the aligned one at most; a place without a candidate has probability 0."""

    base: Floats
    """Probabilities [R, K]."""
    aligned: Floats
    """Probabilities [R, L]."""
    place: Integers
    """Where the base model's candidates stand among the aligned model's, [R, K]; L: not among them."""
    base_count: Integers
    aligned_count: Integers
    comparable: Truths
    """[R]: ids of both models' candidates mean the same tokens, and there are some."""

    def at_base(self, aligned: Floats) -> Floats:
        """Of numbers [R, L] of the aligned model's candidates, those of the base model's, [R, K]; 0 of what is not among them."""
        padded = np.concatenate([aligned, np.zeros((len(aligned), 1))], axis=1)
        return np.take_along_axis(padded, self.place, axis=1)


def groups_of(table: "pa.Table") -> Groups:
    """Groups of the rows of a table that has the candidates."""

    def groups() -> Iterator["pa.Table"]:
        columns = table.select(CANDIDATE_COLUMNS)
        yield from (columns.slice(start, _GROUP) for start in range(0, len(columns), _GROUP))

    return groups


def candidates_of(table: "pa.Table", exchanged: tuple[int, int] | None) -> Candidates:
    """The candidates of some rows; ``exchanged`` as ``exchanged_ends`` has it."""
    same_ids = known_to_mean_the_same(table)
    base, aligned = (_padded(table[f"{role}_top_logprobs"], -np.inf) for role in ("base", "aligned"))
    ids, counts = {}, {}
    for role, logprobs in (("base", base), ("aligned", aligned)):
        named = _padded(table[f"{role}_top_ids"], _NONE[role])
        counts[role] = _lengths(table[f"{role}_top_logprobs"])
        # A server can name texts alone.
        same_ids &= (_lengths(table[f"{role}_top_ids"]) == counts[role]) & (counts[role] > 0)
        ids[role] = np.full(logprobs.shape, _NONE[role], np.int64)
        width = min(named.shape[1], logprobs.shape[1])
        ids[role][:, :width] = named[:, :width]
    if exchanged is not None:
        own, others = exchanged
        was = ids["aligned"].copy()
        ids["aligned"][was == own], ids["aligned"][was == others] = others, own
    place = np.full(base.shape, aligned.shape[1], np.int64)
    for column in range(aligned.shape[1]):
        place[ids["base"] == ids["aligned"][:, column : column + 1]] = column
    return Candidates(np.exp(base), np.exp(aligned), place, counts["base"], counts["aligned"], same_ids)


def known_to_mean_the_same(table: "pa.Table") -> Truths:
    """Positions of which both models' ids are known to mean the same tokens: there is a divergence, or a bound on it."""
    return np.asarray(table["kl"].is_valid().to_numpy() | table["kl_lower_bound"].is_valid().to_numpy())


def exchanged_ends(
    table: "pa.Table", groups: Groups, coverage: Sequence[ShiftCoverage] | None
) -> tuple[int, int] | None:
    """The aligned model's end token and the base model's, where one was measured as the other (``eos: base``).

    The table has no column for it, but the base model's end token stands among its candidates where it ranks high enough,
    and there is one such place as soon as both models end an answer. None: each end token was measured as it is, or the
    base model's is nowhere among its candidates, so that nothing is to be exchanged there.
    """
    if not table["is_end"].to_numpy(zero_copy_only=False).any():
        return None
    if coverage is not None and not any(row.end == "base" for row in coverage):
        return None
    for group in groups():
        ends = group.filter(group["is_end"])
        for row in ends.select(["token_id", "base_rank", "base_ties", "base_top_ids"]).to_pylist():
            rank, ids = row["base_rank"], row["base_top_ids"] or ()
            if (
                rank is not None
                and row["base_ties"] == 0
                and rank <= len(ids)
                and row["token_id"] not in (None, ids[rank - 1])
            ):
                return row["token_id"], ids[rank - 1]
    return None


def rank_bounds(table: "pa.Table", candidates: Candidates) -> tuple[Floats, Floats]:
    """The least and the most that the base rank can be, by row: equal where it is known, infinity where there is no most."""
    rank, ties, logprob = floats(table["base_rank"]), floats(table["base_ties"]), floats(table["base_logprob"])
    # Candidates that are more probable, the probabilities as float64 of the same float32 logarithms.
    above = 1.0 + (candidates.base > np.exp(logprob)[:, None]).sum(axis=1)
    missing = np.isnan(rank)
    bound = ~missing & np.isnan(ties) & (rank > candidates.base_count)
    # Where a rank is not given, three candidates at least are more probable.
    least = np.where(missing, np.maximum(above, 4.0), np.where(bound, np.minimum(above, rank), rank))
    return least, np.where(missing, np.inf, rank)


def _padded(column: "pa.ChunkedArray", fill: float) -> np.ndarray:
    """A column of lists as an array, the shorter ones filled up."""
    import pyarrow.compute as pc

    lengths = _lengths(column)
    width = int(lengths.max(initial=0))
    values = pc.list_flatten(column).to_numpy(zero_copy_only=False)
    kind = np.float64 if np.isinf(fill) else np.int64
    if len(values) == width * len(lengths):
        return np.asarray(values, kind).reshape(len(lengths), width)
    padded = np.full((len(lengths), width), fill, kind)
    padded[np.arange(width) < lengths[:, None]] = values
    return padded


def _lengths(column: "pa.ChunkedArray") -> Integers:
    import pyarrow.compute as pc

    return np.asarray(pc.fill_null(pc.list_value_length(column), 0).to_numpy(), np.int64)
