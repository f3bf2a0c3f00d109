"""The minimum is told by its own conditions: no other solver is asked."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from urial.statistics.penalized_logistic import Floats, Problems, fit, log_loss, sigmoid


def problems(seed: int, rows: int, strengths: list[float]) -> Problems:
    """Random features and shares; some rows do not count."""
    rng = np.random.default_rng(seed)
    features = [np.tanh(rng.normal(size=(1, rows))), rng.normal(size=(1, rows)), np.ones((1, rows))]
    weights = rng.choice([0.0, 0.1, 1.0, 3.0], size=(len(strengths), rows))
    targets = rng.choice([0.0, 1.0, 0.5, rng.uniform()], size=(1, rows))
    return Problems(features, targets, weights, np.array(strengths))


def slack(found: Problems, coefficients: Floats) -> float:
    """By how much the conditions of a minimum are missed: a gradient of -sign / C, or within 1 / C where it is 0."""
    gradient, _ = found.slopes(coefficients)
    bound = 1 / found.strengths[:, None]
    at_zero = np.maximum(np.abs(gradient) - bound, 0)
    elsewhere = np.abs(gradient + np.sign(coefficients) * bound)
    return float(np.where(np.abs(coefficients) < 1e-12, at_zero, elsewhere).max())


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 60), st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=4))
def test_a_fit_is_the_minimum(seed: int, rows: int, strengths: list[float]) -> None:
    found = problems(seed, rows, strengths)
    assert slack(found, fit(found)) < 1e-5


def test_fits_made_at_once_are_those_made_alone_from_wherever_they_start() -> None:
    together = problems(3, 40, [0.01, 1.0, 100.0])
    found = fit(together)
    for place, strength in enumerate((0.01, 1.0, 100.0)):
        alone = Problems(together.features, together.targets, together.weights[[place]], np.array([strength]))
        np.testing.assert_allclose(fit(alone)[0], found[place], atol=1e-8)
        np.testing.assert_allclose(fit(alone, np.array([[2.0, -1.0, 3.0]]))[0], found[place], atol=1e-8)


def test_a_strong_penalty_leaves_nothing_and_separable_rows_stay_finite() -> None:
    features = [np.array([[-1.0, -1.0, 1.0, 1.0]])]
    targets, weights = np.array([[0.0, 0.0, 1.0, 1.0]]), np.ones((2, 4))
    none, some = fit(Problems(features, targets, weights, np.array([0.25, 100.0])))[:, 0]
    # Four rows pull with 1/2 each, so nothing moves while 1 / C is more than 2.
    assert none == 0
    # The gradient 4 C / (1 + exp(w)) is 1 at the minimum.
    assert some == pytest.approx(math.log(4 * 100 - 1), abs=1e-9)


def test_a_feature_without_variation_and_rows_without_weight() -> None:
    zero = Problems([np.zeros((1, 3)), np.ones((1, 3))], np.array([[1.0, 1.0, 0.0]]), np.ones((1, 3)), np.array([1e4]))
    length, strength = fit(zero)[0]
    assert (length, round(float(strength), 3)) == (0, 0.693)
    empty = Problems([np.ones((1, 2))], np.array([[1.0, 0.0]]), np.zeros((1, 2)), np.array([1.0]))
    assert fit(empty)[0, 0] == 0


def test_large_logits_do_not_overflow() -> None:
    with np.errstate(all="raise", under="ignore"):
        assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
        assert log_loss(np.array([-1e4, 1e4]), np.array([0.0, 0.5])).tolist() == [0.0, 5_000.0]
