"""Ranks and how sure they are: all systems are measured again on the same resamples of the instructions.

So an instruction that is hard for all of them moves no rank. An interval says where one system stands; which two systems differ, the
tests of ``pairs`` say: of intervals that overlap nothing follows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from urial.experiments.leaderboard.pairs import Scores
from urial.statistics.bootstrap import Bootstrap, Floats, Integers

# Two means are the same when no difference is left but in the last bits, which depend on the processor.
DIGITS = 9


@dataclass(frozen=True)
class Resampled:
    """What resamples say of each system."""

    low: Integers
    high: Integers
    # The share of resamples in which it is the best; systems that tie for it share it.
    best: Floats


@dataclass(frozen=True)
class Ranks:
    """Of each system in the order given."""

    rank: Integers
    # None without resamples.
    interval: Resampled | None


def ranked(scores: Scores, bootstrap: Bootstrap) -> Ranks:
    """The ranks of systems that all have a score, 1 the best; systems of equal scores share the better rank."""
    means = np.concatenate(list(_means(scores, bootstrap)))
    rank = ranks(means[:1])[0]
    # Where an aspect is judged on few instructions, a resample can miss them all: such a resample ranks nobody.
    drawn = ranks(means[1:][~np.isnan(means[1:]).any(axis=1)])
    if not len(drawn):
        return Ranks(rank, None)
    first = drawn == 1
    best = (first / first.sum(axis=1, keepdims=True)).mean(axis=0)
    drawn.sort(axis=0)
    tail = (1 - bootstrap.confidence) / 2 * (len(drawn) - 1)
    low, high = drawn[math.floor(tail)], drawn[math.ceil(len(drawn) - 1 - tail)]
    return Ranks(rank, Resampled(low, high, best))


def ranks(means: Floats) -> Integers:
    """The rank of each mean in its row: one more than there are higher ones."""
    rounded = np.round(means, DIGITS)
    rows = [len(row) - np.searchsorted(np.sort(row), row, side="right") for row in rounded]
    return 1 + np.array(rows, np.int64).reshape(means.shape)


def _means(scores: Scores, bootstrap: Bootstrap) -> Iterator[Floats]:
    """The scores of all systems, (1, systems), then those of each resample, (resamples, systems) in blocks."""
    systems, columns, instructions = scores.values.shape
    flat = scores.values.reshape(systems * columns, instructions)
    known = ~np.isnan(flat)
    filled, present = np.where(known, flat, 0.0).T, known.T.astype(float)
    yield scores.means(*(part.sum(axis=0).reshape(1, systems, columns) for part in (filled, present)))
    for drawn in bootstrap.counts(instructions):
        yield scores.means(*((drawn @ part).reshape(len(drawn), systems, columns) for part in (filled, present)))
