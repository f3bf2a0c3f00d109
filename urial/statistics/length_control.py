"""The win rate with lengths held equal (Dubois et al. 2024, Length-Controlled AlpacaEval), for any set of instructions.

A logistic regression explains the preference on each instruction by

- the length difference, tanh of it over its standard deviation, which is 0 where both answers are equally long,
- how hard the instruction is to win on, where a reference knows,
- the system's strength, one number.

Then the length difference is set to 0. With *anchor runs* of a reference, in which the baseline was asked to be longer and to be
shorter, the coefficient of length is learned from these, too: they have no strength of their own, and count a tenth each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from urial.records.estimate import Estimate
from urial.records.win_rates import CitedReference, Join, LengthControl
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.penalized_logistic import Floats, Problems, fit, log_loss, sigmoid

# Strengths tried: ten values, evenly spaced as logarithms.
STRENGTHS: tuple[float, ...] = tuple(float(value) for value in np.logspace(-4, 4, 10))
FOLDS = 5
# 0.2 for the two anchor runs together.
ANCHOR_WEIGHT = 0.2 / 2
# Where fewer answers than this share are on one side or as long, equal lengths are hardly seen.
FEW = 0.05
# Length terms that differ by less are one.
ALIKE = 1e-6
# Numbers of a chunk of resamples that are fitted at once.
CHUNK = 500_000
DIGITS = 10


@dataclass(frozen=True)
class Anchors:
    """Answers of the baseline at other lengths, compared with its own; one entry a row of either run."""

    deltas: Floats  # over their standard deviation
    difficulties: Floats
    preferences: Floats


@dataclass(frozen=True)
class Compared:
    """What a fit reads of a system's rows, all in one order; NaN where a row has no verdict or no length."""

    preferences: Floats  # for the system, 0 to 1
    deltas: Floats  # characters of the baseline's answer minus those of the system's
    difficulties: Floats | None  # None: there is no reference

    @property
    def fitted(self) -> Floats:
        """1 for rows that have a verdict and a length, else 0."""
        return np.asarray((np.isfinite(self.preferences) & np.isfinite(self.deltas)).astype(float))


def why_not(rows: Compared, anchors: Anchors | None = None) -> str | None:
    """Why no length can be held equal; None where it can."""
    verdicts = np.isfinite(rows.preferences)
    if not verdicts.any():
        return "no row has a preference"
    if unknown := int((verdicts & ~np.isfinite(rows.deltas)).sum()):
        return f"lengths are not known of {unknown:,} rows with a preference"
    if verdicts.sum() < FOLDS:
        return f"fewer than {FOLDS} rows have a preference"
    seen = np.tanh(rows.deltas[verdicts] / (np.nanstd(rows.deltas) or 1.0))
    # Without anchor runs, what is the same everywhere cannot be told from the system's strength.
    if anchors is None and seen.all() and np.ptp(seen) < ALIKE:
        return "every answer is longer, or shorter, than the baseline's by about as much"
    return None


def length_control(
    rows: Compared,
    bootstrap: Bootstrap,
    *,
    regularization: float | None = None,
    anchors: Anchors | None = None,
    reference: CitedReference | None = None,
    join: Join | None = None,
) -> LengthControl:
    """The win rate at equal lengths of rows that ``why_not`` has nothing against, and how it came about.

    ``regularization`` None: C is chosen by cross-validation, over folds by place, so that the order of rows matters a little.
    Intervals refit the resamples of the rows at this C; the reference stays as it is.
    """
    chosen: Literal["given", "cross_validation"] = "cross_validation" if regularization is None else "given"
    design = _Design(rows, anchors)
    strength = design.cross_validated() if regularization is None else regularization
    coefficients = fit(design.problems(design.once, np.array([strength])))
    predicted = design.predicted(coefficients)[0]
    length, *others = (round(float(value), DIGITS) for value in coefficients[0])
    shorter, longer = int((rows.deltas > 0).sum()), int((rows.deltas < 0).sum())
    return LengthControl(
        form="length_controlled" if anchors else "length_adjusted",
        reference=reference,
        join=join,
        win_rate=_interval(design, strength, coefficients, bootstrap),
        spread=_rounded(100 * predicted.std(ddof=1) / np.sqrt(len(predicted))) if len(predicted) > 1 else None,
        regularization=float(strength),
        chosen=chosen,
        length=length,
        difficulty=others[0] if rows.difficulties is not None else None,
        strength=others[-1],
        verdicts=int(rows.fitted.sum()),
        shorter=shorter,
        longer=longer,
        extrapolated=min(shorter, longer) + int((rows.deltas == 0).sum()) < FEW * int(np.isfinite(rows.deltas).sum()),
        far_from_raw=is_far(100 * float(np.nanmean(rows.preferences)), 100 * float(predicted.mean())),
    )


def of_itself(reference: CitedReference | None, join: Join | None, verdicts: int) -> LengthControl:
    """A baseline against itself: 50 by definition, and nothing is fitted."""
    return LengthControl(
        form="length_controlled" if reference else "length_adjusted", reference=reference, join=join,
        win_rate=Estimate(mean=50.0, low=50.0, high=50.0), spread=0.0, regularization=None, chosen="not_fitted",
        length=0.0, difficulty=0.0 if reference else None, strength=0.0, verdicts=verdicts, shorter=0, longer=0,
        extrapolated=False, far_from_raw=False,
    )  # fmt: skip


def is_far(raw: float, controlled: float) -> bool:
    """Whether a controlled win rate is further from the raw one, in percent, than AlpacaEval lets pass without a warning."""
    too_low = controlled < min(raw - raw / 4, raw - 10)
    return too_low or controlled > max(raw + (100 - raw) / 4, raw + 10)


class _Design:
    """Anchor rows, then the system's, as the features, targets and weights of fits."""

    def __init__(self, rows: Compared, anchors: Anchors | None) -> None:
        none = np.zeros(0)
        self.rows = rows
        self.anchored = np.tanh(anchors.deltas) if anchors else none
        self.deltas = np.nan_to_num(rows.deltas)
        self.once = np.ones((1, len(rows.deltas)))
        self.known = np.isfinite(rows.deltas).astype(float)
        self.targets = np.concatenate([anchors.preferences if anchors else none, np.nan_to_num(rows.preferences)])[None]
        self.constant: Sequence[Floats] = []
        if rows.difficulties is not None:
            difficulties = np.concatenate([anchors.difficulties if anchors else none, rows.difficulties])
            self.constant.append(difficulties[None])
        # The strength is the system's own, and no anchor's.
        self.constant.append(np.concatenate([np.zeros(len(self.anchored)), np.ones(len(self.deltas))])[None])

    def problems(self, counts: Floats, strengths: Floats) -> Problems:
        """Fits to the system's rows counted so often, (problems, rows)."""
        scaled = np.tanh(self.deltas / self._deviations(counts)[:, None])
        count = len(counts)
        anchored = np.broadcast_to(self.anchored, (count, len(self.anchored)))
        weights = np.concatenate([np.full(anchored.shape, ANCHOR_WEIGHT), counts * self.rows.fitted], axis=1)
        lengths = np.concatenate([anchored, scaled], axis=1)
        return Problems([lengths, *self.constant], self.targets, weights, strengths)

    def predicted(self, coefficients: Floats) -> Floats:
        """The preference at equal lengths for each of the system's rows, those without a verdict included: (problems, rows)."""
        start = len(self.anchored)
        parts = (coefficients[:, [place + 1]] * feature[:, start:] for place, feature in enumerate(self.constant))
        return sigmoid(np.asarray(sum(parts)))

    def cross_validated(self) -> float:
        """The first of the strengths that predicts the folds left out best: fold i has every fifth row from i on."""
        whole = self.problems(self.once, np.ones(1))
        used = whole.weights[0] > 0
        place = np.cumsum(used) - 1
        folds = np.where(used, place % FOLDS, -1)
        kept = np.concatenate([folds[None] != fold for fold in range(FOLDS)]).astype(float)
        scores = np.zeros(len(STRENGTHS))
        trained = Problems(whole.features, whole.targets, np.tile(whole.weights * kept, (len(STRENGTHS), 1)),
                           np.repeat(np.array(STRENGTHS), FOLDS))  # fmt: skip
        losses = whole.weights * log_loss(trained.logits(fit(trained)), whole.targets)
        for fold in range(FOLDS):
            # The mean is over the rows, whatever they weigh.
            scores += losses[fold::FOLDS][:, folds == fold].mean(axis=1) / FOLDS
        return STRENGTHS[int(scores.argmin())]

    def _deviations(self, counts: Floats) -> Floats:
        """Standard deviation of the length differences of rows counted so often, ddof 1; without end where all are alike."""
        weights = counts * self.known
        number = weights.sum(axis=1)
        mean = (weights * self.deltas).sum(axis=1) / np.maximum(number, 1)
        squares = (weights * (self.deltas - mean[:, None]) ** 2).sum(axis=1)
        deviations = np.sqrt(squares / np.maximum(number - 1, 1))
        return np.asarray(np.where(deviations > 0, deviations, np.inf))


def _interval(design: _Design, strength: float, coefficients: Floats, bootstrap: Bootstrap) -> Estimate:
    """The win rate at equal lengths in percent, with what refits of the resamples give."""
    drawn = bootstrap.counts(len(design.deltas))
    resampled = [_of_resamples(design, counts, strength, coefficients) for counts in drawn]
    rates = np.concatenate([[design.predicted(coefficients)[0].mean()], *resampled])
    estimate = bootstrap.estimates(100 * rates[:, None], undefined=FEW)[0]
    return Estimate(mean=_rounded(estimate.mean), low=_rounded(estimate.low), high=_rounded(estimate.high))


def _of_resamples(design: _Design, counts: Floats, strength: float, start: Floats) -> Floats:
    """The controlled win rate of each resample, (resamples,); NaN where none of its rows has a verdict."""
    step = max(1, CHUNK // (counts.shape[1] + len(design.anchored)))
    rates = []
    for first in range(0, len(counts), step):
        part = counts[first : first + step]
        fitted = fit(design.problems(part, np.full(len(part), strength)), start)
        rate = (part * design.predicted(fitted)).sum(axis=1) / part.sum(axis=1)
        rates.append(np.where((part * design.rows.fitted).sum(axis=1) > 0, rate, np.nan))
    return np.concatenate(rates)


def _rounded(value: float | None) -> float | None:
    """The last bits of a fit depend on the processor."""
    return None if value is None else round(float(value), DIGITS)
