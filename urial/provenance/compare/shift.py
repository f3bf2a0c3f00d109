"""How token shift changes between two runs: over the same answers, or, where none is the same, without pairs."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from urial.provenance.compare.records import ShiftChange
from urial.records.report import ShiftDifference
from urial.statistics.bootstrap import Bootstrap, ratio
from urial.token_shift.figures.paired import TESTED, compare
from urial.token_shift.figures.positions import CATEGORIES, COLUMNS, Floats, Positions

if TYPE_CHECKING:
    import pyarrow as pa

Answers = dict[str, list[tuple[int, str]]]


def shift_change(
    tables: tuple["pa.Table", "pa.Table"], common: Collection[str], run: str, bootstrap: Bootstrap
) -> ShiftChange:
    """The second run's measurement against the first's; p-values are not yet corrected.

    ``common`` are the instructions that both have with the same content. Behind answers that differ, positions do too, and
    are not paired even where a token is the same by chance.
    """
    first, here = (_answers(table) for table in tables)
    both = first.keys() & here.keys() & set(common)
    same = {name for name in both if first[name] == here[name]}
    differences = _paired(tables, same, bootstrap) if same else _unpaired(tables, bootstrap)
    return ShiftChange(
        run=run,
        paired=bool(same),
        same=len(same),
        different=len(both) - len(same),
        only_first=len(first) - len(both),
        only_here=len(here) - len(both),
        **differences,
    )


def _answers(table: "pa.Table") -> Answers:
    """The measured tokens of each answer."""
    found: Answers = defaultdict(list)
    columns = (table[name].to_pylist() for name in ("instruction_id", "position", "token"))
    for name, position, token in zip(*columns, strict=True):
        found[name].append((position, token))
    return found


def _paired(tables: tuple["pa.Table", "pa.Table"], same: set[str], bootstrap: Bootstrap) -> dict[str, ShiftDifference]:
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = pa.array(sorted(same))
    first, here = (table.filter(pc.is_in(table["instruction_id"], value_set=chosen)) for table in tables)
    found = compare(("first", "here"), (first, here), bootstrap)
    return {name: getattr(found, name) for name in TESTED}


def _unpaired(tables: tuple["pa.Table", "pa.Table"], bootstrap: Bootstrap) -> dict[str, ShiftDifference]:
    """Differences of the means of all positions; each side is resampled on its own."""
    sums, counts = [], []
    for side, table in enumerate(tables):
        found = Positions.of(table.select(COLUMNS))
        columns = _columns(found)
        sums.append(replace(bootstrap, seed=bootstrap.seed + side).sums(columns))
        counts.append(columns.sum(axis=0))
    # Without two answers on a side there is no resample of it, and so no interval.
    draws = min(map(len, sums))
    means = [np.stack([ratio(found[:draws, top], found[:draws, bottom]) for top, bottom in ((1, 0), (2, 0), (4, 3))], axis=1)
             for found in sums]  # fmt: skip
    estimates = bootstrap.estimates(means[1] - means[0])
    positions = [int(min(count[place] for count in counts)) for place in (0, 0, 3)]
    return {
        name: ShiftDifference(**estimate.model_dump(), positions=known, p=None, p_holm=None)
        for name, estimate, known in zip(TESTED, estimates, positions, strict=True)
    }


def _columns(found: Positions) -> Floats:
    """Sums over each answer: positions, unshifted, shifted, known KL, KL."""
    known = np.isfinite(found.kl)
    shares = [found.category == CATEGORIES.index(name) for name in ("unshifted", "shifted")]
    values = [np.ones(len(known)), *shares, known, np.where(known, found.kl, 0.0)]
    return np.stack([np.bincount(found.answer, value, len(found.ids)).astype(float) for value in values], axis=1)
