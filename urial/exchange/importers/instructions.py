"""Instructions out of a local file, and what all importers share: tables and cells read strictly, rows of one origin."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.store import read_jsonl
from urial.core.strict_json import first_twice
from urial.core.text import and_more
from urial.exchange.importers.answer_tables import KIND, QUESTIONS, TAGS
from urial.instructions.formats import READ_COLUMNS, published
from urial.instructions.reading import Row, Rows, read_rows, require_columns
from urial.instructions.sets import load_instructions
from urial.instructions.table import from_table
from urial.records.base import NAME_PATTERN
from urial.records.instruction import Columns, Instruction, InstructionSet, TableSet
from urial.records.plans import InstructionsPlan

MAX_NUMBER = 10**10
# Columns that only one kind of file has, in this order.
_TELLING = {
    "mt-bench": {"question_id", "prompt_id"}, "jsonl": {"turns"}, "lima": {"conversations"},
    "just-eval": {"source_id", "task", "topic"}, "alpaca-eval": {"instruction"},
}  # fmt: skip


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
    """The instructions in a file of records of this project, of a published set, or in a table of one's own; the columns tell."""
    columns = read_rows(path, ()).columns
    asked = [name for name in columns if name.lower() in QUESTIONS]
    kind = next((kind for kind, own in _TELLING.items() if own & set(columns)), KIND if asked else "just-eval")
    if kind == "jsonl":
        rows = read_jsonl(path, Instruction)
    elif kind == KIND:
        rows = _of_table(path, asked, columns)
    else:
        rows = published(kind, read_rows(path, READ_COLUMNS.get(kind)))
    if (twice := first_twice(row.id for row in rows)) is not None:
        raise UrialError(f"two instructions {shorten(twice)}", path=path, expected="every id once")
    return rows


def _of_table(path: Path, asked: Sequence[str], columns: Collection[str]) -> list[Instruction]:
    """Under the ids that answers in a table have; the columns of tags are those of their names."""
    if len(asked) > 1:
        raise UrialError(
            f"{and_more(asked, 5)} may each hold the question", path=path, expected="one of them",
            fix="make records of it: `urial import instructions --kind table --column query=COLUMN`",
        )  # fmt: skip
    tags = {name: name for name in TAGS if name in columns}
    table = TableSet(kind="table", source=str(path), columns=Columns(query=asked[0], **tags), category="regular")
    return from_table(read_rows(path, {asked[0], *tags}), table, KIND)


def numbered_instructions(path: Path) -> dict[int, Instruction]:
    """The instructions of a published set by the numbers that it gives them. Raises UrialError where it gives none."""
    numbers = read_rows(path, ("question_id", "prompt_id"))
    if {"question_id", "prompt_id"}.isdisjoint(numbers.columns):
        raise UrialError(
            "no column 'question_id'", path=path, expected="the set as published, whose numbers the file's rows have"
        )
    column = "question_id" if "question_id" in numbers.columns else "prompt_id"
    found = zip(numbers.rows, read_instructions(path), strict=True)
    return {number: instruction for row, instruction in found if (number := row_number(row, column)) is not None}


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


def row_number(row: Row, column: str) -> int | None:
    """The number that a tool gave a row; None: it has none, or an id of another kind."""
    value = row.values.get(column)
    if isinstance(value, str) and re.fullmatch("[0-9]{1,10}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_NUMBER else None


def require_unique(places: Iterable[tuple[str, str]]) -> None:
    """Raises UrialError when of several (name, place) two have the same name: neither row is taken for the other."""
    seen: dict[str, str] = {}
    for name, where in places:
        if name in seen:
            raise UrialError(
                f"{name} twice: in {seen[name]}, and in {where}",
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
