"""The bootstrap of urial.statistics.bootstrap over many figures at once: answers are drawn once, and all columns are summed together."""

from dataclasses import dataclass

import numpy as np

from urial.records.report import Estimate
from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures.positions import Floats, Integers

# Draws held at a time; the same as of Bootstrap, since the generator's stream depends on it.
DRAWS = 2_000_000


@dataclass(frozen=True)
class Resampling:
    """Cluster bootstrap: answers are resampled, not tokens, since the tokens of one answer are not independent.

    Draws and percentiles are those of Bootstrap.ratio, so of whole numbers both give the very same interval.
    """

    bootstrap: Bootstrap
    answers: int

    def sums(self, columns: Floats) -> Floats:
        """Sums over answers, (answers, k) -> (1 + resamples, k): first of the answers themselves, then of each resample.

        Of fewer than two answers there is no resample.
        """
        if self.answers < 2:
            return np.asarray(columns.sum(axis=0, keepdims=True))
        found = np.empty((1 + self.bootstrap.resamples, columns.shape[1]))
        found[0] = columns.sum(axis=0)
        rng = np.random.default_rng(self.bootstrap.seed)
        step = max(1, DRAWS // self.answers)
        for start in range(0, self.bootstrap.resamples, step):
            size = min(step, self.bootstrap.resamples - start)
            drawn = rng.integers(0, self.answers, (size, self.answers))
            drawn += self.answers * np.arange(size)[:, None]
            # How often each answer is drawn: a sum over draws is a product with these counts.
            counts = np.bincount(drawn.ravel(), minlength=size * self.answers).reshape(size, self.answers)
            found[1 + start : 1 + start + size] = counts.astype(np.float64) @ columns
        return found

    def estimates(self, values: Floats, undefined: float = 0.0) -> list[Estimate]:
        """Percentile intervals of statistics of ``sums``: (1 + resamples, k), NaN where a resample has no value.

        Up to the share ``undefined`` of such resamples is left out; with more of them there is no interval.
        """
        if len(values) < 2:
            return [Estimate(mean=_number(value), low=None, high=None) for value in values[0]]
        resampled = np.sort(values[1:], axis=0)  # NaN last
        defined = np.isfinite(resampled).sum(axis=0)
        enough = (defined >= (1 - undefined) * len(resampled)) & np.isfinite(values[0])
        tail = (1 - self.bootstrap.confidence) / 2
        low, high = (_percentile(resampled, defined, share) for share in (tail, 1 - tail))
        return [
            Estimate(
                mean=_number(mean), low=_number(ends[0]) if known else None, high=_number(ends[1]) if known else None
            )
            for mean, ends, known in zip(values[0], np.stack([low, high], axis=1), enough, strict=True)
        ]


def ratio(top: Floats, bottom: Floats) -> Floats:
    """top / bottom, NaN where the bottom is 0."""
    top, bottom = np.broadcast_arrays(top, bottom)
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0))


def _percentile(ordered: Floats, defined: Integers, share: float) -> Floats:
    """The quantile of the first ``defined`` values of each column, by linear interpolation (Hyndman and Fan 1996, type 7)."""
    place = share * defined + (1 - share)  # counted from 1
    below = np.clip(np.floor(place).astype(np.int64) - 1, 0, np.maximum(defined - 1, 0))
    above = np.clip(below + 1, 0, np.maximum(defined - 1, 0))
    part, columns = place % 1, np.arange(ordered.shape[1])
    return np.asarray((1 - part) * ordered[below, columns] + part * ordered[above, columns])


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
