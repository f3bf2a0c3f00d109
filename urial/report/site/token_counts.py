"""What the index says of the token shift of each answer, under each base context."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from urial.records.token_shift import LABELS, MOVES, PARTS
from urial.report.site.columns import DECIMALS
from urial.report.site.token_rows import ContextRows
from urial.statistics.bootstrap import Floats, Integers
from urial.token_shift.figures.candidates import candidates_of
from urial.token_shift.figures.greedy import Parting, greedy_states
from urial.token_shift.figures.positions import CATEGORIES, KINDS, SHIFTED, Positions, grouped, indices

NAMES = ("status", "positions", *CATEGORIES, "style", "kl", "parted", "labels", "kinds", "parts", "moves")
# The first divergence of an answer whose greedy continuations never part within it.
NEVER = -1


def token_counts(context: ContextRows, exchanged: tuple[int, int] | None) -> dict[str, list[Any]]:
    """One value an answer, by NAMES; null where it is not known, and where nothing was measured.

    ``exchanged`` as figures.candidates.exchanged_ends has it of the whole measurement.
    """
    count, ends = len(context.coverage), context.ends
    answer = np.repeat(np.arange(count), np.diff(ends))
    category = indices(context.table["category"], CATEGORIES)
    categories = grouped(answer, category, (count, len(CATEGORIES)))
    kind, label = indices(context.table["kind"], KINDS), indices(context.table["label"], LABELS)
    shifted = category == SHIFTED
    style = np.bincount(answer[shifted & (kind == KINDS.index("style"))], minlength=count)
    has_kinds = np.bincount(answer[kind >= 0], minlength=count) > 0
    return {
        "status": [row.status for row in context.coverage],
        "positions": np.diff(ends).tolist(),
        **{name: categories[:, place].tolist() for place, name in enumerate(CATEGORIES)},
        "style": _or_null(style.tolist(), has_kinds),
        "kl": _mean(context, answer, count),
        "parted": _parted(context, exchanged, count),
        "labels": _masks(answer[shifted], label[shifted], count),
        "kinds": _masks(answer[shifted], kind[shifted], count),
        **{
            name: _masks(answer[shifted], indices(context.table[column], values)[shifted], count)
            for name, column, values in (("parts", "part", PARTS), ("moves", "move", MOVES))
        },
    }


def _mean(context: ContextRows, answer: Integers, count: int) -> list[float | None]:
    """Mean KL over the positions where it is known."""
    kl: Floats = np.asarray(context.table["kl"].to_numpy(), np.float64)
    known = np.isfinite(kl)
    counted = np.bincount(answer[known], minlength=count)
    sums = np.bincount(answer[known], kl[known], minlength=count)
    means = np.round(sums / np.maximum(counted, 1), DECIMALS)
    return _or_null(means.tolist(), counted > 0)


def _parted(context: ContextRows, exchanged: tuple[int, int] | None, count: int) -> list[int | None]:
    """The position of the first divergence, as the report's figures have it; NEVER: none within the answer."""
    parted: list[int | None] = [None] * count
    if len(context.table):
        positions = Positions.of(context.table)
        parting = Parting.of_none(len(positions.ids))
        parting.add(
            positions.answer,
            positions.position,
            greedy_states(context.table, candidates_of(context.table, exchanged)),
        )
        # The rows stand in the order of the instructions, so that the answers are met in it.
        for place, first in zip(np.flatnonzero(np.diff(context.ends)), parting.first(positions), strict=True):
            parted[place] = None if np.isnan(first) else int(first) if np.isfinite(first) else NEVER
    return parted


def _masks(answer: Integers, value: Integers, count: int) -> list[int]:
    """A bit mask an answer: bit i is set where one of its rows has the value i."""
    masks = np.zeros(count, np.int64)
    known = value >= 0
    np.bitwise_or.at(masks, answer[known], np.left_shift(1, value[known]))
    return [int(mask) for mask in masks]


def _or_null(values: Iterable[Any], known: Iterable[Any]) -> list[Any]:
    return [value if is_known else None for value, is_known in zip(values, known, strict=True)]
