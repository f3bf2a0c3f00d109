"""The shared draws: the same intervals as urial.statistics.bootstrap gives one figure at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures import resampling
from urial.token_shift.figures.resampling import Resampling, ratio

COLUMN = st.lists(st.integers(0, 9), min_size=2, max_size=30)


@given(COLUMN, st.integers(0, 99), st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_of_whole_numbers_the_interval_is_exactly_that_of_the_bootstrap(
    column: list[int], seed: int, confidence: float
) -> None:
    bootstrap = Bootstrap(100, confidence, seed)
    sizes = [value + index % 3 for index, value in enumerate(column)]
    sums = Resampling(bootstrap, len(column)).sums(np.array([column, sizes], float).T)
    (found,) = Resampling(bootstrap, len(column)).estimates(ratio(sums[:, :1], sums[:, 1:]))
    assert found == bootstrap.ratio(column, sizes)


def test_of_other_numbers_it_is_the_same_up_to_rounding() -> None:
    values = np.random.default_rng(1).normal(size=(50, 3))
    bootstrap = Bootstrap(2_000, 0.95, 7)
    sums = Resampling(bootstrap, 50).sums(values)
    for column, estimate in enumerate(Resampling(bootstrap, 50).estimates(sums / 50)):
        expected = bootstrap.mean(values[:, column].tolist())
        assert estimate.mean == pytest.approx(expected.mean)
        assert estimate.low == pytest.approx(expected.low)
        assert estimate.high == pytest.approx(expected.high)


def test_draws_in_blocks_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    column = np.arange(40.0)[:, None]
    bootstrap = Bootstrap(1_000, 0.95, 0)
    whole = Resampling(bootstrap, 40).sums(column)
    monkeypatch.setattr(resampling, "DRAWS", 4_000)
    assert np.array_equal(Resampling(bootstrap, 40).sums(column), whole)


@pytest.mark.parametrize("size", [0, 1])
def test_fewer_than_two_answers_leave_no_interval(size: int) -> None:
    bootstrap = Bootstrap(100, 0.95, 0)
    sums = Resampling(bootstrap, size).sums(np.ones((size, 2)))
    assert sums.shape == (1, 2)
    (found, _) = Resampling(bootstrap, size).estimates(ratio(sums, sums))
    assert (found.mean, found.low, found.high) == (1.0 if size else None, None, None)


def test_a_resample_without_any_value_leaves_no_interval_unless_a_few_may_be_left_out() -> None:
    bootstrap = Bootstrap(1_000, 0.95, 0)
    columns = np.zeros((40, 2))
    columns[:5] = [[1, 2]] * 5
    columns[0] = [2, 2]
    sums = Resampling(bootstrap, 40).sums(columns)
    values = ratio(sums[:, :1], sums[:, 1:])
    missed = np.isnan(values).mean()
    assert 0 < missed < 0.02
    (strict,) = Resampling(bootstrap, 40).estimates(values)
    assert (strict.mean, strict.low, strict.high) == (0.6, None, None)
    (lenient,) = Resampling(bootstrap, 40).estimates(values, undefined=0.02)
    kept = values[1:][~np.isnan(values[1:])]
    assert [lenient.low, lenient.high] == pytest.approx(np.quantile(kept, [0.025, 0.975]).tolist())


def test_a_number_over_nothing_is_missing() -> None:
    assert np.array_equal(ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0])), [0.5, np.nan], equal_nan=True)
