"""Logistic regression with a penalty on the sum of absolute coefficients (Tibshirani 1996), of few coefficients, solved to the end.

Many fits are made at once, one a problem: the resamples of a bootstrap, or the folds of a cross-validation times the strengths
tried. Arrays are (problems, rows); one that all problems share is (1, rows).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MAX_STEPS = 200
MAX_HALVINGS = 60
# A step this small, relative to the coefficients, ends a fit: steps shrink quadratically, so that the next would be none.
TOLERANCE = 1e-9
# The share of the decrease that the quadratic promises which a step must keep (Armijo).
SUFFICIENT = 1e-4
# By which an objective may rise without having risen.
ROUNDING = 1e-13


@dataclass(frozen=True)
class Problems:
    """min |w| + C sum_i s_i [log(1 + exp(z_i)) - y_i z_i], z = sum_j w_j x_j, for each problem.

    ``features`` has one array a coefficient; targets y are shares from 0 to 1; weights s are 0 where a row does not count.
    """

    features: Sequence[Floats]
    targets: Floats
    weights: Floats
    strengths: Floats  # C, (problems,)

    def logits(self, coefficients: Floats) -> Floats:
        """z, (problems, rows)."""
        parts = (coefficients[:, [index]] * feature for index, feature in enumerate(self.features))
        return np.asarray(sum(parts))

    def objective(self, coefficients: Floats) -> Floats:
        """What is minimized, over C: (problems,)."""
        losses = log_loss(self.logits(coefficients), self.targets)
        return np.asarray((self.weights * losses).sum(axis=1) + np.abs(coefficients).sum(axis=1) / self.strengths)

    def slopes(self, coefficients: Floats) -> tuple[Floats, Floats]:
        """Gradient (problems, k) and second derivatives (problems, k, k) of the loss without its penalty."""
        shares = sigmoid(self.logits(coefficients))
        residuals, curvatures = self.weights * (shares - self.targets), self.weights * shares * (1 - shares)
        gradient = np.stack([(residuals * feature).sum(axis=1) for feature in self.features], axis=1)
        second = np.empty((*gradient.shape, gradient.shape[1]))
        for one, first in enumerate(self.features):
            weighted = curvatures * first
            for other in range(one + 1):
                second[:, one, other] = second[:, other, one] = (weighted * self.features[other]).sum(axis=1)
        return gradient, second


def fit(problems: Problems, start: Floats | None = None) -> Floats:
    """The coefficients of each problem, (problems, k), by Newton's method on the loss with the penalty kept as it is.

    Each step minimizes the quadratic of the loss plus the penalty exactly, and is halved until the objective falls.
    """
    count = len(problems.strengths)
    shape = (count, len(problems.features))
    coefficients = np.zeros(shape) if start is None else np.broadcast_to(start, shape).copy()
    value = problems.objective(coefficients)
    for _ in range(MAX_STEPS):
        gradient, second = problems.slopes(coefficients)
        step = _least(gradient, second, coefficients, problems.strengths) - coefficients
        done = (np.abs(step) <= TOLERANCE * (1 + np.abs(coefficients))).all(axis=1)
        penalties = np.abs(coefficients + step).sum(axis=1) - np.abs(coefficients).sum(axis=1)
        promised = (gradient * step).sum(axis=1) + penalties / problems.strengths
        # Features that say the same leave coefficients open that cost the same: then nothing is left to gain, either.
        done |= promised >= -ROUNDING * np.abs(value)
        length = np.ones(count)
        for _ in range(MAX_HALVINGS):
            tried = coefficients + length[:, None] * step
            reached = problems.objective(tried)
            short = reached > value + SUFFICIENT * length * promised + ROUNDING * np.abs(value)
            if not short.any():
                break
            length = np.where(short, length / 2, length)
        # Where no part of the step helps, nothing is left to gain.
        coefficients, value = np.where(short[:, None], coefficients, tried), np.where(short, value, reached)
        if (done | short).all():
            return coefficients
    raise ArithmeticError(f"no convergence in {MAX_STEPS} steps")


def _least(gradient: Floats, second: Floats, coefficients: Floats, strengths: Floats) -> Floats:
    """The coefficients u that minimize the loss's quadratic about ``coefficients`` plus |u| / C, exactly.

    They are those of one of 3^k combinations of signs -1, 0, +1: each gives a linear system, and the best of their
    solutions by the true value is the minimum.
    """
    size = gradient.shape[1]
    signs = np.array(list(product((-1.0, 0.0, 1.0), repeat=size)))  # (3^k, k)
    # What keeps a feature without any variation, or two that say the same, from dividing by 0.
    ridge = 1e-12 * np.diagonal(second, axis1=1, axis2=2) + 1e-18
    second = second + ridge[:, :, None] * np.eye(size)
    linear = gradient - (second @ coefficients[..., None])[..., 0]
    free = signs != 0
    both = free[:, :, None] & free[:, None, :]
    systems = np.where(both[None], second[:, None], np.eye(size))  # (problems, 3^k, k, k)
    right = np.where(free[None], -(linear[:, None] + signs / strengths[:, None, None]), 0.0)
    candidates = np.linalg.solve(systems, right[..., None])[..., 0]
    curved = ((second[:, None] @ candidates[..., None])[..., 0] * candidates).sum(axis=-1) / 2
    values = (linear[:, None] * candidates).sum(axis=-1) + curved
    values += np.abs(candidates).sum(axis=-1) / strengths[:, None]
    best = values.argmin(axis=1)
    return np.asarray(candidates[np.arange(len(best)), best])


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + exp(-z)) without overflow."""
    small = np.exp(-np.abs(logits))
    return np.asarray(np.where(logits >= 0, 1.0, small) / (1 + small))


def log_loss(logits: Floats, targets: Floats) -> Floats:
    """log(1 + exp(z)) - y z: minus the log-likelihood of shares y. Without overflow, and exact where it is small."""
    missed = (1 - targets) * np.maximum(logits, 0) + targets * np.maximum(-logits, 0)
    return np.asarray(np.log1p(np.exp(-np.abs(logits))) + missed)
