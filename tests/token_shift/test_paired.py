"""Two base contexts over the same answers, by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import BOOTSTRAP, MARGINAL, SHIFTED, UNSHIFTED, ranks, served, table_of, token
from urial.records.estimate import Estimate
from urial.statistics.paired import holm, sign_flip_p
from urial.token_shift.figures.paired import compare_contexts, compare_measurements, pair

NAMES = ("zero", "urial")
FIRST = ranks({"a": [SHIFTED, UNSHIFTED, SHIFTED], "b": [SHIFTED, MARGINAL], "c": [UNSHIFTED]})
SECOND = ranks({"a": [UNSHIFTED, UNSHIFTED, MARGINAL], "b": [SHIFTED, SHIFTED], "c": [UNSHIFTED]})


def test_figures_of_two_contexts_are_over_the_same_positions() -> None:
    found = compare_measurements(NAMES, (FIRST, SECOND), BOOTSTRAP)
    assert (found.first, found.second, found.answers, found.positions) == ("zero", "urial", 3, 6)
    assert (found.only_first, found.only_second) == (0, 0)
    assert (found.shifted_first, found.shifted_second, found.shifted_both) == (3, 2, 1)
    # a: 1 more of 3 is unshifted, b: 0 of 2, c: 0 of 1.
    assert found.unshifted.mean == pytest.approx(1 / 6)
    assert found.shifted.mean == pytest.approx(-1 / 6)
    assert found.explained == BOOTSTRAP.ratio([2, 0, 0], [2, 1, 0])
    assert found.introduced == BOOTSTRAP.ratio([0, 1, 0], [0, 2, 0])
    assert found.explained.mean == pytest.approx(2 / 3)
    assert found.introduced.mean == pytest.approx(1 / 2)


def test_differences_have_the_bootstrap_s_interval_and_a_test_of_answers() -> None:
    found = compare_measurements(NAMES, (FIRST, SECOND), BOOTSTRAP)
    ends = Estimate(mean=found.shifted.mean, low=found.shifted.low, high=found.shifted.high)
    assert ends == BOOTSTRAP.ratio([-2, 1, 0], [3, 2, 1])
    assert (found.shifted.positions, found.shifted.p, found.shifted.p_holm) == (6, sign_flip_p([-2, 1, 0], 0), None)
    assert found.unshifted.p == sign_flip_p([1, 0, 0], 0)


def test_kl_is_compared_where_both_know_it() -> None:
    first = table_of({"a": [token(1, kl=1.0), token(1, kl=3.0)], "b": [token(1, kl=2.0), served(1)]})
    second = table_of({"a": [token(1, kl=0.5), served(1)], "b": [token(1, kl=0.0), token(1, kl=9.0)]})
    found = compare_measurements(NAMES, (first, second), BOOTSTRAP)
    assert (found.kl.mean, found.kl.positions, found.positions) == (-1.25, 2, 4)
    assert found.kl.p == sign_flip_p([-0.5, -2.0], 0)


def test_unknown_kl_is_no_difference() -> None:
    table = table_of({"a": [served(None)], "b": [served(1)]})
    found = compare_measurements(NAMES, (table, table), BOOTSTRAP)
    assert (found.kl.mean, found.kl.low, found.kl.positions, found.kl.p) == (None, None, 0, None)
    assert (found.shifted.mean, found.shifted.p, found.explained.mean) == (0, 1.0, 0)


def test_nothing_shifted_explains_nothing() -> None:
    found = compare_measurements(NAMES, (ranks({"a": [1], "b": [1]}), ranks({"a": [9], "b": [9]})), BOOTSTRAP)
    assert (found.explained.mean, found.introduced.mean, found.shifted.mean) == (None, 1, 1)


def test_rows_without_a_counterpart_are_counted_and_in_no_figure() -> None:
    first = table_of({"a": [token(9), token(9), token(1)], "gone": [token(9)] * 4})
    second = table_of({"new": [token(1)] * 5, "a": [token(9), token(1, position=2), token(9, position=7)]})
    found = compare_measurements(NAMES, (first, second), BOOTSTRAP)
    assert (found.answers, found.positions, found.only_first, found.only_second) == (1, 2, 5, 6)
    assert (found.shifted_first, found.shifted_second) == (1, 1)


def test_another_token_at_a_position_is_no_counterpart() -> None:
    first = table_of({"a": [token(9, "x"), token(1, "\x00")], "b": [token(1, "")]})
    second = table_of({"b": [token(1, "")], "a": [token(9, "y"), token(1, "\x00")]})
    both = pair(first, second)
    assert (both.first.tolist(), both.second.tolist(), both.different) == ([1, 2], [2, 0], 1)


def test_rows_are_matched_whatever_their_order() -> None:
    order = [5, 3, 0, 4, 2, 1]
    shuffled = compare_measurements(NAMES, (FIRST, SECOND.take(order)), BOOTSTRAP)
    assert shuffled == compare_measurements(NAMES, (FIRST, SECOND), BOOTSTRAP)


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_of_nothing_there_is_no_difference(empty: int) -> None:
    tables = [FIRST, SECOND]
    for index in range(2):
        if empty in (index, 2):
            tables[index] = ranks({})
    found = compare_measurements(NAMES, (tables[0], tables[1]), BOOTSTRAP)
    assert (found.answers, found.positions, found.only_first, found.only_second) == (
        0,
        0,
        len(tables[0]),
        len(tables[1]),
    )
    assert (found.shifted.mean, found.shifted.p, found.explained.mean) == (None, None, None)


def test_every_context_is_compared_with_the_first_one_and_p_values_are_corrected_together() -> None:
    third = ranks({"a": [1, 1, 1], "b": [1, 1], "c": [1]})
    found = compare_contexts({"zero": FIRST, "urial": SECOND, "k8": third}, BOOTSTRAP)
    assert [(item.first, item.second) for item in found] == [("zero", "urial"), ("zero", "k8")]
    tests = [getattr(item, name) for item in found for name in ("unshifted", "shifted", "kl")]
    assert [test.p_holm for test in tests] == holm([test.p for test in tests])
    assert tests[0].p == compare_measurements(NAMES, (FIRST, SECOND), BOOTSTRAP).unshifted.p


@pytest.mark.parametrize("tables", [{}, {"zero": FIRST}])
def test_one_context_is_compared_with_none(tables: Any) -> None:
    assert compare_contexts(tables, BOOTSTRAP) == ()


RANKS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=5),
    min_size=2,
)


@given(RANKS)
def test_turning_the_contexts_around_turns_the_differences_around(answers: dict[str, list[tuple[int, int]]]) -> None:
    one, other = (ranks({name: [row[side] for row in rows] for name, rows in answers.items()}) for side in (0, 1))
    forth, back = (
        compare_measurements(NAMES, (one, other), BOOTSTRAP),
        compare_measurements(NAMES, (other, one), BOOTSTRAP),
    )
    assert forth.shifted.mean == pytest.approx(-(back.shifted.mean or 0))
    assert (forth.shifted.p, forth.unshifted.p) == (back.shifted.p, back.unshifted.p)
    assert (forth.explained, forth.introduced) == (back.introduced, back.explained)
    assert forth.shifted.mean == pytest.approx((forth.shifted_second - forth.shifted_first) / forth.positions)
    if forth.shifted_first:
        assert forth.explained.mean == pytest.approx(1 - forth.shifted_both / forth.shifted_first)


@given(RANKS)
def test_a_context_against_itself_explains_nothing(answers: dict[str, list[tuple[int, int]]]) -> None:
    table = ranks({name: [row[0] for row in rows] for name, rows in answers.items()})
    found = compare_measurements(NAMES, (table, table), BOOTSTRAP)
    assert (found.shifted.mean, found.kl.mean, found.shifted.p) == (0, 0, 1.0)
    assert found.explained.mean in (0, None)
    assert found.positions == len(table)
