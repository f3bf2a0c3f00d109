"""Which of many systems differ: a paired test of every two of them, corrected for the number of tests.

The statistic is that of ``urial.statistics.paired``: on each instruction that both have a score of, the sign of the difference is
flipped by chance. Of 360 systems there are 64,620 pairs, and draws cannot tell a p-value below one over their number, which Holm's
correction would multiply to more than 1 in any table of more than 31 systems. So a small p-value is not drawn. It is a bound that holds for
every sum with random signs (Bentkus and Dzindzalieta 2015, theorem 1.1): P(|sum| >= t) <= c erfc(z / sqrt 2), where z is t over
the root of the sum of squares, and c = 1 / (2 erfc 1), about 3.18. It asks for a slightly larger difference than an exact test.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from urial.statistics.bootstrap import Floats, Integers, ratio
from urial.statistics.paired import PERMUTATIONS, holm

# Signs of so few differences are all tried, as there: 2 ** 13 is less than PERMUTATIONS.
FEW = 13
# Draws at a time; after the first of them no more are made for a pair with a p-value beyond PLAIN.
DRAWS, PLAIN = 999, 0.1
# Numbers that are held at a time, and that a processor's cache has room for.
HELD, CACHED = 2_000_000, 200_000
BOUND = 1 / (2 * math.erfc(1))


@dataclass(frozen=True)
class Scores:
    """What systems are ranked by: (systems, columns, instructions), NaN where there is no score.

    A column is an aspect, and the score is the mean of the aspects' means; or, ``pooled``, a turn, and it is the mean of all scores.
    """

    values: Floats
    pooled: bool = False

    def weights(self, counts: Floats) -> Floats:
        """What one score of each column weighs in the score of a system with so many, (..., columns); NaN where a column has none."""
        together = counts.sum(axis=-1, keepdims=True) if self.pooled else counts * counts.shape[-1]
        return ratio(np.ones_like(counts), together)

    def means(self, sums: Floats, counts: Floats) -> Floats:
        """Scores out of sums and counts by column, (..., columns) -> (...); NaN where a mean is over nothing."""
        return np.asarray((sums * self.weights(counts)).sum(axis=-1))


def holm_of_pairs(scores: Scores, level: float, seed: int) -> Floats:
    """The p-value of each pair, corrected for all of them: (systems, systems), NaN where there is nothing to test.

    Which of them are below ``level`` is what is asked.
    """
    p = p_values(scores, level, seed)
    pairs = np.triu_indices(len(p), 1)
    found = [None if math.isnan(value) else value for value in p[pairs].tolist()]
    corrected = np.full(p.shape, np.nan)
    corrected[pairs] = corrected.T[pairs] = np.array(holm(found), float)
    return corrected


def p_values(scores: Scores, level: float, seed: int) -> Floats:
    """Two-sided p-values of all pairs, (systems, systems); NaN where no instruction has both scores.

    Those that draws can tell are drawn, unless they are so many that Holm's correction puts none of them below ``level``.
    """
    p, smallest = _bounds(*_sums_and_lengths(scores)), 1 / (1 + PERMUTATIONS)
    first, second = np.nonzero(np.triu(p >= smallest, 1))
    if len(first) * smallest > level:
        return p
    signs = np.random.default_rng(seed).integers(0, 2, (PERMUTATIONS, scores.values.shape[-1]), np.int8)
    for some in _slices(len(first), HELD // scores.values.shape[-1]):
        pairs = first[some], second[some]
        p[pairs] = p.T[pairs] = _tested(_parts(scores, *pairs), signs)
    return p


def _sums_and_lengths(scores: Scores) -> tuple[Floats, Floats]:
    """Of each pair the sum of the parts that instructions have in the difference, without its sign, and the root of their squares' sum.

    Both are products of matrices: of all pairs at once they take less time than the parts of a few.
    """
    missing = np.isnan(scores.values).swapaxes(0, 1)
    known = (~missing).astype(np.float64)  # (columns, systems, instructions)
    values = np.where(missing, 0.0, scores.values.swapaxes(0, 1))
    weights = np.moveaxis(scores.weights(np.moveaxis(known @ known.swapaxes(1, 2), 0, -1)), -1, 0)
    sums = np.zeros(weights.shape[1:])
    squares = np.zeros(weights.shape[1:])
    for one in range(len(values)):
        ours = values[one] @ known[one].T
        sums += weights[one] * (ours - ours.T)
        for other in range(one, len(values)):
            both = (values[one] * values[other]) @ (known[one] * known[other]).T
            crossed = (values[one] * known[other]) @ (known[one] * values[other]).T
            products = (both + both.T - crossed - crossed.T) * weights[one] * weights[other]
            squares += products if one == other else 2 * products
    return np.abs(sums), np.sqrt(np.maximum(squares, 0.0))


def _slices(length: int, step: int) -> Iterator[slice]:
    step = max(1, step)
    return (slice(start, start + step) for start in range(0, length, step))


def _parts(scores: Scores, first: Integers, second: Integers) -> Floats:
    """What each instruction adds to the difference of the scores, (pairs, instructions)."""
    parts = np.empty((len(first), scores.values.shape[-1]))
    # Few at a time stay in the processor's cache.
    for some in _slices(len(first), CACHED // scores.values[0].size):
        differences = scores.values[first[some]] - scores.values[second[some]]
        missing = np.isnan(differences)
        weights = scores.weights((~missing).sum(axis=-1).astype(float))
        differences[missing] = 0.0
        parts[some] = np.matmul(weights[:, None], differences)[:, 0]
    # What is left of differences that cancel is no difference.
    parts[np.abs(parts) < 1e-12 * np.abs(parts).max(axis=-1, keepdims=True, initial=0.0)] = 0.0
    return parts


def _bounds(sums: Floats, lengths: Floats) -> Floats:
    """What the p-value of a sum is at most; NaN where there is none."""
    # Where nothing differs, the sum is 0 as well.
    sizes = np.divide(sums, lengths * math.sqrt(2), out=np.where(np.isnan(sums), np.nan, 0.0), where=lengths > 0)
    return np.minimum(1.0, BOUND * np.array([math.erfc(size) for size in sizes.ravel()])).reshape(sizes.shape)


def _tested(parts: Floats, signs: NDArray[np.int8]) -> Floats:
    """The p-value of each row of parts, by signs."""
    sums = np.abs(parts.sum(axis=1))
    # Sums of the same differences in another order differ in their last bits.
    limits = sums - 1e-9 * np.maximum(1.0, sums)
    few = (parts != 0).sum(axis=1) <= FEW
    p = np.empty(len(parts))
    p[few] = _exact(parts[few], limits[few])
    p[~few] = _drawn(parts[~few], limits[~few], signs)
    return p


def _exact(parts: Floats, limits: Floats) -> Floats:
    """p-values of rows with few differences, of all signs that these can have."""
    width = min(FEW, parts.shape[1])
    order = np.argsort(parts == 0, axis=1, kind="stable")[:, :width]
    values = np.take_along_axis(parts, order, axis=1)
    # The first sign is +: with the other one, all sums are the same but for theirs.
    signs = np.array([(1.0, *rest) for rest in product((-1.0, 1.0), repeat=max(0, width - 1))])[:, :width]
    blocks = (slice(start, start + 256) for start in range(0, len(values), 256))
    shares = [(np.abs(values[some] @ signs.T) >= limits[some, None]).mean(axis=1) for some in blocks]
    return np.concatenate([*shares, np.empty(0)])


def _drawn(parts: Floats, limits: Floats, signs: NDArray[np.int8]) -> Floats:
    """p-values of rows with many differences, of signs that are drawn."""
    beyond, draws = np.zeros(len(parts)), np.zeros(len(parts))
    asked = np.arange(len(parts))
    for block in _blocks(signs):
        sums = np.abs(parts[asked] @ block.T)
        beyond[asked] += (sums >= limits[asked, None]).sum(axis=1)
        draws[asked] += len(block)
        asked = asked[(1 + beyond[asked]) / (1 + draws[asked]) <= PLAIN]
    return np.asarray((1 + beyond) / (1 + draws))


def _blocks(signs: NDArray[np.int8]) -> Iterator[Floats]:
    """Draws of 0 and 1 as signs, some at a time."""
    for start in range(0, len(signs), DRAWS):
        yield signs[start : start + DRAWS].astype(np.float64) * 2 - 1
