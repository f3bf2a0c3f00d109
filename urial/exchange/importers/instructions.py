"""Instructions out of a local file, and what all importers share: tables and cells read strictly, rows of one origin."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.store import read_jsonl
from urial.core.strict_json import first_twice
from urial.instructions.formats import published
from urial.instructions.reading import Row, Rows, read_rows, require_columns
from urial.instructions.sets import load_instructions
from urial.records.base import NAME_PATTERN
from urial.records.instruction import Columns, Instruction, InstructionSet
from urial.records.plans import InstructionsPlan

MAX_NUMBER = 10**10


def import_instructions(path: Path, kind: str, name: str, table: Mapping[str, Any] | None = None) -> list[Instruction]:
    """The instructions in a file of a kind of ``InstructionSet``; ``name`` is the set's, which ids in a table begin with.

    ``table`` has the further fields of a TableSet, ``columns`` and ``category``. Raises UrialError naming file, row and
    column.
    """
    require_name(name, "an instruction set")
    if not path.is_file():
        # What is no file would be taken for the id of a data set on the hub.
        raise UrialError("no such file", path=path, fix="check the path")
    fields = {"kind": kind, "source": str(path), **(table or {})}
    columns = fields.get("columns", {})
    for field in columns:
        if field not in Columns.model_fields:
            raise UrialError(f"no field {field!r} in an instruction", fix=did_you_mean(field, Columns.model_fields))
    adapter: TypeAdapter[InstructionSet] = TypeAdapter(InstructionSet)
    try:
        instruction_set = adapter.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UrialError(f"{first['msg'].removeprefix('Value error, ')}: {columns}") from error
    return load_instructions(
        InstructionsPlan(name=name, set=instruction_set, source_hash=None, microworld_seed=None, limit=None)
    )


def read_instructions(path: Path) -> list[Instruction]:
    """The instructions in a file of records of this project, or of rows of Just-Eval-Instruct; the columns tell."""
    ours = "turns" in read_rows(path, ()).columns
    rows = read_jsonl(path, Instruction) if ours else published("just-eval", read_rows(path, None))
    if (twice := first_twice(row.id for row in rows)) is not None:
        raise UrialError(f"two instructions {shorten(twice)}", path=path, expected="every id once")
    return rows


def read_table(path: Path, columns: Mapping[str, str], others: Collection[str], expected: str) -> Rows:
    """The rows of a file with at least one, which must have ``columns`` (each with what it is for) and may have others."""
    rows = read_rows(path, (*columns, *others))
    if not rows.rows:
        raise UrialError("no rows", path=path, expected=expected)
    require_columns(rows, columns)
    return rows


def text(row: Row, column: str) -> str:
    """The text of a cell, which may be empty."""
    value = row.values.get(column)
    return value if isinstance(value, str) else row.refuse(column, value, "text")


def number(row: Row, column: str) -> int:
    """A whole number that an id of ours can end with."""
    value = row.values.get(column)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_NUMBER:
        row.refuse(column, value, "a whole number, not negative")
    return value


def require_unique(places: Iterable[tuple[str, str]]) -> None:
    """Raises UrialError when of several (id, place) two have the same id: neither row is taken for the other."""
    seen: dict[str, str] = {}
    for name, where in places:
        if name in seen:
            raise UrialError(
                f"{name!r} twice: in {seen[name]}, and in {where}",
                expected="one row an instruction",
                fix="remove one of the two rows",
            )
        seen[name] = where


def require_same(what: str, places: Iterable[tuple[str, str]], fix: str) -> None:
    """Raises UrialError unless all (value, place) have the same value."""
    first: tuple[str, str] | None = None
    for value, where in places:
        first = first or (value, where)
        if value != first[0]:
            raise UrialError(
                f"{what} differ: {shorten(first[0], 300)} in {first[1]}, and {shorten(value, 300)} in {where}",
                expected="the same in every row",
                fix=fix,
            )


def require_name(name: str, of: str = "a system") -> None:
    """Raises UrialError unless it can be a name."""
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > 100:
        raise UrialError(
            f"{shorten(name)} is no name of {of}",
            expected="up to 100 letters, digits, '.', '_' and '-', not beginning with a sign",
        )
