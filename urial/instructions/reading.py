"""Rows of JSONL, JSON, CSV and Parquet files, read strictly."""

import csv
import io
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeGuard

from urial.core.errors import UrialError, did_you_mean, reason_of, shorten
from urial.core.strict_json import first_twice, strict_json
from urial.core.yaml_files import read_text
from urial.records.instruction import FILE_ENDINGS, MAX_TURN_CHARACTERS

# A set of instructions has megabytes; a mistaken file is refused before it fills the memory.
MAX_BYTES = 500_000_000
BATCH_ROWS = 1_000
BYTE_ORDER_MARK = "\ufeff"
ENDINGS = ", ".join(FILE_ENDINGS[:-1]) + f" or {FILE_ENDINGS[-1]}"

QUERY = f"text that is not blank, of at most {MAX_TURN_CHARACTERS:,} characters"
# A file of thousands of columns is named by its first ones.
MAX_NAMES = 50
MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True)
class Row:
    """One row and its place, for messages: rows count from 0 as ids do, lines of a text file from 1."""

    where: str
    values: Mapping[str, object]

    def refuse(self, column: str, value: object, expected: str) -> NoReturn:
        """Raises UrialError about one cell, or about a part of it."""
        raise UrialError(f"{self.where}, column {shorten(column)}: got {shorten(value)}", expected=expected)

    def query(self, column: str) -> str:
        """A cell that can be a user's message. Raises UrialError for any other."""
        value = self.values.get(column)
        return value if is_query(value) else self.refuse(column, value, QUERY)


def is_query(value: object) -> TypeGuard[str]:
    """Whether a value can be a user's message."""
    return isinstance(value, str) and value.strip() != "" and len(value) <= MAX_TURN_CHARACTERS


@dataclass(frozen=True)
class Rows:
    """All rows of a source. ``columns`` are those of the source, even where rows keep only the wanted ones."""

    where: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def require_columns(rows: Rows, wanted: Mapping[str, str]) -> None:
    """Raises UrialError unless the source has each column of ``wanted``, which says what each is for."""
    if not rows.rows and not rows.columns:
        # Nothing at all: that is reported as an empty set.
        return
    for column, expected in wanted.items():
        if column not in rows.columns:
            known = [name for name in rows.columns if len(name) <= MAX_NAME_CHARACTERS][:MAX_NAMES]
            raise UrialError(
                f"{rows.where}: no column {shorten(column)}", expected=expected, fix=did_you_mean(column, known)
            )


def read_rows(path: Path, wanted: Collection[str] | None, name: str | None = None) -> Rows:
    """The rows of a file, by its ending, with only the wanted columns (None: all).

    A .json file holds an array of objects, or one object a line. Raises UrialError naming line or row; messages call
    the file by ``name``, else by its path.
    """
    name = name or str(path)
    ending = path.suffix.lower()
    if ending not in FILE_ENDINGS:
        raise UrialError(f"{name}: a kind of file that is not read here", expected=f"a name that ends with {ENDINGS}")
    if ending == ".parquet":
        return _parquet(path, name, wanted)
    text = read_text(path, MAX_BYTES)
    if ending == ".csv":
        return _csv(name, text.removeprefix(BYTE_ORDER_MARK), wanted)
    if text.startswith(BYTE_ORDER_MARK):
        raise UrialError(f"{name}: begins with a byte order mark", fix="save the file as UTF-8 without one")
    is_array = ending == ".json" and text.lstrip()[:1] == "["
    objects = list(_json_objects(name, text, is_array))
    # Objects need not have the same keys; a column is one that any of them has.
    columns = tuple(dict.fromkeys(key for _, values in objects for key in values))
    return Rows(name, columns, tuple(Row(where, _wanted(values, wanted)) for where, values in objects))


def _json_objects(name: str, text: str, is_array: bool) -> Iterator[tuple[str, Mapping[str, object]]]:
    """(place, object) of each row: the entries of one array, or the lines of a text."""
    expected = "a JSON array of objects" if is_array else "one JSON object a line"
    # Not splitlines(): it also splits at separators that JSON strings may hold.
    texts = [text] if is_array else text.split("\n")
    cut_off = not is_array and texts[-1] != ""
    for number, part in enumerate(texts if is_array or cut_off else texts[:-1], start=1):
        try:
            value = strict_json(part)
        except json.JSONDecodeError as error:
            line = error.lineno if is_array else number
            hint = " (the last line has no end: is the file truncated?)" if cut_off and number == len(texts) else ""
            raise UrialError(
                f"{name}, line {line}{hint}: not valid JSON at character {error.colno}: {error.msg}", expected=expected
            ) from error
        except ValueError as error:
            where = name if is_array else f"{name}, line {number}"
            raise UrialError(f"{where}: {reason_of(error)}", expected=expected) from error
        if is_array:
            rows = [(f"{name}, row {index}", row) for index, row in enumerate(value)]
        else:
            rows = [(f"{name}, line {number}", value)]
        for where, row in rows:
            if not isinstance(row, dict):
                raise UrialError(f"{where}: got {shorten(row)}", expected="a JSON object")
            yield where, row


def _wanted(values: Mapping[str, object], wanted: Collection[str] | None) -> Mapping[str, object]:
    return values if wanted is None else {name: value for name, value in values.items() if name in wanted}


def _csv(name: str, text: str, wanted: Collection[str] | None) -> Rows:
    before = csv.field_size_limit(max(len(text), 1))
    header: list[str] | None = None
    rows: list[Row] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        while True:
            where = f"{name}, line {reader.line_num + 1}"
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise UrialError(
                    f"{where}: not valid CSV: {error}",
                    expected='cells between commas, those with commas, quotes or line ends in "quotes", quotes doubled',
                ) from error
            if cells is None:
                return Rows(name, tuple(header or ()), tuple(rows))
            if header is None and cells:
                header = cells
                _require_unique(header, name)
            # An empty line has no cells, as everywhere in CSV.
            elif header is not None and cells:
                if len(cells) != len(header):
                    expected = f"{len(header)}, as many as the first line has"
                    raise UrialError(f"{where}: number of cells: {len(cells)}", expected=expected)
                rows.append(Row(where, _wanted(dict(zip(header, cells, strict=True)), wanted)))
    finally:
        csv.field_size_limit(before)


def _require_unique(columns: list[str], where: str) -> None:
    twice = first_twice(columns)
    if twice is not None:
        raise UrialError(f"{where}: two columns {shorten(twice)}", expected="every column name once")


def _parquet(path: Path, name: str, wanted: Collection[str] | None) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if os.path.getsize(path) > MAX_BYTES:
            raise UrialError(f"{name}: too large", expected=f"at most {MAX_BYTES:,} bytes")
        with pq.ParquetFile(path) as file:
            columns = file.schema_arrow.names
            _require_unique(columns, name)
            chosen = [column for column in columns if wanted is None or column in wanted]
            # One batch at a time: a small file can hold a large table.
            batches = file.iter_batches(batch_size=BATCH_ROWS, columns=chosen)
            values = [row for batch in batches for row in batch.to_pylist()]
    except (OSError, ValueError, ArithmeticError, pa.ArrowException) as error:
        raise UrialError(f"{name}: cannot be read as Parquet: {reason_of(error)}") from error
    rows = (Row(f"{name}, row {number}", row) for number, row in enumerate(values))
    return Rows(name, tuple(columns), tuple(rows))
