"""Win rates of rows made by hand; those of published files are in tests/judge/files."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.preference_rows import later, preference
from urial.records.win_rates import WinRate
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.win_rates import win_rate

NO_BOOTSTRAP = Bootstrap(0, 0.95, 0)
SAID = st.sampled_from([0.0, 0.5, 1.0, 0.3, None])


def rate(*said: tuple[float | None, ...], bootstrap: Bootstrap = NO_BOOTSTRAP) -> WinRate:
    """The figures of rows with what each order says."""
    rows = [[preference(str(number), *orders)] for number, orders in enumerate(said)]
    return win_rate("overall", 1, rows, bootstrap, "why not")


def test_a_weighted_preference_counts_as_it_is_and_by_its_side() -> None:
    found = rate((0.9,), (0.6,), (0.2,))
    assert found.win_rate.mean == pytest.approx(100 * 1.7 / 3)
    assert (found.wins, found.losses) == (2, 1)
    assert found.discrete_win_rate == pytest.approx(200 / 3)
    deviation = math.sqrt(sum((value - 1.7 / 3) ** 2 for value in (0.9, 0.6, 0.2)) / 2)
    assert found.standard_error == pytest.approx(100 * deviation / math.sqrt(3))


def test_orders_that_disagree_are_half_a_win_and_no_tie() -> None:
    found = rate((1.0, 0.0), (0.5, 0.5), (1.0, 1.0), (1.0, 0.5))
    assert (found.wins, found.ties, found.inconsistent, found.discrete_win_rate) == (1, 1, 2, 62.5)
    assert found.win_rate.mean == pytest.approx(100 * (0.5 + 0.5 + 1 + 0.75) / 4)


def test_a_row_compared_by_other_criteria_is_in_no_count() -> None:
    rows = [[preference("a", 1.0)], [preference("b", 1.0, criterion="depth")], [preference("c")]]
    found = win_rate("depth", 1, rows, NO_BOOTSTRAP, "why not")
    assert (found.total, found.wins, found.no_completion) == (2, 1, 1)


def test_turns_of_one_instruction_are_drawn_together() -> None:
    rows = [[preference(str(number), 1.0), later(0.0)] for number in range(10)]
    found = win_rate("overall", None, rows, Bootstrap(100, 0.9, 0), "why not")
    assert (found.total, found.win_rate.low, found.win_rate.mean, found.win_rate.high) == (20, 50, 50, 50)


def test_an_interval_is_of_the_rows_that_have_a_preference() -> None:
    found = rate(*[(1.0,)] * 6, *[(0.0,)] * 4, *[(None,)] * 10, bootstrap=Bootstrap(500, 0.9, 0))
    assert found.win_rate.mean == 60
    assert found.win_rate.low is not None
    assert found.win_rate.low < 50
    assert found.standard_error == pytest.approx(100 * math.sqrt(0.24 * 10 / 9 / 10))


@given(st.lists(st.tuples(SAID, SAID), max_size=12))
def test_counts_add_up_and_rates_are_shares(said: list[tuple[float | None, ...]]) -> None:
    found = rate(*said)
    rated = found.wins + found.ties + found.losses + found.inconsistent
    assert rated + found.invalid == found.total == len(said)
    assert (found.win_rate.mean is None) == (rated == 0)
    if found.win_rate.mean is not None and found.win_share is not None and found.loss_share is not None:
        assert -1e-9 <= found.win_rate.mean <= 100 + 1e-9
        assert found.discrete_win_rate == pytest.approx(50 + (found.win_share - found.loss_share) / 2)
