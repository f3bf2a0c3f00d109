"""Means and ratios with bootstrap intervals over instructions, and agreement of two judges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from urial.records.estimate import Estimate
from urial.records.params.file import ReportParams

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
# One value an instruction.
Column = Sequence[float] | Floats

# Draws held at a time. The generator's stream depends on it, and so does every interval.
DRAWS = 2_000_000
# The fields of an Estimate, its own mean and the ends of its interval.
INTERVAL = ("low", "high")
ESTIMATED = ("mean", *INTERVAL)


@dataclass(frozen=True)
class Bootstrap:
    """Percentile bootstrap (Efron and Tibshirani 1993, chapter 13), resampling instructions.

    Nearly every statistic is a ratio of sums over instructions, or a mean of such ratios. So a resample is its sums, which
    ``sums`` makes of many columns at once, and ``estimates`` reads intervals off the statistics of the resamples. The tokens of one
    answer are not independent, answers are: what is drawn are answers. With 0 resamples there are means only.
    """

    resamples: int
    confidence: float
    seed: int

    @classmethod
    def from_params(cls, params: ReportParams) -> "Bootstrap":
        """The bootstrap that params.yaml asks for."""
        return cls(params.resamples, params.confidence, params.seed)

    def interval_text(self, unit: str) -> str:
        """How an end of an interval is made, resampling ``unit``."""
        return (
            f"its {100 * self.confidence:g} % percentile bootstrap interval, {self.resamples:,} resamples of {unit}, "
            f"seed {self.seed}"
        )

    def mean(self, values: Sequence[float]) -> Estimate:
        """Mean of one value an instruction."""
        sums = self._sums_in_order(np.array([values], float))
        # Each resample has as many values as there are.
        return self.estimates(ratio(sums, np.float64(len(values))))[0]

    def ratio(self, numerators: Column, denominators: Column) -> Estimate:
        """Sum of numerators over sum of denominators, one pair an instruction."""
        return self.ratios([(numerators, denominators)])[0]

    def ratios(self, pairs: Sequence[tuple[Column, Column]]) -> list[Estimate]:
        """``ratio`` of each pair of columns, the same bits; of many answers most of the work is the draws, which these share."""
        return self.estimates(self._ratios(pairs)) if pairs else []

    def exp_ratio(self, numerators: Column, denominators: Column) -> Estimate:
        """exp of that ratio, of each resample's too."""
        return self.estimates(np.exp(self._ratios([(numerators, denominators)])))[0]

    def _ratios(self, pairs: Sequence[tuple[Column, Column]]) -> Floats:
        """The ratio of the instructions themselves, and of each resample: (1 + resamples, pairs)."""
        columns = [np.asarray(column, float) for pair in pairs for column in pair]
        # Many are over the same positions: equal columns are added up once.
        names = [column.tobytes() for column in columns]
        distinct = dict(zip(names, columns, strict=True))
        place = {name: place for place, name in enumerate(distinct)}
        sums = self._sums_in_order(np.array(list(distinct.values())))[:, [place[name] for name in names]]
        return ratio(sums[:, ::2], sums[:, 1::2])

    def mean_of_means(self, columns: Sequence[Sequence[float | None]]) -> Estimate:
        """Mean of the columns' means; a column has one value or None an instruction, all in the same order."""
        values = np.array(columns, float)
        known = ~np.isnan(values)
        # Of a column without a gap each resample has as many values as there are.
        gaps = ~known.all(axis=1)
        sums = self._sums_in_order(np.concatenate([np.where(known, values, 0.0), known[gaps]]))
        counts = np.full((len(sums), len(columns)), float(values.shape[1]))
        counts[:, gaps] = sums[:, len(columns) :]
        means = ratio(sums[:, : len(columns)], counts)
        return self.estimates(means.T.mean(axis=0)[:, None])[0]

    def sums(self, columns: Floats) -> Floats:
        """Sums over answers, (answers, k) -> (1 + resamples, k): first of the answers themselves, then of each resample.

        Of fewer than two answers there is no resample. A sum over draws is a product with how often each answer is drawn, which is
        exact for whole numbers; the last bits of others depend on the processor.
        """
        return self.sums_of([columns])[0]

    def sums_of(self, matrices: Sequence[Floats]) -> list[Floats]:
        """``sums`` of each of several of the same answers, the same bits: the draws are shared, each has products of its own."""
        found = [[columns.sum(axis=0, keepdims=True)] for columns in matrices]
        for count in self.counts(len(matrices[0]) if matrices else 0):
            for sums, columns in zip(found, matrices, strict=True):
                sums.append(count @ columns)
        return [np.concatenate(sums) for sums in found]

    def counts(self, answers: int) -> Iterator[Floats]:
        """How often each answer is drawn, (resamples, answers) in blocks, for statistics that are no ratio of sums."""
        for drawn in self._draws(answers):
            # Each row of draws counts in a row of its own.
            places = (drawn + answers * np.arange(len(drawn))[:, None]).ravel()
            yield np.bincount(places, minlength=drawn.size).reshape(drawn.shape).astype(np.float64)

    def _sums_in_order(self, columns: Floats) -> Floats:
        """The same of (k, answers), for few columns: numbers are added in the order drawn, so that any processor gives the same bits."""
        drawn = [
            np.stack([column[draws].sum(axis=-1) for column in columns], axis=1)
            for draws in self._draws(columns.shape[1])
        ]
        return np.concatenate([columns.sum(axis=-1)[None], *drawn])

    def _draws(self, answers: int) -> Iterator[Integers]:
        """Indices of the answers of each resample, (resamples, answers) in blocks."""
        if answers < 2 or not self.resamples:
            return
        if self.resamples * answers <= DRAWS:
            yield _one_block(self.seed, self.resamples, answers)
            return
        rng = np.random.default_rng(self.seed)
        step = max(1, DRAWS // answers)
        for start in range(0, self.resamples, step):
            yield rng.integers(0, answers, (min(step, self.resamples - start), answers))

    def estimates(self, values: Floats, undefined: float = 0.0) -> list[Estimate]:
        """Percentile intervals of statistics of sums: (1 + resamples, k), NaN where a resample has no value.

        Up to the share ``undefined`` of such resamples is left out; with more of them there is no interval.
        """
        if len(values) < 2:
            return [Estimate(mean=_number(value), low=None, high=None) for value in values[0]]
        resampled = np.sort(values[1:], axis=0)  # NaN last
        defined = np.isfinite(resampled).sum(axis=0)
        known = (defined >= (1 - undefined) * len(resampled)) & np.isfinite(values[0])
        tail = (1 - self.confidence) / 2
        low, high = (_percentile(resampled, defined, share) for share in (tail, 1 - tail))
        return [
            Estimate(mean=_number(mean), low=_number(ends[0]), high=_number(ends[1]))
            for mean, *ends in zip(values[0], np.where(known, low, np.nan), np.where(known, high, np.nan), strict=True)
        ]


@lru_cache(maxsize=4)
def _one_block(seed: int, resamples: int, answers: int) -> Integers:
    """The draws of a bootstrap that are held at once; many figures in a row are of the same answers, and so of the same draws."""
    draws = np.random.default_rng(seed).integers(0, answers, (resamples, answers))
    draws.flags.writeable = False
    return draws


def ratio(top: Floats, bottom: "Floats | np.float64") -> Floats:
    """top / bottom, NaN where the bottom is 0."""
    top, bottom = np.broadcast_arrays(top, bottom)
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom != 0))


def _percentile(ordered: Floats, defined: Integers, share: float) -> Floats:
    """The quantile of the first ``defined`` values of each column, by linear interpolation (Hyndman and Fan 1996, type 7)."""
    position = share * defined + (1 - share)  # counted from 1
    below = np.clip(np.floor(position).astype(np.int64) - 1, 0, np.maximum(defined - 1, 0))
    above = np.clip(below + 1, 0, np.maximum(defined - 1, 0))
    part, columns = position % 1, np.arange(ordered.shape[1])
    return np.asarray((1 - part) * ordered[below, columns] + part * ordered[above, columns])


def _number(value: float) -> float | None:
    """A finite number or None: a resample that missed every value leaves no interval."""
    return float(value) if np.isfinite(value) else None


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Spearman's rank correlation, ties sharing their mean rank; None where one side is constant."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson's linear correlation; None where one side is constant."""
    if len(set(first)) < 2 or len(set(second)) < 2:
        return None
    from scipy.stats import pearsonr

    return float(pearsonr(first, second).statistic)


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
