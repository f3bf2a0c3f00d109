"""What the index says of the token shift of each answer, under each base context."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow.compute as pc

from urial.records.token_shift import LABELS
from urial.report.site.columns import DECIMALS
from urial.report.site.token_rows import ContextRows
from urial.statistics.bootstrap import Floats, Integers
from urial.token_shift.figures.positions import CATEGORIES, KINDS, SHIFTED, grouped, indices

NAMES = ("status", "positions", *CATEGORIES, "style", "kl", "first", "labels", "kinds")


def token_counts(context: ContextRows) -> dict[str, list[Any]]:
    """One value an answer, by NAMES; null where it is not known, and where nothing was measured."""
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
        "first": _first(context, answer, count),
        "labels": _masks(answer[shifted], label[shifted], count),
        "kinds": _masks(answer[shifted], kind[shifted], count),
    }


def _mean(context: ContextRows, answer: Integers, count: int) -> list[float | None]:
    """Mean KL over the positions where it is known."""
    kl: Floats = np.asarray(context.table["kl"].to_numpy(), np.float64)
    known = np.isfinite(kl)
    counted = np.bincount(answer[known], minlength=count)
    sums = np.bincount(answer[known], kl[known], minlength=count)
    means = np.round(sums / np.maximum(counted, 1), DECIMALS)
    return _or_null(means.tolist(), counted > 0)


def _first(context: ContextRows, answer: Integers, count: int) -> list[int | None]:
    """The first position whose base rank is not 1."""
    table = context.table
    other = np.flatnonzero(pc.fill_null(pc.not_equal(table["base_rank"], 1), True).to_numpy())
    answers, rows = np.unique(answer[other], return_index=True)
    first = np.full(count, -1)
    first[answers] = table["position"].to_numpy()[other[rows]]
    return _or_null(first.tolist(), first >= 0)


def _masks(answer: Integers, value: Integers, count: int) -> list[int]:
    """A bit mask an answer: bit i is set where one of its rows has the value i."""
    masks = np.zeros(count, np.int64)
    known = value >= 0
    np.bitwise_or.at(masks, answer[known], np.left_shift(1, value[known]))
    return [int(mask) for mask in masks]


def _or_null(values: Iterable[Any], known: Iterable[Any]) -> list[Any]:
    return [value if is_known else None for value, is_known in zip(values, known, strict=True)]
