"""Columns of a table as JSON, each answer's part a text of its own: by Arrow, so that millions of rows take seconds."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from urial.core.text import visible
from urial.report.site.data_files import as_json
from urial.statistics.bootstrap import Integers
from urial.token_shift.figures.positions import Truths

DECIMALS = 4


# JSON of each answer's part of a column; None: it says nothing.
Parts = Sequence[str | None]


def whole(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece."""
    return column.combine_chunks()


def rounded(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column as it is written: a number with DECIMALS decimals at most, and null for what is not known."""
    values = whole(column) if isinstance(column, pa.ChunkedArray) else column
    if not pa.types.is_floating(values.type):
        return values
    numbers = np.round(values.to_numpy(zero_copy_only=False).astype(np.float64), DECIMALS)
    # No minus before a zero, and no infinity, which JSON does not have.
    return pa.array(numbers + 0.0, mask=~np.isfinite(numbers))


def texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Each value as JSON."""
    values = pc.cast(rounded(column), pa.string())
    return pc.fill_null(values, "null") if values.null_count else values


def differs(one: pa.Array, other: pa.Array) -> Truths:
    """Where two columns are not the same; null is the same as null."""
    unequal = pc.fill_null(pc.not_equal(one, other), False)
    return np.asarray(pc.or_(unequal, pc.xor(one.is_null(), other.is_null())).to_numpy(zero_copy_only=False))


def any_of(truths: Truths, ends: Integers) -> list[bool]:
    """Whether it is true of any row of each answer."""
    counts = np.append(0, np.cumsum(truths))[ends]
    return [bool(count) for count in np.diff(counts)]


def lists(values: pa.Array, ends: Integers) -> list[str]:
    """The texts of each answer as a JSON list; ``ends`` are 0 and then the row after the last one of each answer."""
    return [f"[{text}]" for text in joined(values, ends, ",")]


def joined(values: pa.Array, ends: Integers, separator: str = "") -> list[str]:
    """The texts of each answer, one after the other."""
    return list(pc.binary_join(pa.ListArray.from_arrays(pa.array(ends, pa.int32()), values), separator).to_pylist())


def places(truths: Truths, ends: Integers) -> list[list[int]]:
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


def named(text: pa.Array, ids: pa.Array) -> pa.Array:
    """Texts of tokens, of which one without text is named by its id, where it has one: it must still be seen."""
    empty = pc.equal(text, "")
    if not pc.any(empty, min_count=0).as_py():
        return text
    by_id = pc.binary_join_element_wise("⟨token ", pc.cast(ids, pa.string()), "⟩", "")
    return pc.if_else(empty, pc.fill_null(by_id, "⟨token without text⟩"), text)
