"""The shift along the answer: means at each position, and at each tenth of the answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from urial.records.report import Estimate
from urial.statistics.bootstrap import Bootstrap, Floats, Integers, ratio
from urial.token_shift.figures.positions import SHIFTED, Positions

if TYPE_CHECKING:
    import pyarrow as pa

# A mean over fewer answers is too noisy to draw (paper, figure 3 averages over all answers that reach a position).
FEWEST_ANSWERS = 5
PARTS = 10
MEASURES = ("shifted", "kl", "base_rank", "base_probability")

# Of N answers of which 5 reach a place, a resample misses all five with a probability below exp(-5) = 0.7 %. Such
# resamples have no mean there and are left out of its interval.
_UNDEFINED = 0.02
# Numbers held at a time in the table of answers by places.
_HELD = 8_000_000


@dataclass(frozen=True)
class CurvePoint:
    """Means over the tokens at one place of the answers, with intervals over answers."""

    place: int  # 0-based position, or 0-based tenth
    answers: int
    positions: int
    shifted: Estimate
    kl: Estimate
    base_rank: Estimate
    base_probability: Estimate
    # Positions whose exact KL, or whose rank, is known: kl and base_rank are over these alone.
    kl_positions: int
    base_rank_positions: int


def curve(table: "pa.Table", bootstrap: Bootstrap) -> list[CurvePoint]:
    """Means at each position that at least FEWEST_ANSWERS answers reach (paper, figure 3)."""
    found = Positions.of(table)
    return _points(found, found.position, bootstrap)


def relative_curve(table: "pa.Table", bootstrap: Bootstrap) -> list[CurvePoint]:
    """Means in each tenth of the answers, of the tenths in which at least FEWEST_ANSWERS answers have a token.

    Of an answer's T tokens, token t covers the stretch from t/T to (t + 1)/T and counts in the tenth that holds the middle
    of it, so that every token is in exactly one: of ten tokens each has its own, of three they fall in the 2nd, 6th and
    9th, and the other tenths have none of that answer.
    """
    found = Positions.of(table)
    lengths = found.lengths[found.answer]
    return _points(found, PARTS * (2 * found.position + 1) // (2 * np.maximum(lengths, 1)), bootstrap)


def _points(found: Positions, places: Integers, bootstrap: Bootstrap) -> list[CurvePoint]:
    if not len(places):
        return []
    points = []
    for start, rows in _blocks(places, max(1, _HELD // (7 * len(found.ids)))):
        columns = _columns(found, rows, places[rows] - start)
        answers = (columns[:, 0] > 0).sum(axis=0).tolist()
        sums = bootstrap.sums(columns.reshape(len(columns), -1))
        sums = sums.reshape(len(sums), 7, -1)
        means = {
            measure: bootstrap.estimates(ratio(sums[:, top], sums[:, bottom]), _UNDEFINED)
            for measure, (top, bottom) in zip(MEASURES, ((1, 0), (3, 2), (5, 4), (6, 0)), strict=True)
        }
        points += [
            CurvePoint(
                place=start + index,
                answers=count,
                positions=int(sums[0, 0, index]),
                kl_positions=int(sums[0, 2, index]),
                base_rank_positions=int(sums[0, 4, index]),
                **{measure: estimates[index] for measure, estimates in means.items()},
            )
            for index, count in enumerate(answers)
            if count >= FEWEST_ANSWERS
        ]
    return points


def _blocks(places: Integers, size: int) -> Iterator[tuple[int, Integers]]:
    """The first of every ``size`` places, and the rows there, where there are any."""
    order = np.argsort(places, kind="stable")
    starts = np.arange(0, int(places.max()) + 1, size)
    ends = np.searchsorted(places[order], np.append(starts, starts[-1] + size))
    for index, start in enumerate(starts.tolist()):
        if ends[index] < ends[index + 1]:
            yield start, order[ends[index] : ends[index + 1]]


def _columns(found: Positions, rows: Integers, places: Integers) -> Floats:
    """(answers, 7, places): tokens, shifted ones, known KL and its sum, known rank and its sum, probabilities."""
    width = int(places.max()) + 1
    cell = found.answer[rows] * width + places
    kl, rank = found.kl[rows], found.base_rank[rows]
    weights = (
        np.ones(len(rows)),
        found.category[rows] == SHIFTED,
        np.isfinite(kl),
        np.nan_to_num(kl, nan=0.0),
        np.isfinite(rank),
        np.nan_to_num(rank, nan=0.0),
        found.base_probability[rows],
    )
    sums = [np.bincount(cell, weight, len(found.ids) * width).reshape(-1, width) for weight in weights]
    return np.stack(sums, axis=1)
