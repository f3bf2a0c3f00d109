"""Agreement of raters against figures from the literature, and against AlpacaEval's definitions by hand."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.core.errors import UrialError
from urial.judge.files.raters import (
    Level,
    alpha_of,
    bias,
    cohen_kappa,
    equal_votes,
    krippendorff_alpha,
    leave_one_out,
    majority,
    votes_of_each_other,
    with_people,
)
from urial.statistics.bootstrap import Bootstrap

BOOTSTRAP = Bootstrap(100, 0.95, 0)
# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", section C: four observers, twelve units.
OBSERVERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
UNITS = [[float(row[unit]) for row in OBSERVERS if row[unit] != "."] for unit in range(12)]


def test_krippendorff_s_own_example() -> None:
    assert krippendorff_alpha(UNITS, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(UNITS, "ordinal") == pytest.approx(0.815, abs=5e-4)
    assert krippendorff_alpha(UNITS, "interval") == pytest.approx(0.849, abs=5e-4)
    assert alpha_of(UNITS).rated_twice == 11


def test_krippendorff_s_binary_example() -> None:
    """Section A of the same: two observers, ten units; 1 - 19 x 4 / (14 x 6)."""
    units = [[float(one), float(other)] for one, other in zip("0100000010", "1110010000", strict=True)]
    assert krippendorff_alpha(units, "nominal") == pytest.approx(1 - 19 * 4 / (14 * 6))
    assert round(1 - 19 * 4 / (14 * 6), 3) == 0.095


def test_alpha_without_anything_to_compare() -> None:
    assert krippendorff_alpha([], "nominal") is None
    assert krippendorff_alpha([[1.0], [2.0]], "interval") is None
    assert krippendorff_alpha([[3.0, 3.0], [3.0, 3.0]], "ordinal") is None
    with pytest.raises(UrialError, match="2,001 different values"):
        krippendorff_alpha([[float(number), float(number)] for number in range(2_001)], "interval")


def test_cohen_s_kappa() -> None:
    """Two readers of 50 proposals, 20 yes by both, 15 no by both, 5 and 10 apart: 0.7 seen, 0.5 by chance."""
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen_kappa([one for one, _ in pairs], [other for _, other in pairs]) == pytest.approx(0.4)
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None
    assert cohen_kappa([], []) is None
    assert cohen_kappa(["a", "b"], ["b", "a"]) == -1


def test_majorities_as_alpaca_eval_draws_them() -> None:
    # pandas' Series([1, 2]).sample(1, random_state=123) is 2; of [1, 1.5, 2] it is 1.
    assert [majority(labels) for labels in ([1.0, 1.0, 0.0], [0.0, 1.0], [1.0, 0.0, 0.5], [0.5, 0.0])] == [1, 1, 0, 0.5]
    assert majority([0.1, 0.2, 0.9]) == 0.2


def test_alpaca_eval_s_own_example() -> None:
    """Its documentation: four labels of two pairs, 1 1 1 1 and 2 2 2 1, one against the other three: 0.875."""
    assert leave_one_out([[0, 0, 0, 0], [1, 1, 1, 0]], BOOTSTRAP).mean == 0.875


def test_bias_and_variance_by_hand() -> None:
    people = [[1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]]
    judgings = [[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]]
    # Majorities 1 and 0: the three judgings are off by 1/2, 0 and 1/2.
    assert with_people(judgings, people, BOOTSTRAP).mean == pytest.approx(1 - (0.5 + 0 + 0.5) / 3)
    assert bias(judgings, people, BOOTSTRAP).mean == 0
    # Against the other two: (1, 1), (0, 1), (0, 1), whose draw of a tie is 1; and (0, 1), (0, 1), (0, 0).
    assert leave_one_out(judgings, BOOTSTRAP).mean == pytest.approx(1 - (2 / 2 + 1 / 2 + 1 / 2) / 3)
    assert leave_one_out([[1.0], []], BOOTSTRAP).mean is None
    one_judging = with_people([[1.0], [1.0]], people, BOOTSTRAP)
    assert one_judging.mean == 1 - (bias([[1.0], [1.0]], people, BOOTSTRAP).mean or 0)


def test_votes_with_and_without_ties() -> None:
    pairs = [("win", "win"), ("tie", "tie"), ("tie", "loss"), ("win", "loss")]
    assert equal_votes(pairs, with_ties=True) == (2, 4)
    assert equal_votes(pairs, with_ties=False) == (1, 2)
    assert votes_of_each_other(["a", "b", "c"]) == [("a", "b"), ("a", "c"), ("b", "c")]


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), max_size=4), max_size=8))
def test_order_of_units_and_raters_changes_no_alpha(units: list[list[float]]) -> None:
    shuffled = [sorted(unit, reverse=True) for unit in reversed(units)]
    for level in get_args(Level):
        found, again = krippendorff_alpha(units, level), krippendorff_alpha(shuffled, level)
        assert (found is None) == (again is None)
        assert found is None or found == pytest.approx(again)
        assert found is None or found <= 1
