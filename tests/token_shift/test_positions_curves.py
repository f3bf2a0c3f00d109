"""Curves along the answer, computed by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import BOOTSTRAP, MARGINAL, SHIFTED, UNSHIFTED, ranks, served, table_of, token
from urial.token_shift.figures import positions
from urial.token_shift.figures.positions import FEWEST_ANSWERS, PARTS, curve, relative_curve


def test_a_curve_averages_over_the_answers_that_reach_a_position_and_ends_where_few_do() -> None:
    answers = {f"x{n}": [token(SHIFTED, kl=2.0), token(UNSHIFTED, kl=0.5)] for n in range(4)}
    answers |= {"b": [token(4, kl=1.0), token(5), token(3)], "c": [token(MARGINAL, kl=0.0, base_logprob=0.0)]}
    points = curve(table_of(answers), BOOTSTRAP)
    assert [(point.index, point.answers, point.positions) for point in points] == [(0, 6, 6), (1, 5, 5)]
    first, second = points
    assert first.shifted.mean == pytest.approx(5 / 6)
    assert first.kl.mean == pytest.approx((4 * 2 + 1) / 6)
    assert first.base_rank.mean == pytest.approx((4 * 9 + 4 + 2) / 6)
    assert first.base_probability.mean == pytest.approx((5 * 0.5 + 1) / 6)
    assert second.shifted.mean == pytest.approx(1 / 5)
    assert (second.kl_positions, second.base_rank_positions) == (5, 5)


def test_where_all_answers_reach_a_position_the_interval_is_that_of_the_bootstrap() -> None:
    table = ranks({f"x{n}": [SHIFTED if n % 3 else UNSHIFTED] for n in range(12)})
    (point,) = curve(table, BOOTSTRAP)
    assert point.shifted == BOOTSTRAP.mean([float(n % 3 > 0) for n in range(12)])


def test_a_position_that_few_of_many_answers_reach_still_has_an_interval() -> None:
    answers = {f"x{n}": [UNSHIFTED] * (2 if n < FEWEST_ANSWERS else 1) for n in range(400)}
    answers["x0"] = [UNSHIFTED, SHIFTED]
    last = curve(ranks(answers), BOOTSTRAP)[-1]
    assert (last.index, last.answers, last.shifted.mean) == (1, 5, 1 / 5)
    assert last.shifted.low == 0
    assert last.shifted.high is not None
    assert 0.2 < last.shifted.high < 1


def test_what_is_not_known_is_in_no_mean_and_counted() -> None:
    answers = {f"x{n}": [served(None), token(3, kl=1.0)] for n in range(5)} | {"y": [served(1), served(None)]}
    first, second = curve(table_of(answers), BOOTSTRAP)
    assert (first.kl.mean, first.kl.low, first.kl_positions) == (None, None, 0)
    assert (first.base_rank.mean, first.base_rank_positions) == (1, 1)
    assert first.shifted.mean == pytest.approx(5 / 6)
    assert (second.kl.mean, second.kl_positions, second.base_rank.mean, second.base_rank_positions) == (1, 5, 3, 5)


def test_a_gap_in_the_positions_ends_no_curve() -> None:
    answers = {f"x{n}": [token(1), token(9, position=70_000)] for n in range(5)}
    points = curve(table_of(answers), BOOTSTRAP)
    assert [(point.index, point.shifted.mean) for point in points] == [(0, 0), (70_000, 1)]


def test_blocks_of_positions_are_one_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    table = ranks({f"x{n}": [1 + (n * place) % 7 for place in range(9)] for n in range(6)})
    whole = curve(table, BOOTSTRAP)
    monkeypatch.setattr(positions, "_HELD", 7 * 6 * 2)
    assert curve(table, BOOTSTRAP) == whole


@pytest.mark.parametrize(
    ("length", "tenths"),
    [
        (1, [5]),
        (2, [2, 7]),
        (3, [1, 5, 8]),
        (5, [1, 3, 5, 7, 9]),
        (9, [0, 1, 2, 3, 5, 6, 7, 8, 9]),
        (10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (11, [0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9]),
        (20, [place // 2 for place in range(20)]),
    ],
)
def test_a_token_is_in_the_tenth_that_holds_its_middle(length: int, tenths: list[int]) -> None:
    table = ranks({f"x{n}": [UNSHIFTED] * length for n in range(FEWEST_ANSWERS)})
    points = relative_curve(table, BOOTSTRAP)
    assert [(point.index, point.positions) for point in points] == [
        (tenth, FEWEST_ANSWERS * tenths.count(tenth)) for tenth in dict.fromkeys(tenths)
    ]


@given(st.lists(st.integers(1, 40), min_size=5, max_size=12))
def test_every_token_is_in_exactly_one_tenth(lengths: list[int]) -> None:
    table = ranks({f"x{n}": [UNSHIFTED] * length for n, length in enumerate(lengths)})
    # Five times each, so that no tenth has too few answers.
    five = ranks({f"x{n}-{k}": [UNSHIFTED] * length for n, length in enumerate(lengths) for k in range(5)})
    points = relative_curve(five, BOOTSTRAP)
    assert sum(point.positions for point in points) == 5 * len(table)
    assert all(0 <= point.index < PARTS for point in points)


def test_a_tenth_is_a_ratio_over_tokens_with_an_interval_over_answers() -> None:
    answers = {"a": [SHIFTED] * 20, **{f"x{n}": [UNSHIFTED] * 10 for n in range(5)}}
    points = relative_curve(ranks(answers), BOOTSTRAP)
    assert [point.index for point in points] == list(range(PARTS))
    for point in points:
        assert (point.answers, point.positions, point.shifted.mean) == (6, 7, 2 / 7)
        assert point.shifted == BOOTSTRAP.ratio([2, 0, 0, 0, 0, 0], [2, 1, 1, 1, 1, 1])


def test_tokens_that_were_left_out_keep_the_others_in_their_tenth() -> None:
    answers = {f"x{n}": [token(1, position=0), token(9, position=9)] for n in range(5)}
    points = relative_curve(table_of(answers), BOOTSTRAP)
    assert [(point.index, point.shifted.mean) for point in points] == [(0, 0), (9, 1)]


def test_of_nothing_there_is_no_curve() -> None:
    assert curve(table_of({}), BOOTSTRAP) == []
    assert relative_curve(table_of({}), BOOTSTRAP) == []
    assert curve(ranks({"a": [1]}), BOOTSTRAP) == []
