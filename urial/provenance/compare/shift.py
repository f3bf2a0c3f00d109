"""How token shift changes from one run to another, under one base context."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from urial.provenance.compare.records import ShiftChange
from urial.records.shift_figures import ShiftDifference
from urial.statistics.bootstrap import Bootstrap, ratio
from urial.token_shift.figures.paired import TESTED, compare_measurements
from urial.token_shift.figures.positions import COLUMNS, SHIFTED, Positions

if TYPE_CHECKING:
    import pyarrow as pa


def shift_change(first: "pa.Table", here: "pa.Table", common: Collection[str], bootstrap: Bootstrap) -> ShiftChange:
    """The second run's measurement against the first's; p-values are not yet corrected.

    ``common`` are the instructions that both have with the same content. Positions of answers that differ are not paired,
    even where a token is the same by chance: what comes before it is another text.
    """
    # Positions and texts of the measured tokens, by answer.
    answers = []
    for table in (first, here):
        grouped = table.group_by("instruction_id", use_threads=False).aggregate(
            [("position", "list"), ("token", "list")]
        )
        answers.append({row["instruction_id"]: row for row in grouped.to_pylist()})
    both = answers[0].keys() & answers[1].keys() & set(common)
    same = sorted(name for name in both if answers[0][name] == answers[1][name])
    if same:
        import pyarrow as pa
        import pyarrow.compute as pc

        pairs = [table.filter(pc.is_in(table["instruction_id"], value_set=pa.array(same))) for table in (first, here)]
        comparison = compare_measurements(("first", "here"), (pairs[0], pairs[1]), bootstrap)
        changes = {name: getattr(comparison, name) for name in TESTED}
    else:
        changes = _unpaired(first, here, bootstrap)
    return ShiftChange(
        paired=bool(same),
        same=len(same),
        different=len(both) - len(same),
        only_first=len(answers[0]) - len(both),
        only_here=len(answers[1]) - len(both),
        **changes,
    )


def _unpaired(first: "pa.Table", here: "pa.Table", bootstrap: Bootstrap) -> dict[str, ShiftDifference]:
    """Differences of the means of all positions; each run is resampled on its own."""
    means, known = [], []
    for side, table in enumerate((first, here)):
        positions = Positions.of(table.select(COLUMNS))
        counts, has_kl = positions.categories(), np.isfinite(positions.kl)
        of_kl = [
            np.bincount(positions.answer, values, len(counts))
            for values in (has_kl, np.where(has_kl, positions.kl, 0.0))
        ]
        # Sums over each answer, (answers, 5): positions, unshifted, shifted, known KL, KL.
        columns = np.stack([counts.sum(axis=1), counts[:, 0], counts[:, SHIFTED], *of_kl], axis=1).astype(np.float64)
        sums = replace(bootstrap, seed=bootstrap.seed + side).sums(columns)
        means.append(ratio(sums[:, [1, 2, 4]], sums[:, [0, 0, 3]]))
        known.append(columns.sum(axis=0)[[0, 0, 3]])
    # Without two answers on a side there is no resample of it, and so no interval.
    draws = min(map(len, means))
    estimates = bootstrap.estimates(means[1][:draws] - means[0][:draws])
    return {
        name: ShiftDifference(**estimate.model_dump(), positions=int(positions), p=None, p_holm=None)
        for name, estimate, positions in zip(TESTED, estimates, np.minimum(*known), strict=True)
    }
