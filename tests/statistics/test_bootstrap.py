"""Intervals against values worked out by hand or by scipy."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import urial.statistics.bootstrap
from urial.records.estimate import Estimate
from urial.records.params.file import ReportParams
from urial.statistics.bootstrap import Bootstrap, quadratic_kappa, ratio, spearman, whole

BOOTSTRAP = Bootstrap(resamples=2_000, confidence=0.95, seed=0)


def rounded(estimate: Estimate) -> tuple[float | None, ...]:
    return tuple(None if item is None else round(item, 6) for item in (estimate.mean, estimate.low, estimate.high))


def test_interval_of_a_share_is_the_quantiles_of_the_binomial() -> None:
    values = [1.0] * 30 + [0.0] * 70
    found = Bootstrap(20_000, 0.9, 3).mean(values)
    assert found.mean == 0.3
    assert found.low == pytest.approx(binom.ppf(0.05, 100, 0.3) / 100, abs=0.011)
    assert found.high == pytest.approx(binom.ppf(0.95, 100, 0.3) / 100, abs=0.011)


def test_interval_of_three_values_is_the_quantiles_of_all_resamples() -> None:
    values = (1.0, 2.0, 6.0)
    every = [np.mean(sample) for sample in itertools.product(values, repeat=3)]
    found = Bootstrap(20_000, 0.8, 0).mean(values)
    assert (found.low, found.high) == pytest.approx(tuple(np.percentile(every, (10, 90))))


def test_golden_values() -> None:
    assert rounded(BOOTSTRAP.mean([1, 2, 3, 4, 5, 9])) == GOLDEN["mean"]
    assert rounded(BOOTSTRAP.ratio([1, 0, 5], [2, 4, 10])) == GOLDEN["ratio"]
    assert rounded(BOOTSTRAP.mean_of_means([[5, 4, None, 3] * 5, [1, None, 2, 2] * 5])) == GOLDEN["mean of means"]


GOLDEN = {
    "mean": (4.0, 2.166667, 6.166667),
    "ratio": (0.375, 0.0, 0.5),
    "mean of means": (2.833333, 2.718738, 2.971181),
}


def test_ratio_is_of_sums_not_of_ratios() -> None:
    assert BOOTSTRAP.ratio([1, 9], [1, 99]).mean == pytest.approx(0.1)


def test_mean_of_means_weighs_columns_equally_and_leaves_missing_values_out() -> None:
    found = BOOTSTRAP.mean_of_means([[5.0, None, None], [1.0, 2.0, 3.0]])
    assert found.mean == pytest.approx((5 + 2) / 2)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (None, None, None)),
        ([4.0], (4.0, None, None)),
        ([2.0, 2.0, 2.0], (2.0, 2.0, 2.0)),
        ([0.0] * 9, (0.0, 0.0, 0.0)),
    ],
)
def test_mean_of_nothing_of_one_and_of_equal_values(
    values: Sequence[float], expected: tuple[float | None, ...]
) -> None:
    assert rounded(BOOTSTRAP.mean(values)) == expected


def test_nothing_to_divide_by_is_null() -> None:
    assert rounded(BOOTSTRAP.ratio([0, 0], [0, 0])) == (None, None, None)
    assert rounded(BOOTSTRAP.mean_of_means([[None, None], [1.0, 2.0]])) == (None, None, None)


def test_resample_without_any_value_leaves_the_mean_without_interval() -> None:
    assert rounded(BOOTSTRAP.mean_of_means([[None, None, 3.0]])) == (3.0, None, None)
    assert rounded(BOOTSTRAP.ratio([0, 1], [0, 2])) == (0.5, None, None)


def test_same_seed_same_interval_and_another_seed_another() -> None:
    values = list(np.random.default_rng(1).normal(size=40))
    np.random.seed(7)
    first = BOOTSTRAP.mean(values)
    np.random.seed(8)
    assert BOOTSTRAP.mean(values) == first
    assert Bootstrap(2_000, 0.95, 1).mean(values) != first


def test_parameters_come_from_the_report() -> None:
    params = ReportParams(resamples=500, confidence=0.5, seed=4, examples=0)
    assert Bootstrap.from_params(params) == Bootstrap(500, 0.5, 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-5, 5, allow_subnormal=False), min_size=2, max_size=30))
def test_mean_lies_in_its_interval_and_the_interval_among_the_values(values: list[float]) -> None:
    # A mean outside its percentile interval needs all but 2.5% of the resamples on one side of it: no sample of
    # independent draws is that lopsided about its own mean.
    found = Bootstrap(400, 0.95, 0).mean(values)
    assert found.mean is not None
    assert found.low is not None
    assert found.high is not None
    slack = 1e-9
    assert min(values) - slack <= found.low <= found.mean + slack
    assert found.mean - slack <= found.high <= max(values) + slack


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(5, 9)), min_size=2, max_size=20))
def test_share_and_its_interval_are_shares(pairs: list[tuple[int, int]]) -> None:
    found = Bootstrap(400, 0.95, 0).ratio([top for top, _ in pairs], [bottom for _, bottom in pairs])
    assert found.mean is not None
    assert found.low is not None
    assert found.high is not None
    assert -1e-9 <= found.low <= found.high <= 1 + 1e-9


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 200), st.integers(0, 99), st.sampled_from([0.5, 0.9, 0.95]))
def test_intervals_are_those_of_scipy_to_the_last_bit(size: int, seed: int, confidence: float) -> None:
    rng = np.random.default_rng(seed)
    tops, bottoms = rng.normal(size=size), rng.random(size) + 0.1

    def statistic(top: Any, bottom: Any, axis: int) -> Any:
        return top.sum(axis) / bottom.sum(axis)

    expected = scipy.stats.bootstrap(
        (tops, bottoms), statistic, paired=True, vectorized=True, method="percentile", n_resamples=200,
        confidence_level=confidence, batch=max(1, urial.statistics.bootstrap.DRAWS // size), rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    found = Bootstrap(200, confidence, seed).ratio(tops.tolist(), bottoms.tolist())
    assert (found.low, found.high) == (expected.low, expected.high)


COLUMN = st.lists(st.integers(0, 9), min_size=2, max_size=30)


@given(COLUMN, st.integers(0, 99), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_of_whole_numbers_the_interval_is_exactly_that_of_the_bootstrap(
    column: list[int], seed: int, confidence: float
) -> None:
    bootstrap = Bootstrap(100, confidence, seed)
    sizes = [value + index % 3 for index, value in enumerate(column)]
    sums = bootstrap.sums(np.array([column, sizes], float).T)
    (found,) = bootstrap.estimates(ratio(sums[:, :1], sums[:, 1:]))
    assert found == bootstrap.ratio(column, sizes)


def test_of_other_numbers_it_is_the_same_up_to_rounding() -> None:
    values = np.random.default_rng(1).normal(size=(50, 3))
    bootstrap = Bootstrap(2_000, 0.95, 7)
    sums = bootstrap.sums(values)
    for column, estimate in enumerate(bootstrap.estimates(sums / 50)):
        expected = bootstrap.mean(values[:, column].tolist())
        assert estimate.mean == pytest.approx(expected.mean)
        assert estimate.low == pytest.approx(expected.low)
        assert estimate.high == pytest.approx(expected.high)


@pytest.mark.parametrize("draws", [2_000_000, 4_000])
def test_figures_that_share_the_draws_are_to_the_last_bit_those_of_each_alone(
    monkeypatch: pytest.MonkeyPatch, draws: int
) -> None:
    monkeypatch.setattr(urial.statistics.bootstrap, "DRAWS", draws)
    bootstrap, rng = Bootstrap(300, 0.95, 3), np.random.default_rng(5)
    weights, counts, none = rng.random(60), rng.integers(1, 9, 60).astype(float), np.zeros(60)
    pairs = [(weights, counts), (counts, counts), (weights**2, counts.copy()), (weights, none), (counts, weights)]
    assert bootstrap.ratios(pairs) == [bootstrap.ratio(*pair) for pair in pairs]
    assert bootstrap.ratios([]) == []
    matrices = [rng.random((60, width)) for width in (1, 4, 9)]
    for found, matrix in zip(bootstrap.sums_of(matrices), matrices, strict=True):
        assert np.array_equal(found, bootstrap.sums(matrix))
    assert bootstrap.sums_of([]) == []


def test_draws_in_blocks_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    column = np.arange(40.0)[:, None]
    bootstrap = Bootstrap(1_000, 0.95, 0)
    whole = bootstrap.sums(column)
    monkeypatch.setattr(urial.statistics.bootstrap, "DRAWS", 4_000)
    assert np.array_equal(bootstrap.sums(column), whole)


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_answers_leave_no_interval(size: int) -> None:
    bootstrap = Bootstrap(100, 0.95, 0)
    sums = bootstrap.sums(np.ones((size, 2)))
    assert sums.shape == (1, 2)
    (found, _) = bootstrap.estimates(ratio(sums, sums))
    assert (found.mean, found.low, found.high) == (1.0 if size else None, None, None)


def test_a_resample_without_any_value_leaves_no_interval_unless_a_few_may_be_left_out() -> None:
    bootstrap = Bootstrap(1_000, 0.95, 0)
    columns = np.zeros((40, 2))
    columns[:5] = [[1, 2]] * 5
    columns[0] = [2, 2]
    sums = bootstrap.sums(columns)
    values = ratio(sums[:, :1], sums[:, 1:])
    missed = np.isnan(values).mean()
    assert 0 < missed < 0.02
    (strict,) = bootstrap.estimates(values)
    assert (strict.mean, strict.low, strict.high) == (0.6, None, None)
    (lenient,) = bootstrap.estimates(values, undefined=0.02)
    kept = values[1:][~np.isnan(values[1:])]
    assert [lenient.low, lenient.high] == pytest.approx(np.quantile(kept, [0.025, 0.975]).tolist())


def test_a_number_over_nothing_is_missing() -> None:
    assert np.array_equal(ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])), [0.5, np.nan], equal_nan=True)


SCORES = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("first", "second", "rho"),
    [
        ([1, 2, 3, 4, 5], [1, 2, 3, 5, 4], 0.9),
        ([1, 2, 2, 3], [2, 2, 1, 3], 0.5),
        ([5, 5, 5], [1, 2, 3], None),
        ([1, 2, 3], [4, 4, 4], None),
        ([3], [3], None),
        ([], [], None),
    ],
)
def test_spearman_by_hand(first: list[float], second: list[float], rho: float | None) -> None:
    found = spearman(first, second)
    assert found is None if rho is None else found == pytest.approx(rho)


def test_kappa_is_that_of_scikit_learn_s_weighting_example() -> None:
    # sklearn/metrics/tests/test_classification.py, test_cohen_kappa: 0.9541 with quadratic weights.
    first = [1] * 46 + [2] * 44 + [3] * 10
    second = [1] * 50 + [2] * 40 + [3] * 10
    assert quadratic_kappa(first, second) == pytest.approx(0.9541, abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        # One squared difference of 1 among 3; all 9 combinations: 3 x (1 + 4 + 9) + 3 x (1 + 4 + 4) - 2 x 6 x 5.
        ([1, 2, 3], [1, 2, 2], 1 - 3 / (3 * (14 + 9) - 2 * 6 * 5)),
        ([1, 5], [5, 1], -1.0),
        ([3, 3], [3, 3], None),
        ([3, 3], [2, 4], 0.0),
        ([3, 3], [4, 4], 0.0),
        ([2.5, 1.4], [3, 1], 1.0),
        ([], [], None),
    ],
)
def test_kappa_by_hand(first: list[float], second: list[float], kappa: float | None) -> None:
    assert quadratic_kappa(first, second) == kappa


def test_whole_scores_round_halves_up() -> None:
    assert list(whole([1, 1.49, 1.5, 2.5, 4.5, 5])) == [1, 1, 2, 3, 5, 5]


@given(SCORES)
def test_kappa_is_bounded_symmetric_and_1_for_equal_scores(pairs: list[tuple[int, int]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    found = quadratic_kappa(first, second)
    assert found == quadratic_kappa(second, first)
    assert found is None or -1 <= found <= 1
    assert quadratic_kappa(first, first) == (1.0 if len(set(first)) > 1 else None)


@given(SCORES)
def test_spearman_is_bounded_symmetric_and_1_for_equal_scores(pairs: list[tuple[int, int]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    found, other = spearman(first, second), spearman(second, first)
    if found is None or other is None:
        assert found is other is None
        return
    assert math.isclose(found, other, abs_tol=1e-12)
    assert -1 - 1e-12 <= found <= 1 + 1e-12
    assert spearman(first, first) == pytest.approx(1)
