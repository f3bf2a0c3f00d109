"""Tests of all pairs against those of two systems, one at a time, and against all signs."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from urial.experiments.leaderboard.pairs import BOUND, FEW, Scores, holm_of_pairs, p_values
from urial.records.judgment import ASPECTS
from urial.statistics.bootstrap import Bootstrap, Floats
from urial.statistics.paired import PERMUTATIONS, paired_differences

SCORE = st.none() | st.integers(1, 5).map(float)


def every(scores: Scores, seed: int = 0) -> dict[tuple[int, int], float]:
    """The p-value of each pair."""
    found = p_values(scores, 1, seed)
    assert np.array_equal(found, found.T, equal_nan=True)
    return {(one, other): float(found[one, other]) for one, other in combinations(range(len(found)), 2)}


def one_by_one(values: Floats) -> Mapping[tuple[int, int], float | None]:
    """What the tests of a report say of the average of six aspects."""
    systems = {
        f"s{number}": dict(zip(ASPECTS, (column(row) for row in rows), strict=True))
        for number, rows in enumerate(values)
    }
    tests = paired_differences(systems, Bootstrap(0, 0.95, 0))
    return {(int(row.first[1:]), int(row.second[1:])): row.p for row in tests if row.aspect == "average"}


def column(row: Floats) -> list[float | None]:
    return [None if math.isnan(value) else float(value) for value in row]


def six(systems: int, instructions: int) -> st.SearchStrategy[Floats]:
    size = systems * 6 * instructions
    return st.lists(SCORE, min_size=size, max_size=size).map(
        lambda flat: np.array(flat, float).reshape(systems, 6, instructions)
    )


@given(st.integers(1, 12).flatmap(lambda instructions: six(3, instructions)))
@settings(deadline=None, max_examples=60)
def test_few_instructions_are_tested_exactly_as_in_a_report(values: Floats) -> None:
    expected = one_by_one(values)
    for pair, p in every(Scores(values)).items():
        # Without a difference in each of the six there is no test.
        assert p == pytest.approx(expected[pair], abs=1e-12) if pair in expected else math.isnan(p)


def random_scores(systems: int, instructions: int, seed: int = 0, better: float = 0.3, missing: float = 0.05) -> Scores:
    """The first system is the best; some scores are missing."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, 1, instructions)
    quality = better * np.arange(systems)[::-1, None, None]
    values = np.clip(np.round(2 + quality + hard + rng.normal(0, 1, (systems, 6, instructions))), 1, 5)
    values[rng.random(values.shape) < missing] = np.nan
    return Scores(values)


def test_many_instructions_are_tested_as_in_a_report_within_what_draws_can_tell() -> None:
    scores = random_scores(6, 120, better=0.06)
    expected = one_by_one(scores.values)
    found = every(scores)
    close = [pair for pair, p in found.items() if 1e-3 < p < 0.1]
    assert len(close) > 2
    for pair in close:
        p = expected[pair]
        assert p is not None
        assert abs(found[pair] - p) < 6 * math.sqrt(p * (1 - p) / PERMUTATIONS)


def test_a_pair_has_its_p_value_whatever_stands_beside_it() -> None:
    scores = random_scores(5, 60, better=0.1)
    found = every(scores)
    for one, other in combinations(range(5), 2):
        assert every(Scores(scores.values[[one, other]])) == {(0, 1): found[one, other]}
    assert every(scores, seed=1) != found == every(scores)


@given(st.lists(st.integers(-4, 4).filter(bool), min_size=1, max_size=12))
@settings(deadline=None, max_examples=100)
def test_the_bound_holds_for_all_signs(differences: list[int]) -> None:
    sums = [abs(sum(signed)) for signed in product(*((size, -size) for size in differences))]
    exact = sum(total >= abs(sum(differences)) for total in sums) / len(sums)
    size = abs(sum(differences)) / math.sqrt(2 * sum(value**2 for value in differences))
    assert exact <= BOUND * math.erfc(size) * (1 + 1e-12)


def test_the_bound_is_reached_by_two_equal_differences() -> None:
    # Theorem 1.1 of the paper has the smallest constant: 1/2 is the chance that two signs agree.
    assert BOUND * math.erfc(1) == pytest.approx(0.5)


def test_a_p_value_can_be_smaller_than_a_draw_can_tell() -> None:
    values = np.full((2, 6, 40), 3.0)
    values[0] += 1
    assert every(Scores(values))[0, 1] == pytest.approx(BOUND * math.erfc(math.sqrt(20)), rel=1e-9)
    # 2 ** 40 signs, of which 2 are as extreme.
    assert 2.0**-39 < every(Scores(values))[0, 1] < 1e-8


@pytest.mark.parametrize("pooled", [False, True])
def test_small_p_values_are_bounds_of_the_parts_of_plain_loops(pooled: bool) -> None:
    scores = Scores(random_scores(4, 80, better=1.5, missing=0.1).values, pooled)
    found = every(scores)
    assert sum(p < 1e-4 for p in found.values()) >= 3
    for (one, other), p in found.items():
        parts = plain_parts(scores.values[one], scores.values[other], pooled)
        if p < 1e-4:
            size = abs(sum(parts)) / math.sqrt(2 * sum(part**2 for part in parts))
            assert p == pytest.approx(BOUND * math.erfc(size), rel=1e-6)


def plain_parts(ours: Floats, theirs: Floats, pooled: bool) -> list[float]:
    differences = [
        [a - b for a, b in zip(*rows, strict=True) if not math.isnan(a - b)] for rows in zip(ours, theirs, strict=True)
    ]
    total = sum(map(len, differences))
    weights = [1 / total if pooled else 1 / (len(row) * len(differences)) for row in differences]
    return [
        sum(
            weight * (a - b)
            for weight, a, b in zip(weights, ours[:, place], theirs[:, place], strict=True)
            if not math.isnan(a - b)
        )
        for place in range(ours.shape[1])
    ]


def naive(differences: Sequence[float]) -> float:
    """All signs of so few differences that they can be tried."""
    observed = abs(sum(differences))
    sums = [abs(sum(signed)) for signed in product(*((value, -value) for value in differences))]
    return sum(total >= observed - 1e-9 for total in sums) / len(sums)


def test_few_differences_among_many_instructions_are_tested_exactly() -> None:
    values = np.full((2, 6, 500), 3.0)
    values[0, :, :FEW] += np.arange(FEW) % 3
    differences = [float(number % 3) for number in range(FEW) if number % 3]
    assert every(Scores(values))[0, 1] == pytest.approx(naive(differences))


def test_systems_that_never_differ_have_the_p_value_1_and_those_without_a_common_instruction_none() -> None:
    values = np.full((3, 1, 30), 3.0)
    values[0, 0, :15] = np.nan
    values[2, 0, 15:] = np.nan
    assert every(Scores(values)) == pytest.approx({(0, 1): 1.0, (0, 2): math.nan, (1, 2): 1.0}, nan_ok=True)
    corrected = holm_of_pairs(Scores(values), 0.05, 0)
    assert np.isnan(corrected[0, 2])
    assert np.isnan(np.diag(corrected)).all()
    assert corrected[0, 1] == corrected[1, 0] == 1.0


def test_all_turns_pooled_weigh_each_score_alike() -> None:
    # Differences of the first turn 1, 1; of the second 4 on one instruction alone: 5/3 and 1/3 of the pooled difference.
    values = np.array([[[2.0, 2.0], [5.0, np.nan]], [[1.0, 1.0], [1.0, 2.0]]])
    assert every(Scores(values, pooled=True)) == {(0, 1): 0.5}
    assert Scores(values, pooled=True).weights(np.array([2.0, 1.0])).tolist() == [1 / 3, 1 / 3]
    assert Scores(values).weights(np.array([2.0, 1.0])).tolist() == [1 / 4, 1 / 2]


def test_more_pairs_than_draws_could_tell_apart_are_told_apart() -> None:
    # 780 pairs: corrected, the smallest p-value of 9,999 draws is 0.078.
    scores = random_scores(40, 200, better=0.1, missing=0.02)
    corrected = holm_of_pairs(scores, 0.05, 0)
    assert (corrected < 0.05).mean() > 0.5
    assert not (np.diag(corrected, 1) < 0.05).all()


def test_what_is_not_drawn_could_not_be_below_the_level() -> None:
    scores = random_scores(50, 60, better=0.03, missing=0.02)
    kept, drawn = p_values(scores, 0.05, 0), p_values(scores, 1, 0)
    assert (np.triu(drawn >= 1e-4, 1)).sum() > 500
    assert not np.array_equal(kept, drawn, equal_nan=True)
    assert (kept[drawn < 1e-4] == drawn[drawn < 1e-4]).all()
    levels = [holm_of_pairs(scores, level, 0) < 0.05 for level in (0.05, 1)]
    assert np.array_equal(levels[0], levels[1])
    assert levels[0].any()


def test_null_systems_are_seldom_told_apart() -> None:
    false = sum(
        bool((holm_of_pairs(random_scores(6, 40, seed=seed, better=0), 0.05, seed) < 0.05).any()) for seed in range(60)
    )
    assert false <= 8
