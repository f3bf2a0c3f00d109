"""Category shares of the instructions with a task or topic."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures.positions import Positions
from urial.token_shift.figures.records import TagShift
from urial.token_shift.figures.summary import category_shares

if TYPE_CHECKING:
    import pyarrow as pa


def tag_shifts(table: "pa.Table", tags: Mapping[str, Collection[str]], bootstrap: Bootstrap) -> dict[str, TagShift]:
    """Shares by tag, of which ``tags`` has the instructions' ids; intervals are over the tag's measured answers."""
    positions = Positions.of(table)
    counts = positions.categories().astype(np.float64)
    index = {name: index for index, name in enumerate(positions.ids)}
    shifts = {}
    for tag, names in tags.items():
        # (answers of the tag, categories)
        tagged = counts[sorted(index[name] for name in names if name in index)]
        shares = category_shares(tagged, bootstrap)
        shifts[tag] = TagShift(answers=len(tagged), positions=int(tagged.sum()), **shares)
    return shifts
