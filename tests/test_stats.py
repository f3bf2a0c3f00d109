"""Intervals against values worked out by hand or by scipy."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from urial.figures import Estimate
from urial.params import ReportParams
from urial.stats import Bootstrap

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
