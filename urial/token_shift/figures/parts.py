"""Thinking and answer apart, and the moves of reasoning in each: shares, kinds and curves by the columns part and move."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.records.shift_figures import PartFigures, PositionMean
from urial.records.token_shift import LABELS, MOVES, PARTS, Part
from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures.positions import (
    CATEGORIES,
    CurvePoint,
    Mask,
    Path,
    PositionFigure,
    Positions,
    Truths,
    curve,
    encoded,
    floats,
    is_known,
    is_text,
)
from urial.token_shift.figures.shares import kind_declarations, kind_figures, shares_of

if TYPE_CHECKING:
    import pyarrow as pa


@cache
def _both(first: Mask, second: Mask) -> Mask:
    """The positions of two masks; the same function for the same masks, so that a mask is made once."""

    def mask(table: "pa.Table") -> Truths:
        return first(table) & second(table)

    return mask


def _part_declarations(part: Part) -> dict[Path, PositionFigure]:
    """Those of one part; what is said of labels and moves is of the positions within it."""
    within, of = is_text("part", part), f"part {part}"
    kinds = [*(("labels", label, "label") for label in LABELS), *(("moves", move, "move") for move in MOVES)]
    return {
        **{("parts", part, field): figure for field, figure in kind_declarations(of, within).items()},
        **{
            ("parts", part, category): PositionFigure(
                f"share of the positions of {of} that is {category}",
                is_text("category", category),
                within,
                f"not {category}",
            )
            for category in CATEGORIES
        },
        ("parts", part, "kl"): PositionFigure(f"mean of kl over {of} where it is known", is_known("kl"), within),
        **{
            ("parts", part, group, name, field): figure
            for group, name, column in kinds
            for field, figure in kind_declarations(f"{name} within {of}", _both(within, is_text(column, name))).items()
        },
    }


_MOVE_FIGURES: Mapping[Path, PositionFigure] = {
    ("moves", move, field): figure
    for move in MOVES
    for field, figure in kind_declarations(f"move {move}", is_text("move", move)).items()
}
PART_FIGURES: Mapping[Path, PositionFigure] = {
    **_MOVE_FIGURES,
    **{path: figure for part in PARTS for path, figure in _part_declarations(part).items()},
}
_SHARES = (*CATEGORIES, "share_of_shifted")


def part_figures(table: "pa.Table", positions: Positions, bootstrap: Bootstrap) -> dict[str, Any]:
    """The fields of ShiftFigures that this module is about, by name: no parts where nothing but answers is measured."""
    thinks = bool((~is_text("part", "answer")(table)).any())
    moves = bool(is_known("move")(table).any())
    figures = {path: figure for path, figure in PART_FIGURES.items() if path[-1] in _SHARES}
    wanted = {path: figure for path, figure in figures.items() if (thinks if path[0] == "parts" else moves)}
    shares = shares_of(wanted, table, positions, bootstrap)

    def part(name: Part) -> PartFigures:
        path = ("parts", name)
        return PartFigures(
            **{category: shares[*path, category][0] for category in CATEGORIES},
            positions=shares[*path, "shifted"][1],
            share_of_shifted=shares[*path, "share_of_shifted"][0],
            kl=_kl(table, positions, name, bootstrap),
            labels={label: kind_figures(shares, (*path, "labels", label)) for label in LABELS},
            moves={move: kind_figures(shares, (*path, "moves", move)) for move in MOVES},
        )

    return {
        "moves": {move: kind_figures(shares, ("moves", move)) for move in MOVES} if moves else {},
        "parts": {name: part(name) for name in PARTS} if thinks else {},
    }


def _kl(table: "pa.Table", positions: Positions, part: Part, bootstrap: Bootstrap) -> PositionMean:
    """The mean over the positions of a part where it is known."""
    kl = floats(table["kl"])
    known = np.isfinite(kl) & is_text("part", part)(table)
    sums, counts = (
        np.bincount(positions.answer[known], weights, len(positions.ids)).tolist() for weights in (kl[known], None)
    )
    return PositionMean(**bootstrap.ratio(sums, counts).model_dump(), positions=int(known.sum()))


def part_curves(table: "pa.Table", bootstrap: Bootstrap) -> dict[Part, Sequence[CurvePoint]]:
    """For the thinking and the answer, means at each position counted from the first of the part, as ``curve`` has them.

    Empty where nothing but answers is measured: the curve of these is that of all positions.
    """
    import pyarrow as pa

    curves: dict[Part, Sequence[CurvePoint]] = {}
    if is_text("part", "answer")(table).all():
        return curves
    for part in ("thinking", "answer"):
        within = table.filter(pa.array(is_text("part", part)(table)))
        answers = encoded(within["instruction_id"])
        answer = np.asarray(answers.indices.to_numpy(zero_copy_only=False), np.int64)
        position = np.asarray(within["position"].to_numpy(), np.int64)
        firsts = np.full(len(answers.dictionary), np.iinfo(np.int64).max)
        np.minimum.at(firsts, answer, position)
        place = within.schema.get_field_index("position")
        counted = pa.array(position - firsts[answer], within.schema.field(place).type)
        curves[part] = curve(within.set_column(place, within.schema.field(place), counted), bootstrap)
    return curves
