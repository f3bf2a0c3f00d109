"""The shift along the answer: means at each position, and at each tenth of the answers."""

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

# Of N answers of which 5 reach a point, a resample misses all five with a probability below exp(-5) = 0.7 %. Such
# resamples have no mean there and are left out of its interval.
_UNDEFINED = 0.02
# Numbers held at a time in the table of answers by points.
_HELD = 8_000_000


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
    lengths = positions.lengths[positions.answer]
    tenths = PARTS * (2 * positions.position + 1) // (2 * np.maximum(lengths, 1))
    return _points(positions, tenths, bootstrap)


def _points(positions: Positions, indices: Integers, bootstrap: Bootstrap) -> list[CurvePoint]:
    """The points of a curve; ``indices`` has the point of each row. As many are summed at a time as _HELD allows."""
    points: list[CurvePoint] = []
    answers = max(1, len(positions.ids))
    size = max(1, _HELD // (7 * answers))
    for start in range(0, int(indices.max(initial=-1)) + 1, size):
        rows = np.flatnonzero((indices >= start) & (indices < start + size))
        if not len(rows):
            continue
        columns = _columns(positions, rows, indices[rows] - start)
        reached = (columns[:, 0] > 0).sum(axis=0).tolist()
        sums = bootstrap.sums(columns.reshape(answers, -1)).reshape(-1, 7, len(reached))
        means = {
            measure: bootstrap.estimates(ratio(sums[:, top], sums[:, bottom]), _UNDEFINED)
            for measure, (top, bottom) in zip(MEASURES, ((1, 0), (3, 2), (5, 4), (6, 0)), strict=True)
        }
        points += [
            CurvePoint(
                index=start + index,
                answers=count,
                positions=int(sums[0, 0, index]),
                kl_positions=int(sums[0, 2, index]),
                base_rank_positions=int(sums[0, 4, index]),
                **{measure: estimates[index] for measure, estimates in means.items()},
            )
            for index, count in enumerate(reached)
            if count >= FEWEST_ANSWERS
        ]
    return points


def _columns(positions: Positions, rows: Integers, indices: Integers) -> Floats:
    """(answers, 7, points): tokens, shifted ones, known KL and its sum, known rank and its sum, probabilities."""
    width = int(indices.max()) + 1
    cell = positions.answer[rows] * width + indices
    kl, rank = positions.kl[rows], positions.base_rank[rows]
    weights = (
        np.ones(len(rows)),
        positions.category[rows] == SHIFTED,
        np.isfinite(kl),
        np.nan_to_num(kl, nan=0.0),
        np.isfinite(rank),
        np.nan_to_num(rank, nan=0.0),
        positions.base_probability[rows],
    )
    sums = [np.bincount(cell, weight, len(positions.ids) * width).reshape(-1, width) for weight in weights]
    return np.stack(sums, axis=1)
