"""The rows of the token shift a few answers at a time, those of all base contexts lined up by their positions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from urial.core.errors import UrialError, shorten
from urial.records.token_shift import ShiftCoverage
from urial.report.inputs import ContextInputs
from urial.statistics.bootstrap import Integers

# Above every position.
_ANSWER = 1 << 40


@dataclass(frozen=True)
class ContextRows:
    """What was measured of some answers under one base context."""

    coverage: Sequence[ShiftCoverage]
    table: pa.Table
    # 0, and then the row after the last one of each answer.
    ends: Integers
    # Of each row, its row in the table that all contexts share.
    place: Integers
    # Whether these are all rows of that table.
    is_whole: bool


@dataclass(frozen=True)
class ShardRows:
    """Some answers: each token that was measured under any context, once, and the rows of each context."""

    first: int
    # The row of the first context that has the token.
    shared: pa.Table
    ends: Integers
    contexts: Mapping[str, ContextRows]

    def __len__(self) -> int:
        return len(self.ends) - 1


def shards(contexts: Mapping[str, ContextInputs], ids: Sequence[str], size: int) -> Iterator[ShardRows]:
    """The rows of ``size`` instructions at a time; ``ids`` are those of all, in their order."""
    if not contexts:
        return
    starts = range(0, len(ids), size)
    streams = [_slices(name, context, ids, starts) for name, context in contexts.items()]
    for start in starts:
        end = min(start + size, len(ids))
        tables = [next(stream) for stream in streams]
        coverages = [context.coverage[start:end] for context in contexts.values()]
        yield _lined_up(start, dict(zip(contexts, zip(coverages, tables, strict=True), strict=True)))


def _lined_up(first: int, contexts: Mapping[str, tuple[Sequence[ShiftCoverage], pa.Table]]) -> ShardRows:
    counts = [np.array([row.positions for row in coverage], np.int64) for coverage, _ in contexts.values()]
    tables = [table for _, table in contexts.values()]
    answers = [np.repeat(np.arange(len(count)), count) for count in counts]
    keys = [
        answer * _ANSWER + table["position"].to_numpy().astype(np.int64)
        for answer, table in zip(answers, tables, strict=True)
    ]
    every, source = np.unique(np.concatenate(keys), return_index=True)
    # As nearly always, the first context has every token.
    shared = tables[0] if len(every) == len(tables[0]) else pa.concat_tables(tables).take(source).combine_chunks()
    rows = {
        name: ContextRows(
            coverage, table, np.append(0, np.cumsum(count)), np.searchsorted(every, key), len(key) == len(every)
        )
        for (name, (coverage, table)), count, key in zip(contexts.items(), counts, keys, strict=True)
    }
    ends = np.searchsorted(every, np.arange(len(counts[0]) + 1) * _ANSWER)
    return ShardRows(first, shared, ends, rows)


def _slices(name: str, context: ContextInputs, ids: Sequence[str], starts: range) -> Iterator[pa.Table]:
    """The rows of each shard. Raises UrialError for a table that has other rows than the coverage beside it says."""
    counts = np.array([row.positions for row in context.coverage], np.int64)
    sizes = [int(counts[start : start + starts.step].sum()) for start in starts]
    for start, table in zip(starts, _cut(context.groups(ids), sizes), strict=True):
        end = start + starts.step
        expected, found = np.repeat(np.arange(len(ids))[start:end], counts[start:end]), _numbers(table, ids)
        if not np.array_equal(expected, found):
            counted = np.bincount(found[found >= 0], minlength=len(ids))[start:end]
            wrong = start + int(np.argmax(counted != counts[start:end]))
            raise UrialError(
                f"base context {name}: the table has other rows of instruction {shorten(ids[wrong])} than the coverage says",
                expected="the coverage that was written with the table, and rows in the order of the instructions",
                fix="run `dvc repro`",
            )
        yield table


def _numbers(table: pa.Table, ids: Sequence[str]) -> Integers:
    """The place of each row's instruction among ``ids``."""
    found = pc.index_in(table["instruction_id"], value_set=pa.array(ids, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)


def _cut(groups: Iterable[pa.Table], sizes: Sequence[int]) -> Iterator[pa.Table]:
    """The same rows in tables of these sizes."""
    stream = iter(groups)
    rest: pa.Table | None = None
    for size in sizes:
        while rest is None or len(rest) < size:
            group = next(stream, None)
            if group is None:
                break
            rest = group if rest is None else pa.concat_tables([rest, group])
        if rest is None:
            raise TypeError("a measurement without any table")
        yield rest.slice(0, size).combine_chunks()
        rest = rest.slice(size)
