"""Shares of the three categories by the tags of instructions."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from urial.records.base import Record
from urial.records.estimate import Estimate
from urial.statistics.bootstrap import Bootstrap, ratio
from urial.token_shift.figures.positions import CATEGORIES, Positions

if TYPE_CHECKING:
    import pyarrow as pa


class TagShift(Record):
    """Category shares over the measured answers to the instructions with one tag."""

    answers: int = Field(ge=0, description="answers measured")
    positions: int = Field(ge=0, description="their tokens")
    unshifted: Estimate = Field(description="share of positions with base rank 1")
    marginal: Estimate = Field(description="share of positions with base rank 2 or 3")
    shifted: Estimate = Field(description="share of positions with base rank above 3")


def tag_shifts(table: "pa.Table", tags: Mapping[str, Collection[str]], bootstrap: Bootstrap) -> dict[str, TagShift]:
    """Shares by tag, of which ``tags`` has the instructions' ids; intervals are over the tag's measured answers."""
    positions = Positions.of(table)
    counts = positions.categories().astype(np.float64)
    index = {name: index for index, name in enumerate(positions.ids)}
    shifts = {}
    for tag, names in tags.items():
        # (answers of the tag, categories)
        tagged = counts[sorted(index[name] for name in names if name in index)]
        sums = bootstrap.sums(tagged)
        shares = dict(zip(CATEGORIES, bootstrap.estimates(ratio(sums, sums.sum(axis=1, keepdims=True))), strict=True))
        shifts[tag] = TagShift(answers=len(tagged), positions=int(tagged.sum()), **shares)
    return shifts
