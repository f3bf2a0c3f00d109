"""How much of the token shift each prompt explains, and how that differs from one prompt to another.

A position is explained by a prompt when the base model finds the aligned model's token shifted without a prompt, and no longer
shifted behind this one. The share is over the positions that are shifted without one and measured under both.
"""

from typing import TYPE_CHECKING

import numpy as np

from urial.records.probing import MeasuredMean, VariantDifference
from urial.statistics.bootstrap import Bootstrap, Integers, ratio
from urial.statistics.paired import sign_flip_p
from urial.token_shift.figures.paired import compare_measurements, pair
from urial.token_shift.figures.positions import CATEGORIES, COLUMNS, SHIFTED, Positions, indices

if TYPE_CHECKING:
    import pyarrow as pa


def explained_share(zero_shot: "pa.Table", table: "pa.Table", bootstrap: Bootstrap) -> MeasuredMean:
    """The share as the report has it, of the positions measured under both contexts; n counts their answers."""
    found = compare_measurements(("first", "second"), (zero_shot, table), bootstrap)
    return MeasuredMean(**found.explained.model_dump(), n=found.answers)


def explained_difference(
    zero_shot: "pa.Table", here: "pa.Table", full: "pa.Table", bootstrap: Bootstrap
) -> VariantDifference:
    """The share here minus that of the full prompt, over the positions measured under all three; p is not yet corrected.

    Flipping the sign of an answer flips all of its positions, so the test is of one number an answer. n counts these.
    """
    (rows, shifted_here), (others, shifted_full) = (_shifted_under(zero_shot, table) for table in (here, full))
    common, ours, theirs = np.intersect1d(rows, others, assume_unique=True, return_indices=True)
    positions = Positions.of(zero_shot.select(COLUMNS).take(common))
    shifted, answers = positions.category == SHIFTED, len(positions.ids)
    # Explained here and not there: shifted there and not here.
    change = shifted_full[theirs].astype(float) - shifted_here[ours]
    # Sums over the positions of each answer, (answers, 2): of the change, and of positions that are shifted without a prompt.
    sums = np.stack(
        [np.bincount(positions.answer, values, answers) for values in (change * shifted, shifted.astype(float))], axis=1
    ).astype(np.float64)
    drawn, tested = bootstrap.sums(sums), sums[:, 1] > 0
    estimate = bootstrap.estimates(ratio(drawn[:, :1], drawn[:, 1:]))[0]
    p = sign_flip_p(sums[tested, 0].tolist(), bootstrap.seed)
    return VariantDifference(**estimate.model_dump(), n=int(tested.sum()), p=p, p_holm=None)


def _shifted_under(zero_shot: "pa.Table", table: "pa.Table") -> "tuple[Integers, np.ndarray]":
    """Rows of the first measurement that the second has, too, and whether each is shifted in the second."""
    both = pair(zero_shot, table)
    return both.first, indices(table["category"].take(both.second), CATEGORIES) == SHIFTED
