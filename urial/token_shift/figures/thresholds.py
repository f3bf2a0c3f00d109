"""Threshold curves: the share of positions with a base rank above k, and with a KL above t, so that no figure hangs on one threshold.

A base rank above 3 is what the paper calls shifted. A server may tell only that a rank is in a range: then a position counts at the
thresholds below and above of the range, and at those within it is not known.
"""

from collections.abc import Mapping

import numpy as np

from urial.statistics.bootstrap import Floats
from urial.token_shift.figures.positions import Truths

RANKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
# In nats: half powers of ten, rounded.
NATS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def above_ranks(least: Floats, most: Floats) -> Mapping[str, tuple[Truths, Truths]]:
    """By threshold: where it is known whether the rank is above it, and where it is; ranks are from ``least`` to ``most``."""
    return {str(rank): ((least > rank) | (most <= rank), least > rank) for rank in RANKS}


def above_nats(kl: Floats) -> Mapping[str, tuple[Truths, Truths]]:
    """The same of the exact KL, NaN where it is not known."""
    known = np.isfinite(kl)
    # NaN is above nothing.
    return {f"{nats:g}": (known, kl > nats) for nats in NATS}
