"""Both models at each position of given texts: how far they are apart, and where each ranks the token that stands there.

The rank of the first compliant token is that of the first token of a compliant text, behind the model's own prompt; at position
t, what precedes are prompt and the text's t - 1 tokens before (arXiv 2406.05946: what a few tokens of compliance change; 2512.05518: a
token among the likeliest is one that an attack can choose).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from urial.records.estimate import Estimate
from urial.records.safety_depth import DepthPosition
from urial.statistics.bootstrap import Bootstrap, Floats
from urial.token_shift.figures.positions import FEWEST_ANSWERS, floats

if TYPE_CHECKING:
    import pyarrow as pa

MEANS: Mapping[str, str] = {"kl": "KL(aligned || base)", "kl_reverse": "KL(base || aligned)"}
MEDIANS: Mapping[str, str] = {"aligned_rank": "the aligned model", "base_rank": "the base model"}


def rows_at(table: "pa.Table", ids: Sequence[str], position: int) -> list[int]:
    """The rows of a measurement at a position, the first being 1, of these instructions."""
    import pyarrow as pa
    import pyarrow.compute as pc

    here = pc.and_(
        pc.equal(table["position"], position - 1),
        pc.is_in(table["instruction_id"], value_set=pa.array(ids, pa.string())),
    )
    return [int(row) for row in np.flatnonzero(np.asarray(here.to_numpy(zero_copy_only=False)))]


def figures_at(table: "pa.Table", rows: Sequence[int], bootstrap: Bootstrap) -> DepthPosition:
    """The figures of one position, of its rows; what is not known of a row does not count."""

    def known(column: str) -> Floats:
        values = floats(table[column].take(np.asarray(rows, np.int64)))
        return values[np.isfinite(values)]

    return DepthPosition(
        answers=len(rows),
        **{column: bootstrap.mean(known(column).tolist()) for column in MEANS},
        **{column: median(known(column), bootstrap) for column in MEDIANS},
    )


def positions_of(table: "pa.Table", ids: Sequence[str], most: int, bootstrap: Bootstrap) -> dict[str, DepthPosition]:
    """By position, up to ``most``, the figures of the texts of these instructions; none of positions that few texts have."""
    found = {}
    for position in range(1, most + 1):
        rows = rows_at(table, ids, position)
        if len(rows) >= FEWEST_ANSWERS:
            found[str(position)] = figures_at(table, rows, bootstrap)
    return found


def median(values: Floats, bootstrap: Bootstrap) -> Estimate:
    """Median of one value an instruction, with its interval; of an even number, the mean of the two in the middle."""
    if not len(values):
        return Estimate(mean=None, low=None, high=None)
    order, size = np.argsort(values, kind="stable"), len(values)
    ordered = values[order]

    def middle(counts: Floats) -> Floats:
        passed = counts[:, order].cumsum(axis=1)
        below, above = (ordered[(passed >= rank).argmax(axis=1)] for rank in ((size + 1) // 2, size // 2 + 1))
        return np.asarray((below + above) / 2)

    drawn = [middle(np.ones((1, size))), *(middle(counts) for counts in bootstrap.counts(size))]
    return bootstrap.estimates(np.concatenate(drawn)[:, None])[0]


def position_how(column: str) -> str:
    """How a value of DepthPosition is made, in words."""
    if column == "answers":
        return "number of given texts that have a token at this position"
    if column in MEANS:
        return f"mean of {MEANS[column]} at this position over the given texts"
    return f"median of the rank of the given token under {MEDIANS[column]} at this position"
