"""Means and ratios with bootstrap intervals over instructions, paired tests, and agreement of two judges."""

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from urial.records.params.file import ReportParams
from urial.records.report import Estimate

Array = NDArray[np.float64]

# Sign flips tried of the many that there are; of 13 differences or fewer that are not 0, all are.
PERMUTATIONS = 9_999


@dataclass(frozen=True)
class Bootstrap:
    """Percentile bootstrap (Efron and Tibshirani 1993, chapter 13), resampling instructions.

    With 0 resamples, means alone: the same ones, without intervals.
    """

    resamples: int
    confidence: float
    seed: int

    @classmethod
    def from_params(cls, params: ReportParams) -> "Bootstrap":
        """The bootstrap that params.yaml asks for."""
        return cls(params.resamples, params.confidence, params.seed)

    def mean(self, values: Sequence[float]) -> Estimate:
        """Mean of one value an instruction."""
        return self.ratio(values, [1.0] * len(values))

    def ratio(self, numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
        """Sum of numerators over sum of denominators, one pair an instruction.

        A share of tokens is such a ratio: tokens of one answer are not independent, answers are.
        """
        return self._estimate([np.asarray(numerators, float), np.asarray(denominators, float)], _ratio)

    def mean_of_means(self, columns: Sequence[Sequence[float | None]]) -> Estimate:
        """Mean of the columns' means; a column has one value or None an instruction, all in the same order."""
        return self._estimate([np.asarray(column, float) for column in columns], _mean_of_means)

    def _estimate(self, samples: list[Array], statistic: Callable[..., Array]) -> Estimate:
        size = len(samples[0])
        mean = _number(statistic(*samples, axis=-1)) if size else None
        if mean is None or size < 2 or not self.resamples:
            return Estimate(mean=mean, low=None, high=None)
        from scipy.stats import DegenerateDataWarning, bootstrap

        with warnings.catch_warnings():
            # Its text is about another method; a resample without any value leaves no interval, see _number.
            warnings.simplefilter("ignore", DegenerateDataWarning)
            found = bootstrap(
                samples,
                statistic,
                paired=True,
                vectorized=True,
                method="percentile",
                n_resamples=self.resamples,
                confidence_level=self.confidence,
                batch=max(1, 2_000_000 // size),
                rng=np.random.default_rng(self.seed),
            ).confidence_interval
        return Estimate(mean=mean, low=_number(found.low), high=_number(found.high))


def _ratio(top: Array, bottom: Array, axis: int) -> Array:
    return _divide(top.sum(axis), bottom.sum(axis))


def _mean_of_means(*columns: Array, axis: int) -> Array:
    means = [_divide(np.nansum(column, axis), (~np.isnan(column)).sum(axis)) for column in columns]
    return np.asarray(np.mean(means, axis=0))


def _divide(top: Any, bottom: Any) -> Array:
    """top / bottom, NaN where the bottom is 0."""
    bottom = np.asarray(bottom, float)
    empty = np.full(bottom.shape, np.nan)
    return np.asarray(np.divide(top, bottom, out=empty, where=bottom != 0))


def _number(value: Any) -> float | None:
    """A finite number or None: a resample that missed every value leaves no interval."""
    return float(value) if np.isfinite(value) else None


def sign_flip_p(differences: Sequence[float], seed: int) -> float | None:
    """Two-sided p-value of a paired permutation test: are differences as likely to be negative as positive?

    One difference an instruction; their sum is compared with the sums under random signs (Good 2005, chapter 3).
    Exact where all the signs can be tried, else from ``PERMUTATIONS`` draws. None without any difference.
    """
    # Zeros have no sign: without them the sums are the same, and fewer signs are to be tried.
    values = np.asarray([value for value in differences if value], float)
    if len(values) < 2:
        # Either sign of a single difference is as far from 0.
        return 1.0 if differences else None
    observed = abs(values.sum())
    # Sums of the same differences in another order differ in their last bits.
    limit = observed - 1e-9 * max(1.0, observed)
    if 2 ** len(values) <= PERMUTATIONS:
        signs = np.asarray(list(itertools.product((-1.0, 1.0), repeat=len(values))))
        return float(np.mean(np.abs(signs @ values) >= limit))
    # Differences have few sizes: how many of each size are positive is all that counts.
    sizes, counts = np.unique(np.abs(values), return_counts=True)
    rng = np.random.default_rng(seed)
    beyond, step = 0, max(1, 2_000_000 // len(sizes))
    for start in range(0, PERMUTATIONS, step):
        positive = rng.binomial(counts, 0.5, (min(step, PERMUTATIONS - start), len(sizes)))
        beyond += int((np.abs((2 * positive - counts) @ sizes) >= limit).sum())
    return (1 + beyond) / (1 + PERMUTATIONS)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values corrected for their number (Holm 1979), in the order given; None, no test, stays None."""
    tests = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    corrected: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(tests):
        largest = max(largest, min(1.0, p * (len(tests) - rank)))
        corrected[index] = largest
    return corrected


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties sharing their mean rank; None where one side is constant."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def quadratic_kappa(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Cohen's kappa with quadratic weights (Cohen 1968) of two raters' scores, made whole by ``whole``.

    None where both raters give one and the same score throughout, or there is none: then chance alone agrees.
    """
    ours, theirs = whole(first), whole(second)
    size = len(ours)
    # Squared distances, n times the sum over pairs and the sum over all combinations: whole numbers, so exact.
    observed = size * int(((ours - theirs) ** 2).sum())
    expected = size * int((ours**2).sum() + (theirs**2).sum()) - 2 * int(ours.sum()) * int(theirs.sum())
    return 1 - observed / expected if expected else None


def whole(scores: Sequence[float]) -> NDArray[np.int64]:
    """Scores as whole numbers, halves rounded up."""
    return np.floor(np.asarray(scores, float) + 0.5).astype(np.int64)
