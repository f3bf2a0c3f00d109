"""Means of samples and their intervals, shares of variance and pass rates, against other ways to the same numbers."""

from itertools import combinations
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.experiments.probing.samples import means_of_samples, pass_at_k, pass_figures, variance_shares
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import Column

SCORES = st.one_of(st.none(), st.integers(1, 5).map(float), st.floats(1, 5))


@st.composite
def sampled(draw: st.DrawFn) -> list[Column]:
    """Samples of several instructions, values missing here and there."""
    instructions, samples = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    rows = st.lists(SCORES, min_size=instructions, max_size=instructions)
    return draw(st.lists(rows, min_size=samples, max_size=samples))


def test_a_mean_is_over_the_samples_that_have_a_value() -> None:
    assert means_of_samples([[1.0, None, 4.0], [2.0, None, None]]) == [1.5, None, 4.0]


@given(sampled())
def test_an_interval_is_of_instructions_drawn_with_all_of_their_samples(samples: list[Column]) -> None:
    bootstrap = Bootstrap(100, 0.9, 3)
    known = [[value for value in values if value is not None] for values in zip(*samples, strict=True)]
    known = [values for values in known if values]
    found = bootstrap.mean([mean for mean in means_of_samples(samples) if mean is not None])
    if len(known) < 2:
        assert (found.low, found.high) == (None, None)
        return
    draws = np.random.default_rng(3).integers(0, len(known), (100, len(known)))
    resampled = [sum(sum(known[i]) / len(known[i]) for i in draw) / len(draw) for draw in draws.tolist()]
    wanted = np.quantile(np.array(resampled, np.float64), [0.05, 0.95])
    assert [found.low, found.high] == pytest.approx(wanted, abs=1e-12)


def simulated(rng: np.random.Generator, between: float, within: float, instructions: int, samples: int) -> np.ndarray:
    """(samples, instructions) of a random effects model with these variances."""
    effects = rng.normal(0, sqrt(between), instructions)
    return effects + rng.normal(0, sqrt(within), (samples, instructions))


@pytest.mark.parametrize(("between", "within"), [(1.0, 1.0), (0.0, 1.0), (4.0, 1.0)])
def test_an_interval_is_as_wide_as_the_variance_of_instructions_and_samples(between: float, within: float) -> None:
    rng, instructions, samples = np.random.default_rng(0), 60, 4
    known, both_drawn = [], []
    for _ in range(150):
        values = simulated(rng, between, within, instructions, samples)
        (drawn,) = Bootstrap(400, 0.95, 0).counts(instructions)
        known.append(np.var(drawn @ np.array(means_of_samples(values.tolist())) / instructions))
        # The samples of each drawn instruction drawn, too.
        chosen = rng.integers(0, samples, (200, samples, instructions))
        where = rng.integers(0, instructions, (200, 1, instructions))
        both_drawn.append(np.var(values[chosen, where].mean(axis=(1, 2))))
    true = (between + within / samples) / instructions
    assert np.mean(known) == pytest.approx(true, rel=0.06)
    # What that counts twice.
    assert np.mean(both_drawn) == pytest.approx(true + within * (samples - 1) / samples**2 / instructions, rel=0.08)


@given(sampled())
def test_shares_of_variance_are_those_of_loops(samples: list[Column]) -> None:
    found = variance_shares(samples)
    groups = [[value for value in values if value is not None] for values in zip(*samples, strict=True)]
    groups = [values for values in groups if values]
    total = sum(len(values) for values in groups)
    assert (found.instructions, found.samples) == (len(groups), total)
    if len(groups) < 2 or total == len(groups):
        assert found.between_samples is found.between_instructions is None
        return
    means = [sum(values) / len(values) for values in groups]
    grand = sum(sum(values) for values in groups) / total
    within = sum((value - mean) ** 2 for values, mean in zip(groups, means, strict=True) for value in values)
    within /= total - len(groups)
    msb = sum(len(values) * (mean - grand) ** 2 for values, mean in zip(groups, means, strict=True)) / (len(groups) - 1)
    size = (total - sum(len(values) ** 2 for values in groups) / total) / (len(groups) - 1)
    between = max(0.0, (msb - within) / size)
    if found.between_samples is None:
        assert between + within == pytest.approx(0, abs=1e-9)
        return
    assert found.between_instructions is not None
    assert found.between_instructions + found.between_samples == pytest.approx(1)
    assert found.between_samples == pytest.approx(within / (between + within), rel=1e-6, abs=1e-9)


def test_known_parts_of_variance_are_found() -> None:
    values = simulated(np.random.default_rng(1), 3.0, 1.0, 3_000, 4)
    assert variance_shares(values.tolist()).between_samples == pytest.approx(0.25, abs=0.015)


@pytest.mark.parametrize(
    "samples", [[[3.0, 3.0], [3.0, 3.0]], [[1.0, 2.0]], [[1.0], [2.0]], [[None, 1.0], [None, 2.0]]]
)
def test_where_nothing_varies_or_too_little_is_known_there_is_no_share(samples: list[Column]) -> None:
    found = variance_shares(samples)
    assert (found.between_instructions, found.between_samples) == (None, None)


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))))
def test_pass_at_k_is_the_share_of_all_choices_that_have_a_pass(numbers: tuple[int, int, int]) -> None:
    samples, passed, k = numbers
    choices = list(combinations([True] * passed + [False] * (samples - passed), k))
    assert pass_at_k(samples, passed, k) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_pass_at_k_is_exact_for_many_samples() -> None:
    # The product form of the paper's code.
    assert pass_at_k(200, 7, 50) == pytest.approx(1 - float(np.prod(1.0 - 50 / np.arange(200 - 7 + 1, 200 + 1))))
    assert comb(5_000, 2_500) > 10**1_000
    assert pass_at_k(5_000, 1, 2_500) == 0.5


def test_pass_figures_are_over_instructions_of_which_every_sample_passes_or_fails() -> None:
    samples: list[list[bool | None]] = [
        [True, True, False, None],
        [True, False, False, True],
        [True, False, False, True],
    ]
    found = pass_figures("full marks", samples, Bootstrap(100, 0.95, 0))
    assert (found.instructions, found.left_out) == (3, 1)
    assert [at.k for at in found.at] == [1, 2, 3]
    assert [at.mean for at in found.at] == pytest.approx([4 / 9, 5 / 9, 2 / 3])
    assert found.every.mean == pytest.approx(1 / 3)


def test_without_an_instruction_there_is_no_pass_rate() -> None:
    found = pass_figures("full marks", [[None], [True]], Bootstrap(100, 0.95, 0))
    assert (found.instructions, found.left_out, found.at[0].mean, found.every.mean) == (0, 1, None, None)
