"""Measurements read from files of anyone's, each with its coverage, checked before any figure is made of them."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from urial.core.errors import UrialError, shorten
from urial.core.store import read_jsonl, read_parquet
from urial.records.base import NAME_PATTERN
from urial.records.token_shift import LABELS, ShiftCoverage, shift_schema
from urial.token_shift.figures.positions import CATEGORIES, KINDS, indices

if TYPE_CHECKING:
    import pyarrow as pa

NEEDED = ("instruction_id", "position", "token", "is_end", "base_logprob", "category", "label")
MAX_NAME = 100
_MEASURED = "a table of `urial token-shift measure` or of the stage token_shift"


@dataclass(frozen=True, eq=False)
class Measurement:
    """One file: a row a position."""

    name: str
    path: Path
    table: "pa.Table"
    # None: no coverage lies beside the table, so what was not measured is not known.
    coverage: list[ShiftCoverage] | None

    @property
    def instruction_ids(self) -> list[str]:
        """The measured instructions, each once."""
        return list(self.table["instruction_id"].unique().to_pylist())


def read_measurements(arguments: Sequence[str]) -> list[Measurement]:
    """The measurements of ``FILE`` or ``NAME=FILE`` each. Raises UrialError for a file that is not a measurement."""
    named = [_named(argument) for argument in arguments]
    for name, count in Counter(name for name, _ in named).items():
        if count > 1:
            raise UrialError(f"two measurements have the name {name!r}", fix="name them apart: NAME=FILE")
    return [_read(name, path) for name, path in named]


def _named(argument: str) -> tuple[str, Path]:
    name, equals, file = argument.partition("=")
    if not equals or Path(argument).is_file():
        name, file = Path(argument).stem, argument
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > MAX_NAME:
        raise UrialError(
            f"{shorten(argument)}: {shorten(name)} is no name",
            expected="letters, digits, dots, underscores and hyphens, a letter or digit first",
            fix="give it one: NAME=FILE",
        )
    return name, Path(file)


def _read(name: str, path: Path) -> Measurement:
    if not path.is_file():
        raise UrialError("no such file", path=path, expected=_MEASURED)
    try:
        table = read_parquet(path, shift_schema())
    except UrialError as error:
        raise error.but(expected=_MEASURED, fix=None) from error
    beside = path.with_suffix(".coverage.jsonl")
    coverage = read_jsonl(beside, ShiftCoverage) if beside.is_file() else None
    if not len(table):
        why = next((row.reason for row in coverage or () if row.reason), None)
        raise UrialError(f"{path}: no position was measured" + (f": {why}" if why else ""))
    _check_rows(path, table)
    if coverage is not None:
        _check_coverage(beside, table, coverage)
    return Measurement(name, path, table, coverage)


def _check_rows(path: Path, table: "pa.Table") -> None:
    import pyarrow.compute as pc
    from pyarrow import types

    for name in NEEDED:
        if table[name].null_count:
            raise UrialError(f"column {name!r} has a null", path=path, expected=_MEASURED)
    for name in ("position", "word_index"):
        if (lowest := pc.min(table[name]).as_py()) is not None and lowest < 0:
            raise UrialError(f"column {name!r} has {lowest}", path=path, expected="numbers from 0")
    for name, known in (("category", CATEGORIES), ("label", LABELS), ("kind", KINDS)):
        present = table[name].drop_null()
        if (unknown := np.flatnonzero(indices(present, known) < 0)).size:
            value = present[int(unknown[0])].as_py()
            raise UrialError(f"column {name!r} has {shorten(value)}", path=path, expected=f"one of {', '.join(known)}")
    for field in table.schema:
        if types.is_floating(field.type) and not pc.all(pc.is_finite(table[field.name]), min_count=0).as_py():
            raise UrialError(f"column {field.name!r} has a number that is not finite", path=path, expected=_MEASURED)
    rows = table.group_by(["instruction_id", "position"]).aggregate([([], "count_all")])
    if len(rows) < len(table):
        twice = rows.filter(pc.greater(rows["count_all"], 1)).slice(0, 1).to_pylist()[0]
        raise UrialError(
            f"position {twice['position']} of instruction {shorten(twice['instruction_id'])} has "
            f"{twice['count_all']} rows",
            path=path,
            expected="one row a position; join no files of several contexts or models",
        )


def _check_coverage(path: Path, table: "pa.Table", coverage: Sequence[ShiftCoverage]) -> None:
    contexts = list(dict.fromkeys(row.context for row in coverage))
    if len(contexts) > 1:
        raise UrialError(f"rows of two contexts, {contexts[0]} and {contexts[1]}", path=path, expected="those of one")
    planned = Counter({row.instruction_id: row.positions for row in coverage if row.positions})
    if len({row.instruction_id for row in coverage}) < len(coverage):
        twice = Counter(row.instruction_id for row in coverage).most_common(1)[0][0]
        raise UrialError(f"two rows of instruction {shorten(twice)}", path=path, expected="one row an instruction")
    for row in table["instruction_id"].value_counts().to_pylist():
        name, count = row["values"], row["counts"]
        if planned.pop(name, 0) != count:
            _mixed_up(path, name, count)
    for name in planned:
        _mixed_up(path, name, 0)


def _mixed_up(path: Path, name: str, rows: int) -> None:
    raise UrialError(
        f"counts other positions of instruction {shorten(name)} than the table beside it, which has {rows:,}",
        path=path,
        expected="the coverage that was written with the table",
    )
