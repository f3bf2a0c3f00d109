"""Ranks and their intervals against plain loops, and against the report's intervals."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.experiments.leaderboard.test_pairs import column, random_scores
from urial.experiments.leaderboard.pairs import Scores
from urial.experiments.leaderboard.ranks import ranked, ranks
from urial.statistics.bootstrap import Bootstrap, Floats

BOOTSTRAP = Bootstrap(200, 0.9, 3)


def naive_mean(values: Floats, counts: Floats) -> float:
    """The mean of the aspects' means, each instruction counted so often."""
    means = []
    for row in values:
        known = [(value, count) for value, count in zip(row, counts, strict=True) if not math.isnan(value)]
        means.append(sum(value * count for value, count in known) / sum(count for _, count in known))
    return float(sum(means) / len(means))


def naive_ranks(scores: Scores, counts: Floats) -> list[int]:
    means = [round(naive_mean(values, counts), 9) for values in scores.values]
    return [1 + sum(other > mean for other in means) for mean in means]


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_ranks_and_intervals_are_those_of_plain_loops(missing: float) -> None:
    scores = random_scores(5, 30, better=0.05, missing=missing)
    found = ranked(scores, BOOTSTRAP)
    assert found.rank.tolist() == naive_ranks(scores, np.ones(30))
    drawn = [naive_ranks(scores, counts) for block in BOOTSTRAP.counts(30) for counts in block]
    assert found.interval is not None
    for system in range(5):
        own = sorted(row[system] for row in drawn)
        # A twentieth of the 200 resamples on either side.
        assert (found.interval.low[system], found.interval.high[system]) == (own[9], own[190])
        best = [(row[system] == 1) / row.count(1) for row in drawn]
        assert found.interval.best[system] == pytest.approx(sum(best) / 200)
    assert found.interval.best.sum() == pytest.approx(1)


def test_resamples_are_those_of_a_report() -> None:
    # The same resampled averages, so that an interval of a rank goes with the intervals of the scores.
    scores = random_scores(2, 50)
    rows = [[column(row) for row in values] for values in scores.values]
    expected = [BOOTSTRAP.mean_of_means(values) for values in rows]
    counts = [counts for block in BOOTSTRAP.counts(50) for counts in block]
    for values, estimate in zip(scores.values, expected, strict=True):
        drawn = np.array([naive_mean(values, one) for one in counts])
        assert estimate.low == pytest.approx(np.quantile(drawn, 0.05))


@given(st.lists(st.integers(0, 5).map(float), min_size=1, max_size=12))
def test_equal_means_share_the_better_rank(means: list[float]) -> None:
    found = ranks(np.array([means]))[0].tolist()
    assert found == [1 + sum(other > mean for other in means) for mean in means]


def test_means_that_differ_in_their_last_bits_are_equal() -> None:
    assert ranks(np.array([[0.1 + 0.2, 0.3]])).tolist() == [[1, 1]]


def test_systems_that_tie_for_the_best_share_it() -> None:
    values = np.broadcast_to(np.array([[1.0, 2.0, 3.0, 5.0]]), (3, 1, 4)).copy()
    values[2] -= 1
    found = ranked(Scores(values), BOOTSTRAP)
    assert found.rank.tolist() == [1, 1, 3]
    assert found.interval is not None
    assert found.interval.best.tolist() == [0.5, 0.5, 0.0]
    assert found.interval.high.tolist() == [1, 1, 3]


def test_a_resample_that_misses_an_aspect_ranks_nobody() -> None:
    values = np.array([[[4.0, 4.0, 4.0], [np.nan, np.nan, 4.0]], [[3.0, 3.0, 3.0], [np.nan, np.nan, 3.0]]])
    found = ranked(Scores(values), BOOTSTRAP)
    assert found.interval is not None
    assert found.interval.high.tolist() == [1, 2]


@pytest.mark.parametrize(("resamples", "instructions"), [(0, 10), (100, 1)])
def test_without_resamples_there_are_ranks_alone(resamples: int, instructions: int) -> None:
    scores = random_scores(3, instructions, missing=0)
    assert ranked(scores, Bootstrap(resamples, 0.95, 0)).interval is None


@given(st.integers(0, 5))
@settings(deadline=None, max_examples=5)
def test_the_same_seed_gives_the_same_ranks(seed: int) -> None:
    scores = random_scores(4, 20)
    first, second = (ranked(scores, Bootstrap(50, 0.95, seed)).interval for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.best.tolist() == second.best.tolist()
