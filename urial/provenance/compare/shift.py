"""How token shift changes between two runs: over the same answers, or, where none is the same, without pairs."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from urial.provenance.compare.records import ShiftChange
from urial.records.report import ShiftDifference
from urial.statistics.bootstrap import Bootstrap, Floats, ratio
from urial.token_shift.figures.paired import TESTED, compare_measurements
from urial.token_shift.figures.positions import CATEGORIES, COLUMNS, Positions

if TYPE_CHECKING:
    import pyarrow as pa


def shift_change(first: "pa.Table", here: "pa.Table", common: Collection[str], bootstrap: Bootstrap) -> ShiftChange:
    """The second run's measurement against the first's; p-values are not yet corrected.

    ``common`` are the instructions that both have with the same content. Positions of answers that differ are not paired,
    even where a token is the same by chance: what comes before it is another text.
    """
    answers_first, answers_here = _answers(first), _answers(here)
    both = answers_first.keys() & answers_here.keys() & set(common)
    same = {name for name in both if answers_first[name] == answers_here[name]}
    return ShiftChange(
        paired=bool(same),
        same=len(same),
        different=len(both) - len(same),
        only_first=len(answers_first) - len(both),
        only_here=len(answers_here) - len(both),
        **(_paired(first, here, same, bootstrap) if same else _unpaired(first, here, bootstrap)),
    )


def _answers(table: "pa.Table") -> dict[str, list[tuple[int, str]]]:
    """The position and text of every measured token, by answer."""
    answers = defaultdict(list)
    columns = (table[name].to_pylist() for name in ("instruction_id", "position", "token"))
    for name, position, token in zip(*columns, strict=True):
        answers[name].append((position, token))
    return answers


def _paired(first: "pa.Table", here: "pa.Table", same: set[str], bootstrap: Bootstrap) -> dict[str, ShiftDifference]:
    import pyarrow as pa
    import pyarrow.compute as pc

    ids = pa.array(sorted(same))
    tables = (
        first.filter(pc.is_in(first["instruction_id"], value_set=ids)),
        here.filter(pc.is_in(here["instruction_id"], value_set=ids)),
    )
    comparison = compare_measurements(("first", "here"), tables, bootstrap)
    return {name: getattr(comparison, name) for name in TESTED}


def _unpaired(first: "pa.Table", here: "pa.Table", bootstrap: Bootstrap) -> dict[str, ShiftDifference]:
    """Differences of the means of all positions; each run is resampled on its own."""
    sums, counts = [], []
    for side, table in enumerate((first, here)):
        columns = _columns(Positions.of(table.select(COLUMNS)))
        sums.append(replace(bootstrap, seed=bootstrap.seed + side).sums(columns))
        counts.append(columns.sum(axis=0))
    # Without two answers on a side there is no resample of it, and so no interval.
    draws = min(map(len, sums))
    means = [
        np.stack([ratio(drawn[:draws, top], drawn[:draws, bottom]) for top, bottom in ((1, 0), (2, 0), (4, 3))], axis=1)
        for drawn in sums
    ]
    positions = np.minimum(*counts)[[0, 0, 3]]
    return {
        name: ShiftDifference(**estimate.model_dump(), positions=int(known), p=None, p_holm=None)
        for name, estimate, known in zip(TESTED, bootstrap.estimates(means[1] - means[0]), positions, strict=True)
    }


def _columns(positions: Positions) -> Floats:
    """Sums over each answer: positions, unshifted, shifted, known KL, KL; float64 of shape (answers, 5)."""
    known = np.isfinite(positions.kl)
    shares = [positions.category == CATEGORIES.index(name) for name in ("unshifted", "shifted")]
    values = [np.ones(len(known)), *shares, known, np.where(known, positions.kl, 0.0)]
    sums = [np.bincount(positions.answer, value, len(positions.ids)).astype(float) for value in values]
    return np.stack(sums, axis=1)
