"""Shares of positions by their declarations: sums over answers over sums over answers."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from urial.records.estimate import Estimate
from urial.records.shift_figures import KindFigures
from urial.statistics.bootstrap import Bootstrap, Floats, ratio
from urial.token_shift.figures.positions import Mask, Path, PositionFigure, Positions, is_text

if TYPE_CHECKING:
    import pyarrow as pa

Shares = Mapping[Path, tuple[Estimate, int]]
"""Each share, and the number of positions that go into it."""


def shares_of(
    figures: Mapping[Path, PositionFigure], table: "pa.Table", positions: Positions, bootstrap: Bootstrap
) -> Shares:
    """The share of each figure, by its path: of the positions that go in, those that count."""
    if not figures:
        return {}
    masks = {mask for figure in figures.values() for mask in (figure.of, figure.counted)}
    truths = {mask: mask(table) for mask in masks}

    @cache
    def per_answer(of: frozenset[Mask]) -> Floats:
        """How many positions of each answer are in all of the masks."""
        chosen = np.logical_and.reduce([truths[mask] for mask in of])
        return np.bincount(positions.answer[chosen], minlength=len(positions.ids)).astype(np.float64)

    tops = [per_answer(frozenset({figure.of, figure.counted})) for figure in figures.values()]
    bottoms = [per_answer(frozenset({figure.of})) for figure in figures.values()]
    sums = bootstrap.sums(np.stack([*tops, *bottoms], axis=1))
    top_sums, bottom_sums = np.split(sums, 2, axis=1)
    estimates = bootstrap.estimates(ratio(top_sums, bottom_sums))
    return dict(zip(figures, zip(estimates, map(int, bottom_sums[0]), strict=True), strict=True))


def kind_declarations(kind: str, counted: Mask) -> dict[str, PositionFigure]:
    """The figures of the positions of one kind, or with one label."""
    shifted, another = is_text("category", "shifted"), "of another kind"
    return {
        "positions": PositionFigure(f"number of positions of {kind}", counted, others=another),
        "shifted": PositionFigure(f"share of the positions of {kind} that is shifted", shifted, counted, "not shifted"),
        "share_of_shifted": PositionFigure(
            f"of all shifted positions, the share that is {kind}", counted, shifted, another
        ),
    }


def kind_figures(shares: Shares, path: Path) -> KindFigures:
    """Those at a path whose fields are declared as above."""
    shifted, positions = shares[*path, "shifted"]
    return KindFigures(positions=positions, shifted=shifted, share_of_shifted=shares[*path, "share_of_shifted"][0])
