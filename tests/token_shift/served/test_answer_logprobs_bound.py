"""The divergence that a few tokens prove: never more than there is, all of it when all are known, more with each token."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.token_shift.served.answer_logprobs import kl_lower_bound

VOCABULARY = 7
NAN = float("nan")


def distributions(positions: int) -> st.SearchStrategy[np.ndarray]:
    """Logits of some positions, from flat to nearly certain."""
    logits = st.lists(st.floats(-40, 40), min_size=positions * VOCABULARY, max_size=positions * VOCABULARY)
    return logits.map(lambda found: np.array(found).reshape(positions, VOCABULARY))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def exact(aligned: np.ndarray, base: np.ndarray) -> np.ndarray:
    return np.asarray((np.exp(aligned) * (aligned - base)).sum(1))


def bound(base: np.ndarray, aligned: np.ndarray, known: list[int], emitted: int | None = None) -> np.ndarray:
    """By the candidates ``known``, and the token that is emitted if it is none of them."""
    last = base[:, emitted] if emitted is not None else np.full(len(base), NAN)
    there = aligned[:, emitted] if emitted is not None else np.full(len(base), NAN)
    return kl_lower_bound(base[:, known], last, np.concatenate([aligned[:, known], there[:, None]], axis=1))


@given(distributions(3), distributions(3), st.permutations(range(VOCABULARY)))
def test_the_bound_is_below_the_divergence_and_grows_with_what_is_known(
    left: np.ndarray, right: np.ndarray, order: list[int]
) -> None:
    base, aligned = log_softmax(left), log_softmax(right)
    divergence = exact(aligned, base)
    bounds = [bound(base, aligned, order[:count]) for count in range(VOCABULARY + 1)]
    assert (bounds[0] == 0).all()
    for fewer, more in pairwise(bounds):
        assert (fewer <= more + 1e-9).all()
    assert (bounds[-1] <= divergence + 1e-9).all()
    np.testing.assert_allclose(bounds[-1], divergence, rtol=0, atol=1e-9)


@given(distributions(2), distributions(2), st.permutations(range(VOCABULARY)), st.integers(0, VOCABULARY - 1))
def test_the_emitted_token_counts_as_any_other(
    left: np.ndarray, right: np.ndarray, order: list[int], count: int
) -> None:
    base, aligned = log_softmax(left), log_softmax(right)
    emitted = order[count]
    apart = bound(base, aligned, order[:count], emitted)
    np.testing.assert_allclose(apart, bound(base, aligned, order[: count + 1]), rtol=0, atol=1e-12)


@given(distributions(2), distributions(2))
def test_numbers_rounded_to_float32_move_it_no_further_than_that(left: np.ndarray, right: np.ndarray) -> None:
    base, aligned = (log_softmax(item).astype(np.float32).astype(float) for item in (left, right))
    divergence = exact(log_softmax(right), log_softmax(left))
    for count in range(VOCABULARY + 1):
        found = bound(base, aligned, list(range(count)))
        assert np.isfinite(found).all()
        assert (found <= divergence + 1e-4).all()


def test_positions_have_candidates_of_their_own() -> None:
    base = np.log([[0.5, 0.25], [0.5, 0.25], [0.5, 0.5]])
    base[1, 1] = NAN
    there = np.log([[0.25, 0.5, 0.1], [0.25, 0.5, 0.1], [0.25, 0.75, 0.1]])
    emitted = np.array([np.log(0.125), NAN, NAN])
    found = kl_lower_bound(base, emitted, there)
    assert found.dtype == np.float64
    rest = 1e-6
    np.testing.assert_allclose(
        found,
        [
            0.25 * np.log(0.5) + 0.5 * np.log(2) + 0.1 * np.log(0.8) + 0.15 * np.log(0.15 / (0.125 + rest)),
            0.25 * np.log(0.5) + 0.75 * np.log(0.75 / (0.5 + rest)),
            0.25 * np.log(0.5) + 0.75 * np.log(1.5),
        ],
        rtol=0,
        atol=1e-12,
    )


def test_what_rounding_leaves_of_nothing_is_nothing() -> None:
    # A little more than 1 on either side, and nothing on one.
    more = np.log([[0.7000001, 0.3000001]])
    there = np.log([[0.4, 0.6, 1.0]])
    none = np.array([NAN])
    expected = 0.4 * np.log(0.4 / 0.7) + 0.6 * np.log(2)
    assert kl_lower_bound(more, none, there)[0] == pytest.approx(expected, abs=1e-5)
    assert kl_lower_bound(there[:, :2], none, np.concatenate([more, [[NAN]]], axis=1))[0] >= 0
    # The aligned model gives nothing where nothing is known, and nothing to a token that is.
    some = np.array([[np.log(0.5), -np.inf, NAN]])
    assert np.isfinite(kl_lower_bound(np.log([[0.5, 0.1]]), none, some)).all()
    # What the base model says of a probability of 0, as servers write it.
    assert kl_lower_bound(np.array([[-9999.0]]), none, np.array([[np.log(0.5), NAN]]))[0] > 4_000
    assert kl_lower_bound(np.zeros((0, 5)), np.zeros(0), np.zeros((0, 6))).shape == (0,)


@pytest.mark.parametrize(
    ("base", "emitted", "there", "message"),
    [
        ([[-1.0, -2.0]], [-3.0], [[-1.0, -2.0]],
         "(1, 3) logarithms of the base model, and (1, 2) of the aligned one"),
        ([[-1.0, 0.5]], [-3.0], [[-1.0, -2.0, -3.0]], "a logarithm of a probability is above 0"),
        ([[-0.1, -2.0]], [-0.1], [[-1.0, -2.0, -1.0]], "probabilities add up to 1.945: is a token there twice?"),
    ],
)  # fmt: skip
def test_what_are_no_probabilities_are_refused(base: Any, emitted: Any, there: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        kl_lower_bound(np.array(base), np.array(emitted), np.array(there))
    assert str(caught.value) == message
