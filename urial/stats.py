"""Means and ratios with bootstrap intervals over instructions."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from urial.figures import Estimate
from urial.params import ReportParams

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Bootstrap:
    """Percentile bootstrap (Efron and Tibshirani 1993, chapter 13), resampling instructions."""

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
        from scipy.stats import DegenerateDataWarning, bootstrap

        size = len(samples[0])
        mean = _number(statistic(*samples, axis=-1)) if size else None
        if mean is None or size < 2:
            return Estimate(mean=mean, low=None, high=None)
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
