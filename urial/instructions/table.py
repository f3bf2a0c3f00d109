"""Instructions in a table of any columns, of which params.yaml or the command line says what they hold."""

import math
from collections.abc import Mapping
from typing import cast

from urial.core.errors import UrialError, shorten
from urial.core.strict_json import strict_json
from urial.instructions.formats import Category
from urial.instructions.identity import text_id, told_apart
from urial.instructions.reading import QUERY, Row, Rows, cell, is_query, require_columns
from urial.records.instruction import MAX_ACCEPTED, MAX_ACCEPTED_CHARACTERS, Columns, Instruction, TableSet

DEFAULT_QUERY = "instruction"
MAX_ID_CHARACTERS = 200
ACCEPTED = (
    f"one answer or a list of at most {MAX_ACCEPTED:,}, each text or a whole number, of at most "
    f"{MAX_ACCEPTED_CHARACTERS:,} characters"
)
AS_JSON = "write the list with json.dumps; of a single answer that begins with [, too"


def columns_of(columns: Columns) -> dict[str, str]:
    """Field of an instruction -> the column that holds it."""
    named = columns.model_dump(exclude_none=True)
    return named if columns.turns else {"query": DEFAULT_QUERY, **named}


def from_table(rows: Rows, table: TableSet, name: str) -> list[Instruction]:
    """The instructions in a table; ``name`` is the set's. Raises UrialError naming column and row."""
    columns = columns_of(table.columns)
    require_columns(rows, {column: f"the column that columns.{field} names" for field, column in columns.items()})
    for field, column in columns.items():
        if column not in rows.columns and rows.rows and all(cell(row, column) is None for row in rows.rows):
            raise UrialError(
                f"{rows.where}: nothing at {shorten(column)}, the path that columns.{field} names",
                expected="names of nested values with dots between them, such as answer.aliases",
            )
    instructions = [_instruction(row, columns, table, name) for row in rows.rows]
    return instructions if "id" in columns else told_apart(instructions, [None] * len(instructions))


def _instruction(row: Row, columns: Mapping[str, str], table: TableSet, name: str) -> Instruction:
    def text(field: str) -> str | None:
        return _text(row, columns[field]) if field in columns else None

    def tags(field: str) -> tuple[str, ...]:
        return _tags(row, columns[field]) if field in columns else ()

    turns = _turns(row, columns["turns"]) if "turns" in columns else (row.query(columns["query"]),)
    identity = text("id") if "id" in columns else text_id(name, turns)
    # Ids tell rows apart: one that is missing is never made up beside others that are given.
    if identity is None or ("id" in columns and len(identity) > MAX_ID_CHARACTERS):
        expected = f"text or a whole number, of 1 to {MAX_ID_CHARACTERS} characters"
        row.refuse(columns["id"], cell(row, columns["id"]), expected)
    category = text("category") or table.category
    if category not in ("regular", "safety"):
        row.refuse(columns["category"], category, "regular or safety")
    return Instruction(
        id=identity,
        turns=turns,
        category=cast(Category, category),
        task=tags("task"),
        topic=tags("topic"),
        difficulty=text("difficulty"),
        reference=text("reference"),
        accepted=_accepted(row, columns["accepted"]) if "accepted" in columns else (),
        # Not the path: artifacts name no places of this machine.
        source=text("source") or name,
    )


def _turns(row: Row, column: str) -> tuple[str, ...]:
    value = cell(row, column)
    # A column of mixed values has a text where there is one message; the text of a list is none.
    if is_query(value) and not value.lstrip().startswith("["):
        return (value,)
    if not isinstance(value, list) or not value:
        row.refuse(column, value, "a list of the user's messages, or one message")
    for turn in value:
        if not is_query(turn):
            row.refuse(column, turn, f"in the list: {QUERY}")
    return tuple(value)


def _tags(row: Row, column: str) -> tuple[str, ...]:
    value = cell(row, column)
    if not isinstance(value, list):
        tag_text = _text(row, column)
        return () if tag_text is None else (tag_text,)
    tags = tuple(_as_text(tag) for tag in value)
    if None in tags:
        row.refuse(column, value, "a list of tags, each text or a whole number")
    return cast(tuple[str, ...], tags)


def _accepted(row: Row, column: str) -> tuple[str, ...]:
    """The answers in a cell, each once: a list, the JSON of one (tables of text alone have no lists), or one text."""
    value = cell(row, column)
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            value = strict_json(value)
        except ValueError:
            row.refuse(column, value, "one text, or the JSON of a list of texts", AS_JSON)
    if isinstance(value, Mapping):
        row.refuse(column, value, ACCEPTED, "name the list in it by a path, as in accepted: answer.aliases")
    values = value if isinstance(value, list) else [] if (text := _text(row, column)) is None else [text]
    answers = dict.fromkeys(_as_text(item) for item in values)
    if (
        None in answers
        or len(answers) > MAX_ACCEPTED
        or any(len(text or "") > MAX_ACCEPTED_CHARACTERS for text in answers)
    ):
        row.refuse(column, value, ACCEPTED)
    return cast("tuple[str, ...]", tuple(answers))


def _text(row: Row, column: str) -> str | None:
    """The value as text; None for no value: null, NaN as pandas writes it, or an empty cell."""
    value = cell(row, column)
    if (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value.strip())
    ):
        return None
    text = _as_text(value)
    return row.refuse(column, value, "text, a whole number, or nothing") if text is None else text


def _as_text(value: object) -> str | None:
    """Text, or a whole number as text; anything else would be written in one of several ways."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None
