"""Strengths of several systems out of comparisons of pairs (Bradley and Terry 1952), ties as half a win of each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from urial.records.estimate import Estimate
from urial.records.win_rates import Rating
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.penalized_logistic import Floats, sigmoid

# As in chess: 400 points are odds of 10 to 1.
ANCHOR_RATING = 1_000.0
POINTS = 400 / math.log(10)
MAX_STEPS = 100
# A step of this many natural units is cut, so that none leaves the region where the likelihood is steep.
LARGEST = 2.0
TOLERANCE = 1e-10
# Resamples without a finite strength may be this share, or there is no interval.
UNDEFINED = 0.05


@dataclass(frozen=True)
class Match:
    """One system against another: wins of each by instruction, in an order that all matches share; a tie is half a win of both."""

    system: str
    opponent: str
    wins: Sequence[float]
    losses: Sequence[float]


def bradley_terry(matches: Sequence[Match], anchor: str, bootstrap: Bootstrap) -> list[Rating]:
    """The rating of every system, best first, the anchor's being 1000; intervals resample instructions in all matches at once.

    A system has no finite strength unless wins lead from it to the anchor and back: one that always wins, or always loses.
    """
    names = list(dict.fromkeys([anchor, *(name for match in matches for name in (match.system, match.opponent))]))
    columns = [column for match in matches for column in (match.wins, match.losses)]
    sums = bootstrap.sums(np.array(columns, float).T)
    wins = np.zeros((len(sums), len(names), len(names)))
    for place, match in enumerate(matches):
        one, other = names.index(match.system), names.index(match.opponent)
        wins[:, one, other] += sums[:, 2 * place]
        wins[:, other, one] += sums[:, 2 * place + 1]
    estimates = bootstrap.estimates(ANCHOR_RATING + POINTS * strengths(wins), UNDEFINED)
    compared = (wins[0] + wins[0].T).sum(axis=1)
    ratings = [
        Rating(system=name, rating=_rounded(estimate), comparisons=round(float(number)))
        for name, estimate, number in zip(names, estimates, compared, strict=True)
    ]
    # Those without a rating last.
    return sorted(ratings, key=lambda row: (row.rating.mean is None, -(row.rating.mean or 0.0), row.system))


def strengths(wins: Floats) -> Floats:
    """Log-odds strengths of greatest likelihood, the first system's being 0, (problems, k).

    ``wins`` is (problems, k, k): how often the row's system won against the column's. NaN where none is finite.
    """
    finite = _tied_to_first(wins)
    wins = np.where(finite[:, :, None] & finite[:, None, :], wins, 0.0)
    games = wins + wins.transpose(0, 2, 1)
    fixed = ~finite
    fixed[:, 0] = True
    found = np.zeros(finite.shape)
    for _ in range(MAX_STEPS):
        shares = sigmoid(found[:, :, None] - found[:, None, :])
        gradient = (wins - games * shares).sum(axis=2)
        curvatures = games * shares * (1 - shares)
        second = -curvatures
        diagonal = np.arange(found.shape[1])
        second[:, diagonal, diagonal] += curvatures.sum(axis=2)
        # The first stays at 0, and so does what has no finite strength.
        second = np.where(fixed[:, :, None] | fixed[:, None, :], np.eye(found.shape[1]), second)
        step = np.linalg.solve(second, np.where(fixed, 0.0, gradient)[..., None])[..., 0]
        largest = np.abs(step).max(axis=1, keepdims=True)
        found = found + step * np.minimum(1.0, LARGEST / np.maximum(largest, LARGEST))
        if (largest <= TOLERANCE).all():
            return np.where(finite, found, np.nan)
    raise ArithmeticError(f"no convergence in {MAX_STEPS} steps")


def _tied_to_first(wins: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Which systems the first can be reached from, and reach, along wins: (problems, k)."""
    reached = (wins > 0) | np.eye(wins.shape[1], dtype=bool)
    for _ in range(max(1, math.ceil(math.log2(wins.shape[1])))):
        reached = (reached.astype(float) @ reached.astype(float)) > 0
    return np.asarray(reached[:, 0, :] & reached[:, :, 0])


def _rounded(estimate: Estimate) -> Estimate:
    """The last bits depend on the processor."""
    return Estimate(
        **{name: None if value is None else round(value, 8) for name, value in estimate.model_dump().items()}
    )
