"""Category shares of the instructions with a task or topic."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np

from urial.records.instruction import Instruction
from urial.statistics.bootstrap import Bootstrap, ratio
from urial.token_shift.figures.positions import CATEGORIES, Positions
from urial.token_shift.figures.records import TagShift

if TYPE_CHECKING:
    import pyarrow as pa

TagKind = Literal["task", "topic"]


def tag_shifts(table: "pa.Table", tags: Mapping[str, Collection[str]], bootstrap: Bootstrap) -> dict[str, TagShift]:
    """Shares by tag, of which ``tags`` has the instructions' ids; intervals are over the tag's measured answers."""
    found = Positions.of(table)
    counts = found.categories().astype(np.float64)
    place = {name: index for index, name in enumerate(found.ids)}
    return {
        tag: _shift(counts[sorted(place[name] for name in names if name in place)], bootstrap)
        for tag, names in tags.items()
    }


def by_tag(instructions: Iterable[Instruction], kind: TagKind) -> dict[str, set[str]]:
    """Instruction ids by tag, tags in alphabetical order; an instruction counts under each of its tags."""
    found: dict[str, set[str]] = {}
    for row in instructions:
        for tag in getattr(row, kind):
            found.setdefault(tag, set()).add(row.id)
    return dict(sorted(found.items()))


def _shift(counts: np.ndarray, bootstrap: Bootstrap) -> TagShift:
    """Of the counts of categories, (answers, categories), of one tag's answers."""
    sums = bootstrap.sums(counts)
    shares = bootstrap.estimates(ratio(sums, sums.sum(axis=1, keepdims=True)))
    return TagShift(answers=len(counts), positions=int(counts.sum()), **dict(zip(CATEGORIES, shares, strict=True)))
