"""Paired differences against values worked out by hand."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.judge.files.rows import BOOTSTRAP
from urial.records.estimate import PairedDifference
from urial.records.judgment import ASPECTS
from urial.records.shift_figures import ShiftDifference
from urial.statistics.paired import PERMUTATIONS, Columns, holm, mcnemar_p, paired_differences, sign_flip_p, with_holm

VALUES = st.none() | st.integers(1, 5).map(float)


def compare(first: Columns, second: Columns) -> dict[str, PairedDifference]:
    return {item.aspect: item for item in paired_differences({"a": first, "b": second}, BOOTSTRAP)}


def test_only_instructions_that_both_have_a_score_of_count() -> None:
    found = compare({"depth": [5.0, 4.0, None, 3.0, 2.0]}, {"depth": [4.0, 2.0, 1.0, None, 2.0]})["depth"]
    assert (found.first, found.second, found.n, found.mean) == ("a", "b", 3, 1.0)
    # Differences 1, 2, 0: of 8 sums, 4 are 3 or -3.
    assert found.p == found.p_holm == 0.5


def test_nothing_in_common_is_no_number() -> None:
    found = compare({"depth": [5.0, None]}, {"depth": [None, 1.0]})["depth"]
    assert (found.n, found.mean, found.low, found.p, found.p_holm) == (0, None, None, None, None)


def test_an_aspect_that_one_system_lacks_is_left_out() -> None:
    assert list(compare({"depth": [5.0], "clarity": [1.0]}, {"depth": [4.0]})) == ["depth"]


def six(**columns: list[float | None]) -> Columns:
    size = len(next(iter(columns.values())))
    return {aspect: columns.get(aspect, [3.0] * size) for aspect in ASPECTS}


def test_the_average_is_of_the_six_mean_differences() -> None:
    first = six(depth=[5.0, None, 3.0], safety=[4.0, 4.0, 4.0])
    second = six(depth=[4.0, 1.0, 1.0], safety=[3.0, 3.0, 4.0])
    found = compare(first, second)["average"]
    assert found.mean == pytest.approx((1.5 + 2 / 3) / 6)
    assert found.n == 3
    # Parts (1/2 + 1/3)/6, (1/3)/6, (2/2)/6, all of one sign: 2 of 8 sums are as far from 0.
    assert found.p == 2 / 8


def test_the_average_needs_all_six() -> None:
    assert "average" not in compare(six(depth=[None, None]), six(depth=[1.0, 2.0]))
    assert "average" not in compare({"depth": [1.0]}, {"depth": [2.0]})


def test_p_values_are_corrected_over_all_pairs_and_aspects() -> None:
    columns: dict[str, Columns] = {
        "a": {"depth": [5.0] * 8}, "b": {"depth": [4.0] * 8}, "c": {"depth": [4.0] * 8},
    }  # fmt: skip
    found = paired_differences(columns, BOOTSTRAP)
    assert [(item.first, item.second, item.p, item.p_holm) for item in found] == [
        ("a", "b", 2 / 256, 6 / 256),
        ("a", "c", 2 / 256, 6 / 256),
        ("b", "c", 1.0, 1.0),
    ]


def test_one_system_has_no_difference() -> None:
    assert paired_differences({"a": {"depth": [1.0]}}, BOOTSTRAP) == ()


@settings(max_examples=40)
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=12), st.sampled_from(ASPECTS))
def test_swapping_systems_swaps_signs_and_nothing_else(pairs: list[Any], aspect: Any) -> None:
    first, second = six(**{aspect: [one for one, _ in pairs]}), six(**{aspect: [other for _, other in pairs]})
    there, back = compare(first, second), compare(second, first)
    assert there.keys() == back.keys()
    for name, found in there.items():
        other = back[name]
        assert (found.n, found.p, found.p_holm) == (other.n, other.p, other.p_holm)
        assert found.mean is other.mean is None or found.mean == pytest.approx(-(other.mean or 0))
        if found.low is not None and other.high is not None:
            assert found.low == pytest.approx(-other.high)


def test_p_values_are_corrected_however_deep_the_tests_are() -> None:
    def test(p: float | None) -> ShiftDifference:
        return ShiftDifference(mean=1.0, low=None, high=None, positions=1, p=p, p_holm=None)

    tree = ({"a": (test(0.04), test(None))}, {"b": (test(0.01),), "c": 3})
    corrected = with_holm(tree)
    assert corrected == (
        {"a": (test(0.04).model_copy(update={"p_holm": 0.04}), test(None))},
        {"b": (test(0.01).model_copy(update={"p_holm": 0.02}),), "c": 3},
    )


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([], None),
        ([3.0], 1.0),
        ([0.0, 0.0, 0.0], 1.0),
        # Of 32 sums, the two that are as far from 0 as this one.
        ([1, 2, 3, 4, 5], 2 / 32),
        # Sums of 1, 1, -1 and a fourth sign: |sum| >= 2 in 10 of 16.
        ([1, 1, -1, 1], 10 / 16),
    ],
)
def test_sign_flip_p_by_hand(differences: list[float], p: float | None) -> None:
    assert sign_flip_p(differences, 0) == p


def test_sign_flip_p_of_many_differences_has_the_smallest_value_that_draws_allow() -> None:
    assert sign_flip_p([1.0] * 100, 0) == 1 / (PERMUTATIONS + 1)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-4, 4), max_size=20), st.integers(0, 3))
def test_sign_flip_p_is_the_same_from_either_side(differences: list[int], seed: int) -> None:
    found = sign_flip_p(differences, seed)
    assert found == sign_flip_p([-value for value in differences], seed)
    assert found is None if not differences else 0 < (found or 0) <= 1


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_exact_sign_flip_p_counts_every_sign(differences: list[int]) -> None:
    signs = itertools.product((1, -1), repeat=len(differences))
    sums = [abs(sum(sign * value for sign, value in zip(row, differences, strict=True))) for row in signs]
    assert sign_flip_p(differences, 0) == pytest.approx(sum(item >= abs(sum(differences)) for item in sums) / len(sums))


def test_holm_by_hand() -> None:
    # Holm's steps: 0.01 x 4, 0.02 x 3, max(0.03 x 2, 0.06), max(0.04 x 1, 0.06).
    assert holm([0.04, None, 0.01, 0.03, 0.02]) == pytest.approx([0.06, None, 0.04, 0.06, 0.06], nan_ok=False)
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@settings(max_examples=20)
@given(st.lists(st.sampled_from([-2.0, -1.0, 1.0, 2.0]), min_size=14, max_size=16))
def test_draws_come_near_the_p_of_all_signs(differences: list[float]) -> None:
    total = abs(sum(differences))
    sums = [abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
            for signs in itertools.product((-1, 1), repeat=len(differences))]  # fmt: skip
    exact = sum(value >= total for value in sums) / len(sums)
    assert sign_flip_p(differences, 0) == pytest.approx(exact, abs=0.03)


def test_sign_flip_p_of_a_hundred_thousand_differences_is_there() -> None:
    found = sign_flip_p([1.0, -1.0] * 50_000, 0)
    assert found == 1.0


@given(st.integers(0, 13), st.integers(0, 13))
def test_mcnemars_test_is_the_one_by_sign_flips_with_all_the_signs(first: int, second: int) -> None:
    from scipy.stats import binomtest

    p = mcnemar_p(first, second)
    if first + second:
        assert p == pytest.approx(float(binomtest(first, first + second).pvalue))
    if first + second <= 13:
        assert p == pytest.approx(sign_flip_p([1.0] * first + [-1.0] * second + [0.0], 0))


def test_mcnemars_test_of_many_pairs_is_exact() -> None:
    assert mcnemar_p(0, 0) == 1.0
    assert mcnemar_p(0, 20) == 2 / 2**20
    assert mcnemar_p(3_000, 3_000) == 1.0
    assert mcnemar_p(0, 5_000) == 0.0
