"""The branching factor: exp of the mean entropy a token, in nats, the number of equally likely next tokens of the same entropy.

The factor is that of Yang and Holtzman (2025, arXiv 2506.17871), of another text: they let each model go on from its prompt and
average the entropies along what it says itself. Here all distributions are along the aligned model's answers, which each model
reads: the same prefixes for all of them, so that factors differ by model and prompt alone, position by position. So a base model's
factor here is that of a model that was led onto the aligned answer's way, and no more than a hint at how it would branch by itself.

The mean is over all positions whose entropy is known: an answer counts by its tokens.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from urial.records.base import Role
from urial.records.estimate import Estimate
from urial.records.shift_figures import PositionMean
from urial.statistics.bootstrap import Bootstrap, Integers, ratio
from urial.token_shift.figures.positions import (
    FEWEST_ANSWERS,
    UNDEFINED,
    Positions,
    floats,
    sums_at_points,
    tenths,
)

if TYPE_CHECKING:
    import pyarrow as pa

# Whose distribution -> the column of its entropies.
ENTROPIES: Mapping[Role, str] = {"base": "base_entropy", "aligned": "aligned_entropy"}
NOT_KNOWN = "entropies are not known, since a server shows no whole distribution"


@dataclass(frozen=True)
class BranchingPoint:
    """The factor at one position of the answers, or in one tenth, with an interval over answers."""

    index: int  # 0-based position, or 0-based tenth
    answers: int
    positions: int
    branching: Estimate


def branching_how(role: Role) -> str:
    """How the factor of a model's distributions is made, in words."""
    return (
        f"exp of the mean of {ENTROPIES[role]} over the positions where it is known: of its sum over answers over number of "
        "positions"
    )


def branching_factors(table: "pa.Table", positions: Positions, bootstrap: Bootstrap) -> dict[Role, PositionMean]:
    """The factor of either model's distributions, where any of its entropies is known."""
    factors: dict[Role, PositionMean] = {}
    for role, column in ENTROPIES.items():
        entropy = floats(table[column])
        known = np.isfinite(entropy)
        if not known.any():
            continue
        sums, counts = (
            np.bincount(positions.answer, values, len(positions.ids))
            for values in (np.where(known, entropy, 0.0), known)
        )
        estimate = bootstrap.exp_ratio(sums.tolist(), counts.tolist())
        factors[role] = PositionMean(**estimate.model_dump(), positions=int(known.sum()))
    return factors


def branching_curve(table: "pa.Table", role: Role, bootstrap: Bootstrap) -> list[BranchingPoint]:
    """The factor at each position that at least FEWEST_ANSWERS answers with a known entropy reach."""
    positions = Positions.of(table)
    return _points(table, positions, positions.position, role, bootstrap)


def relative_branching_curve(table: "pa.Table", role: Role, bootstrap: Bootstrap) -> list[BranchingPoint]:
    """The factor in each tenth of the answers, as ``positions.relative_curve`` has them."""
    positions = Positions.of(table)
    return _points(table, positions, tenths(positions), role, bootstrap)


def _points(
    table: "pa.Table", positions: Positions, indices: Integers, role: Role, bootstrap: Bootstrap
) -> list[BranchingPoint]:
    entropy = floats(table[ENTROPIES[role]])
    known = np.isfinite(entropy)
    weights = (known.astype(float), np.where(known, entropy, 0.0))
    points: list[BranchingPoint] = []
    for start, columns, sums in sums_at_points(positions, indices, weights, bootstrap):
        estimates = bootstrap.estimates(np.exp(ratio(sums[:, 1], sums[:, 0])), UNDEFINED)
        reached = (columns[:, 0] > 0).sum(axis=0).tolist()
        points += [
            BranchingPoint(start + place, count, int(sums[0, 0, place]), estimates[place])
            for place, count in enumerate(reached)
            if count >= FEWEST_ANSWERS
        ]
    return points
