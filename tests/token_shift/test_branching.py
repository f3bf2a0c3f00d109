"""The branching factor against a naive reference in float64."""

from collections.abc import Mapping, Sequence
from math import exp
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import BOOTSTRAP, served, table_of, token
from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures.branching import branching_curve, relative_branching_curve
from urial.token_shift.figures.positions import FEWEST_ANSWERS
from urial.token_shift.figures.summary import summarize

ENTROPIES = st.floats(0, 12, width=32) | st.none()
MEANS_ONLY = Bootstrap(0, 0.95, 0)


def measured(answers: Mapping[str, Sequence[float | None]], column: str = "base_entropy") -> Any:
    """A table of tokens of which one entropy matters."""
    return table_of({name: [{**token(1), column: value} for value in values] for name, values in answers.items()})


def factors(answers: Mapping[str, Sequence[float | None]]) -> Any:
    return summarize(measured(answers), None, BOOTSTRAP).branching


def test_it_is_exp_of_the_mean_over_all_positions_so_that_an_answer_counts_by_its_tokens() -> None:
    found = factors({"a": [2.0, 0.0, 1.0], "b": [3.0]})["base"]
    assert found.mean == pytest.approx(exp(6 / 4))
    assert found.positions == 4
    # All resamples are of a, of b, or of both.
    assert [found.low, found.high] == pytest.approx([exp(1), exp(3)])


def test_both_models_have_one_and_the_aligned_ones_is_of_its_own_entropies() -> None:
    found = summarize(measured({"a": [0.0], "b": [0.0]}, "aligned_entropy"), None, BOOTSTRAP).branching
    # A sure model has one next token.
    assert [found["aligned"].mean, found["base"].mean] == pytest.approx([1.0, exp(1)])


def test_what_is_not_known_is_in_no_mean_and_without_any_there_is_no_factor() -> None:
    found = factors({"a": [2.0, None], "b": [None, None, None]})
    assert found["base"].mean == pytest.approx(exp(2))
    assert found["base"].positions == 1
    assert set(factors({"a": [None]})) == {"aligned"}
    nothing = summarize(table_of({"a": [served(1)]}), None, BOOTSTRAP)
    assert nothing.branching == {}
    assert "branching" not in nothing.model_dump()
    assert summarize(table_of({}), None, BOOTSTRAP).branching == {}


@given(st.lists(st.lists(ENTROPIES, min_size=1, max_size=6), min_size=1, max_size=8))
def test_it_equals_a_naive_reference_in_float64(answers: list[list[float | None]]) -> None:
    found = factors({str(number): values for number, values in enumerate(answers)})
    known = [np.float64(value) for values in answers for value in values if value is not None]
    assert ("base" in found) == bool(known)
    if known:
        assert found["base"].mean == pytest.approx(float(np.exp(sum(known) / len(known))), rel=1e-12)
        assert found["base"].positions == len(known)
        low, high = found["base"].low, found["base"].high
        assert low is None or high is None or 1 <= low <= high <= exp(12) * (1 + 1e-9)


def test_the_interval_is_of_answers() -> None:
    answers = {str(number): [float(number % 3)] * (1 + number) for number in range(20)}
    found = factors(answers)["base"]
    rng = np.random.default_rng(0)
    draws = rng.integers(0, 20, (BOOTSTRAP.resamples, 20))
    sums, counts = (np.array([f(values) for values in answers.values()]) for f in (sum, len))
    resampled = np.exp(sums[draws].sum(axis=1) / counts[draws].sum(axis=1))
    assert [found.low, found.high] == pytest.approx(np.quantile(resampled, [0.025, 0.975]))


def test_a_curve_has_the_factor_at_each_position_and_in_each_tenth() -> None:
    answers = {f"x{number}": [3.0, float(number % 2)] for number in range(FEWEST_ANSWERS)} | {"y": [0.0, None]}
    table = measured(answers)
    points = branching_curve(table, "base", MEANS_ONLY)
    assert [(point.index, point.answers, point.positions) for point in points] == [(0, 6, 6), (1, 5, 5)]
    assert [point.branching.mean for point in points] == [pytest.approx(exp(15 / 6)), pytest.approx(exp(2 / 5))]
    tenths = relative_branching_curve(table, "base", MEANS_ONLY)
    assert [(point.index, point.branching.mean) for point in tenths] == [
        (2, points[0].branching.mean), (7, points[1].branching.mean),
    ]  # fmt: skip


def test_a_curve_of_nothing_is_empty() -> None:
    few = measured({f"x{number}": [1.0] for number in range(FEWEST_ANSWERS - 1)})
    unknown = table_of({f"x{number}": [served(1)] for number in range(9)})
    assert branching_curve(few, "base", BOOTSTRAP) == relative_branching_curve(unknown, "aligned", BOOTSTRAP) == []
    assert branching_curve(table_of({}), "base", BOOTSTRAP) == []
