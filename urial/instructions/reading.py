"""Rows of JSONL, JSON, CSV and Parquet files, read strictly."""

import contextlib
import csv
import io
import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

from urial.core.errors import UrialError, did_you_mean, reason_of, shorten
from urial.core.strict_json import first_twice, strict_json
from urial.core.yaml_files import read_text
from urial.instructions.parquet_rows import parquet_rows
from urial.records.instruction import FILE_ENDINGS, MAX_TURN_CHARACTERS

# A set of instructions has megabytes; a mistaken file is refused before it fills the memory.
MAX_BYTES = 500_000_000
BYTE_ORDER_MARK = "\ufeff"
ENDINGS = ", ".join(FILE_ENDINGS[:-1]) + f" or {FILE_ENDINGS[-1]}"

QUERY = f"text that is not blank, of at most {MAX_TURN_CHARACTERS:,} characters"
# Steps into nested values.
MAX_DEPTH = 10
# A file of thousands of columns is named by its first ones.
MAX_NAMES = 50
MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True)
class Row:
    """One row and its place, for messages: rows count from 0 as ids do, lines of a text file from 1."""

    where: str
    values: Mapping[str, object]

    def refuse(self, column: str, value: object, expected: str, fix: str | None = None) -> NoReturn:
        """Raises UrialError about one cell, or about a part of it."""
        raise UrialError(f"{self.where}, column {shorten(column)}: got {shorten(value)}", expected=expected, fix=fix)

    def query(self, column: str) -> str:
        """A cell that can be a user's message. Raises UrialError for any other."""
        value = cell(self, column)
        fix = "where it has several messages, name the column as turns" if isinstance(value, list) else None
        return value if is_query(value) else self.refuse(column, value, QUERY, fix)


def cell(row: Row, column: str) -> object:
    """The value under a column, or under a path into nested values, such as choices.0.message.content; None: there is none."""
    if column in row.values:
        return row.values[column]
    value: object = row.values
    for part in column.split(".")[:MAX_DEPTH]:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and part.isascii() and part.isdigit() and len(part) < 6:
            value = value[int(part)] if int(part) < len(value) else None
        else:
            return None
    return value


def is_query(value: object) -> TypeGuard[str]:
    """Whether a value can be a user's message."""
    return isinstance(value, str) and value.strip() != "" and len(value) <= MAX_TURN_CHARACTERS


@dataclass(frozen=True)
class Rows:
    """All rows of a source. ``columns`` are those of the source, even where rows keep only the wanted ones."""

    where: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    # Of a file that is one JSON object: the keys that lead to a list of objects in it, which are the rows then.
    wrapped: tuple[str, ...] = ()


def refuse_wrapped(rows: Rows) -> None:
    """Raises UrialError for a file whose rows lie deeper than where they are read."""
    if rows.wrapped:
        path = "".join(f"[{json.dumps(key)}]" for key in rows.wrapped)
        under = " in ".join(shorten(key) for key in reversed(rows.wrapped))
        raise UrialError(
            f"{rows.where}: one object, with a list of objects under {under}",
            expected="a JSON array of objects, or one object a line",
            fix=f"write that list alone to a file: jq '.{path}' FILE > ROWS.json",
        )


def require_columns(rows: Rows, wanted: Mapping[str, str]) -> None:
    """Raises UrialError unless the source has each column of ``wanted``, which says what each is for, or that a path begins with."""
    if not rows.rows and not rows.columns:
        # Nothing at all: that is reported as an empty set.
        return
    for column, expected in wanted.items():
        if column not in rows.columns and column.partition(".")[0] not in rows.columns:
            refuse_wrapped(rows)
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
    parts = _json_parts(name, text, ending)
    objects = [(where, _object(where, value)) for where, value in parts]
    # Objects need not have the same keys; a column is one that any of them has.
    columns = tuple(dict.fromkeys(key for _, values in objects for key in values))
    wrapped = _list_of_objects(objects[0][1]) if len(objects) == 1 else None
    return Rows(name, columns, tuple(Row(where, _wanted(values, wanted)) for where, values in objects), wrapped or ())


def _json_parts(name: str, text: str, ending: str) -> Iterator[tuple[str, object]]:
    """(place, value) of each row: the entries of one array, one object, or the lines of a text."""
    if ending == ".json" and text.lstrip()[:1] == "[":
        value = _parsed(text, name, "a JSON array of objects")
        yield from ((f"{name}, row {index}", row) for index, row in enumerate(value))
        return
    if ending == ".json" and text.count("\n") > 1:
        with contextlib.suppress(ValueError):
            yield f"{name}, row 0", strict_json(text)
            return
    # Not splitlines(): it also splits at separators that JSON strings may hold.
    *lines, rest = text.split("\n")
    lines += [rest] if rest.strip() else []
    while lines and not lines[-1].strip():
        lines.pop()
    for number, line in enumerate(lines, start=1):
        where = f"{name}, line {number}"
        if not line.strip():
            raise UrialError(f"{where}: the line is empty", expected="one JSON object a line", fix="remove the line")
        cut_off = rest.strip() and number == len(lines)
        hint = " (the last line has no end: is the file truncated?)" if cut_off else ""
        yield where, _parsed(line, where, "one JSON object a line", hint)


def _parsed(text: str, where: str, expected: str, hint: str = "") -> Any:
    try:
        return strict_json(text)
    except json.JSONDecodeError as error:
        line = f", line {error.lineno}" if "\n" in text or ", line " not in where else ""
        problem = f"{where}{line}{hint}: not valid JSON at character {error.colno}: {error.msg}"
        raise UrialError(problem, expected=expected) from error
    except ValueError as error:
        raise UrialError(f"{where}: {reason_of(error)}", expected=expected) from error


def _object(where: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise UrialError(f"{where}: got {shorten(value)}", expected="a JSON object")
    return value


def _list_of_objects(values: object, depth: int = 3) -> tuple[str, ...] | None:
    """The keys that lead to the first list of objects in an object."""
    for key, value in values.items() if isinstance(values, dict) and depth else ():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            return (key,)
        if (deeper := _list_of_objects(value, depth - 1)) is not None:
            return (key, *deeper)
    return None


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
    try:
        too_large = os.path.getsize(path) > MAX_BYTES
    except OSError as error:
        raise UrialError(f"{name}: cannot be read: {error.strerror}", fix="check the path") from error
    if too_large:
        raise UrialError(f"{name}: too large", expected=f"at most {MAX_BYTES:,} bytes")
    columns, values = parquet_rows(path, name, wanted)
    _require_unique(list(columns), name)
    return Rows(name, columns, tuple(Row(f"{name}, row {number}", row) for number, row in enumerate(values)))
