"""Columns of a table as JSON, each answer's part a text of its own: by Arrow, so that millions of rows take seconds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from urial.core.text import visible
from urial.report.site.data_files import as_json
from urial.statistics.bootstrap import Integers

DECIMALS = 4


# JSON of each answer's part of a column; None: it says nothing.
Parts = Sequence[str | None]


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return column.combine_chunks()


def other_than(same: Parts, own: Parts) -> Parts:
    """The parts that are not the same."""
    return [None if part == other else part for part, other in zip(own, same, strict=True)]


def texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Each value as JSON: a whole number, a number with DECIMALS decimals at most, or null for what is not known."""
    values = whole(column) if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_floating(values.type):
        numbers = np.round(values.to_numpy(zero_copy_only=False).astype(np.float64), DECIMALS)
        # No minus before a zero, and no infinity, which JSON does not have.
        values = pa.array(numbers + 0.0, mask=~np.isfinite(numbers))
    return pc.fill_null(pc.cast(values, pa.string()), "null")


def lists(values: pa.Array, ends: Integers) -> list[str]:
    """The texts of each answer as a JSON list; ``ends`` are 0 and then the row after the last one of each answer."""
    return [f"[{text}]" for text in joined(values, ends, ",")]


def joined(values: pa.Array, ends: Integers, separator: str = "") -> list[str]:
    """The texts of each answer, one after the other."""
    return list(pc.binary_join(pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values), separator).to_pylist())


def places(truths: "np.ndarray[Any, np.dtype[np.bool_]]", ends: Integers) -> list[list[int]]:
    """Which rows of each answer it is true of, counted from the answer's first."""
    found = np.flatnonzero(truths)
    starts = np.searchsorted(found, ends)
    return [(found[a:b] - first).tolist() for a, b, first in zip(starts, starts[1:], ends, strict=False)]


def words(tokens: Sequence[pa.Array]) -> tuple[str, list[pa.Array]]:
    """The distinct texts of some columns as a JSON list, the most frequent first, and the columns as indices of it.

    Each text is made visible once, however often it is met.
    """
    encoded = pa.chunked_array([pa.array([], pa.string()), *tokens]).combine_chunks().dictionary_encode()
    counts = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
    # The first met of equally frequent ones first.
    order = np.argsort(-counts, kind="stable")
    index = np.empty(len(order), np.int32)
    index[order] = np.arange(len(order), dtype=np.int32)
    distinct = encoded.dictionary.to_pylist()
    renamed = index[encoded.indices.to_numpy()] if len(order) else np.zeros(0, np.int32)
    parts, start = [], 0
    for column in tokens:
        parts.append(pa.array(renamed[start : start + len(column)]))
        start += len(column)
    return as_json([visible(distinct[place]) for place in order]), parts


def named(text: pa.Array, ids: pa.Array | None) -> pa.Array:
    """Texts of tokens, of which one without text is named by its id: it must still be seen."""
    unwritten = pa.scalar("⟨token without text⟩")
    if ids is not None:
        by_id = pc.binary_join_element_wise("⟨token ", pc.cast(ids, pa.string()), "⟩", "")
        unwritten = pc.fill_null(by_id, "⟨token without text⟩")
    return pc.if_else(pc.equal(text, ""), unwritten, text)
