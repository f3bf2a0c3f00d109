"""The rows of other tools' output files: a query and an answer each, under the columns that their tool gives them."""

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from urial.core.errors import UrialError
from urial.exchange.importers.instructions import read_table, require_same, require_unique, row_number, text
from urial.instructions.identity import Order
from urial.instructions.reading import Row, Rows, read_rows

COLUMNS = {"instruction": "the query", "output": "the answer"}
# AlignTDS keeps the query beside the text that its model saw, and each answer as Python writes a list.
ALIGN_TDS = {"pure_input": "the query", "output": "the answer"}
OTHERS = ("id", "generator", "dataset", "category", "source_id", "datasplit")
EXPECTED = "an output file of just-eval, URIAL, AlpacaEval or AlignTDS"
# The sets that AlpacaEval's queries were taken from; its files number rows now and then.
ALPACA_SOURCES = {"helpful_base", "koala", "oasst", "selfinstruct", "vicuna"}
MAX_LIST_CHARACTERS = 1_000_000
AnsweredSet = Literal["just-eval", "alpaca-eval"]


@dataclass(frozen=True)
class AnswerRow:
    """What one row says. ``source`` is the set that its query was taken from; None: it does not say, as of the others."""

    where: str
    query: str
    answer: str
    source: str | None
    # Any value: it is needed only where no instructions are named.
    category: object
    number: int | None

    @property
    def order(self) -> Order:
        """What tells it apart from rows that ask the same."""
        return self.number or 0, json.dumps([self.source, self.answer])


@dataclass(frozen=True)
class Answers:
    """The rows of a file in the order of their numbers, else in their own, and the set that they answer."""

    set: AnsweredSet
    rows: Sequence[AnswerRow]


def read_answers(path: Path, answered: AnsweredSet | None = None) -> Answers:
    """The rows of an output file of one system, and the set that they answer; None: columns and rows tell.

    Raises UrialError naming file, row and column.
    """
    is_align_tds = "pure_input" in read_rows(path, ()).columns
    table = read_table(path, ALIGN_TDS if is_align_tds else COLUMNS, OTHERS, EXPECTED)
    try:
        rows = [_answer_row(row, is_align_tds) for row in table.rows]
    except RecursionError as error:
        raise UrialError("a row is nested too deeply", path=path, expected="rows of a few levels") from error
    require_unique((f"the number {row.number}", row.where) for row in rows if row.number is not None)
    if "generator" in table.columns:
        systems = [(text(row, "generator"), row.where) for row in table.rows]
        require_same("the systems in generator", systems, "import each system's rows on their own")
    numbered = [row.number for row in rows]
    if None not in numbered:
        rows.sort(key=lambda row: row.number or 0)
    return Answers(answered or _answered_set(table), rows)


def _answer_row(row: Row, is_align_tds: bool) -> AnswerRow:
    source = row.values.get("dataset")
    return AnswerRow(
        where=row.where,
        query=row.query("pure_input" if is_align_tds else "instruction"),
        answer=_listed(row)
        if is_align_tds
        else _one_answer(row, row.values.get("output"), "text, or a list of one text"),
        source=source if isinstance(source, str) and source.strip() else None,
        category=row.values.get("category"),
        number=row_number(row, "id"),
    )


def _answered_set(table: Rows) -> AnsweredSet:
    """AlpacaEval's files have no categories, and most often no numbers; where they have, its own sets tell."""
    if {"category", "source_id", "pure_input"} & set(table.columns):
        return "just-eval"
    sources = {str(row.values.get("dataset")) for row in table.rows}
    return "alpaca-eval" if "id" not in table.columns or sources <= ALPACA_SOURCES else "just-eval"


def _one_answer(row: Row, value: object, expected: str) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        row.refuse("output", value, expected)
    if len(value) != 1:
        raise UrialError(
            f"{row.where}, column 'output': {len(value)} answers, and nothing says which one counts",
            expected=expected,
            fix="keep one answer a row",
        )
    return str(value[0])


def _listed(row: Row) -> str:
    """The one answer in a list, or in the text of one as Python writes it."""
    value, expected = row.values.get("output"), "a list of one text, or that list as Python writes it"
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value) if len(value) <= MAX_LIST_CHARACTERS else value
        except (ValueError, SyntaxError, MemoryError):
            row.refuse("output", value, expected)
        if not isinstance(value, list):
            row.refuse("output", value, expected)
    return _one_answer(row, value, expected)
