"""A measurement as arrays, one entry a row: sums over each answer, and means along the answers, at each position or tenth."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from urial.records.estimate import Estimate
from urial.records.token_shift import LABELS, Category
from urial.statistics.bootstrap import Bootstrap, Floats, Integers, ratio

if TYPE_CHECKING:
    import pyarrow as pa

Truths = NDArray[np.bool_]
# Which positions of a measurement are meant, one truth a row.
Mask = Callable[["pa.Table"], Truths]
# Path of a figure within ShiftFigures.
Path = tuple[str, ...]

# In the order of their base ranks, so that of several tokens the largest index is the furthest shifted one.
CATEGORIES: tuple[Category, ...] = get_args(Category)
SHIFTED = CATEGORIES.index("shifted")
KINDS = ("style", "knowledge")
COLUMNS = ("instruction_id", "position", "category", "label", "kl", "base_rank", "base_logprob", "aligned_logprob")

# A mean over fewer answers is too noisy to draw (paper, figure 3 averages over all answers that reach a position).
FEWEST_ANSWERS = 5
PARTS = 10
MEASURES = ("shifted", "kl", "base_rank", "base_probability", "log_ratio")

# Of N answers of which 5 reach a point, a resample misses all five with a probability below exp(-5) = 0.7 %. Such
# resamples have no mean there and are left out of its interval.
UNDEFINED = 0.02
# Numbers held at a time in the table of answers by points.
_HELD = 8_000_000


@dataclass(frozen=True)
class Positions:
    """The columns that figures are made of, all of one length; a number that is not known is NaN."""

    # Instruction ids in the order in which the table first names them; `answer` indexes them.
    ids: tuple[str, ...]
    answer: Integers
    position: Integers
    # Indices into CATEGORIES and LABELS.
    category: Integers
    label: Integers
    kl: Floats
    base_rank: Floats
    base_probability: Floats
    # log p_aligned - log p_base of the emitted token.
    log_ratio: Floats

    @classmethod
    def of(cls, table: "pa.Table") -> "Positions":
        """Those of a table of records.token_shift.TokenShift, of which COLUMNS are needed."""
        answers = encoded(table["instruction_id"])
        return cls(
            ids=tuple(answers.dictionary.to_pylist()),
            answer=_integers(answers.indices),
            position=_integers(table["position"]),
            category=indices(table["category"], CATEGORIES),
            label=indices(table["label"], LABELS),
            kl=floats(table["kl"]),
            base_rank=floats(table["base_rank"]),
            base_probability=np.exp(floats(table["base_logprob"])),
            log_ratio=floats(table["aligned_logprob"]) - floats(table["base_logprob"]),
        )

    @property
    def lengths(self) -> Integers:
        """Tokens of each answer up to its last measured one."""
        lengths = np.zeros(len(self.ids), np.int64)
        np.maximum.at(lengths, self.answer, self.position + 1)
        return lengths

    def categories(self) -> Integers:
        """How many tokens of each category each answer has: (answers, categories)."""
        return grouped(self.answer, self.category, (len(self.ids), len(CATEGORIES)))


def every(table: "pa.Table") -> Truths:
    """All positions."""
    return np.ones(len(table), bool)


@dataclass(frozen=True)
class PositionFigure:
    """A figure of positions: of those that go in, some count."""

    how: str
    counted: Mask = every
    of: Mask = every
    # What the positions are that do not count.
    others: str = "not known"


def has_ties(table: "pa.Table") -> Truths:
    """Positions where other tokens are exactly as probable to the base model."""
    return np.asarray(table["base_ties"].fill_null(0).to_numpy()) > 0


def is_known(column: str) -> Mask:
    """Positions where the column has a value."""
    return lambda table: np.asarray(table[column].is_valid().to_numpy())


@cache
def is_text(column: str, text: str) -> Mask:
    """Positions where the column has the text; the same function for the same text, so that a mask is made once."""

    def mask(table: "pa.Table") -> Truths:
        import pyarrow.compute as pc

        return np.asarray(pc.fill_null(pc.equal(table[column], text), False).to_numpy())

    return mask


def grouped(rows: Integers, columns: Integers, shape: tuple[int, int]) -> Integers:
    """A table of counts: how often each pair of a row and a column is met."""
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def encoded(column: "pa.Array | pa.ChunkedArray") -> "pa.DictionaryArray":
    """A column of texts as a dictionary array: each text once, in the order in which they first appear."""
    import pyarrow as pa

    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.dictionary_encode()


def indices(column: "pa.Array | pa.ChunkedArray", values: Sequence[str]) -> Integers:
    """The index of each text of a column among ``values``; -1 of a text that is not there, and of null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return _integers(pc.fill_null(pc.index_in(column, value_set=pa.array(values, column.type)), -1))


def _integers(column: "pa.Array | pa.ChunkedArray") -> Integers:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.int64)


def floats(column: "pa.Array | pa.ChunkedArray") -> Floats:
    """A column of numbers; NaN where one is not known."""
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


@dataclass(frozen=True)
class CurvePoint:
    """Means over the tokens at one position of the answers, or in one tenth, with intervals over answers."""

    index: int  # 0-based position, or 0-based tenth
    answers: int
    positions: int
    shifted: Estimate
    kl: Estimate
    base_rank: Estimate
    base_probability: Estimate
    # Positions whose exact KL, or whose rank, is known: kl and base_rank are means over these only.
    kl_positions: int
    base_rank_positions: int
    # log p_aligned - log p_base of the emitted token, over the positions where it is known.
    log_ratio: Estimate
    log_ratio_positions: int


def curve(table: "pa.Table", bootstrap: Bootstrap) -> list[CurvePoint]:
    """Means at each position that at least FEWEST_ANSWERS answers reach (paper, figure 3)."""
    positions = Positions.of(table)
    return _points(positions, positions.position, bootstrap)


def relative_curve(table: "pa.Table", bootstrap: Bootstrap) -> list[CurvePoint]:
    """Means in each tenth of the answers, of the tenths in which at least FEWEST_ANSWERS answers have a token.

    Of an answer's T tokens, token t covers the stretch from t/T to (t + 1)/T and counts in the tenth that holds the middle
    of it, so that every token is in exactly one: of ten tokens each has its own, of three they fall in the 2nd, 6th and
    9th, and the other tenths have none of that answer.
    """
    positions = Positions.of(table)
    return _points(positions, tenths(positions), bootstrap)


def tenths(positions: Positions) -> Integers:
    """The tenth of its answer that each row is in, from 0."""
    lengths = positions.lengths[positions.answer]
    return np.asarray(PARTS * (2 * positions.position + 1) // (2 * np.maximum(lengths, 1)))


def _points(positions: Positions, indices: Integers, bootstrap: Bootstrap) -> list[CurvePoint]:
    """The points of a curve; ``indices`` has the point of each row."""
    points: list[CurvePoint] = []
    for start, columns, sums in sums_at_points(positions, indices, _weights(positions), bootstrap):
        reached = (columns[:, 0] > 0).sum(axis=0).tolist()
        means = {
            measure: bootstrap.estimates(ratio(sums[:, top], sums[:, bottom]), UNDEFINED)
            for measure, (top, bottom) in zip(MEASURES, ((1, 0), (3, 2), (5, 4), (6, 0), (8, 7)), strict=True)
        }
        points += [
            CurvePoint(
                index=start + index,
                answers=count,
                positions=int(sums[0, 0, index]),
                kl_positions=int(sums[0, 2, index]),
                base_rank_positions=int(sums[0, 4, index]),
                log_ratio_positions=int(sums[0, 7, index]),
                **{measure: estimates[index] for measure, estimates in means.items()},
            )
            for index, count in enumerate(reached)
            if count >= FEWEST_ANSWERS
        ]
    return points


def _weights(positions: Positions) -> tuple[Floats, ...]:
    """Of each row: one, whether it is shifted, whether KL is known and what it is, the same of the rank, the probability, and
    whether the log ratio is known and what it is.
    """
    kl, rank, log_ratio = positions.kl, positions.base_rank, positions.log_ratio
    return (
        np.ones(len(kl)),
        (positions.category == SHIFTED).astype(np.float64),
        np.isfinite(kl).astype(np.float64),
        np.nan_to_num(kl, nan=0.0),
        np.isfinite(rank).astype(np.float64),
        np.nan_to_num(rank, nan=0.0),
        positions.base_probability,
        np.isfinite(log_ratio).astype(np.float64),
        np.nan_to_num(log_ratio, nan=0.0),
    )


def sums_at_points(
    positions: Positions, indices: Integers, weights: Sequence[Floats], bootstrap: Bootstrap
) -> Iterator[tuple[int, Floats, Floats]]:
    """``columns_at_points``, and their sums of resamples (1 + resamples, weights, points)."""
    for start, columns in columns_at_points(positions, indices, weights):
        sums = bootstrap.sums(columns.reshape(len(columns), -1))
        yield start, columns, sums.reshape(-1, *columns.shape[1:])


def columns_at_points(
    positions: Positions, indices: Integers, weights: Sequence[Floats]
) -> Iterator[tuple[int, Floats]]:
    """Sums of the weights at each point of a curve, of which ``indices`` has that of each row: as many points at a time as
    _HELD allows, with the first one's index: (answers, weights, points).
    """
    answers = max(1, len(positions.ids))
    size = max(1, _HELD // (len(weights) * answers))
    for start in range(0, int(indices.max(initial=-1)) + 1, size):
        rows = np.flatnonzero((indices >= start) & (indices < start + size))
        if not len(rows):
            continue
        width = int(indices[rows].max()) - start + 1
        cell = positions.answer[rows] * width + (indices[rows] - start)
        sums = [np.bincount(cell, weight[rows], len(positions.ids) * width).reshape(-1, width) for weight in weights]
        yield start, np.stack(sums, axis=1).astype(np.float64, copy=False)
