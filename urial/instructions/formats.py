"""Published instruction sets as their authors wrote them, and tables of any columns: what becomes of each row."""

import json
import math
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Literal, TypeVar, cast

from pydantic import Field, ValidationError

from urial.core.errors import UrialError, shorten
from urial.core.validation import explain
from urial.instructions.reading import QUERY, Row, Rows, is_query, require_columns
from urial.records.base import Record
from urial.records.instruction import MAX_TURN_CHARACTERS, Columns, Instruction, TableSet

Query = Annotated[str, Field(min_length=1, pattern=r"\S", max_length=MAX_TURN_CHARACTERS)]
# Ids are numbers that our ids end with; ten digits are more than any set has.
Number = Annotated[int, Field(ge=0, lt=10**10)]
Model = TypeVar("Model", bound=Record)


class JustEvalRow(Record):
    """A row of Just-Eval-Instruct."""

    id: Number = Field(description="0-799 regular, 800-999 safety")
    instruction: Query = Field(description="the query")
    source_id: str = Field(description="id in the set it was taken from")
    dataset: str = Field(description="the set it was taken from")
    category: Literal["regular", "safety"] = Field(description="which aspects are judged")
    task: tuple[str, ...] = Field(description="task tags")
    topic: tuple[str, ...] = Field(description="topic tags")
    difficulty: str | None = Field(description="as rated by its authors")


class AlpacaEvalRow(Record):
    """What is read of a row of AlpacaEval; the rest belongs to a model's answer, and differs between its files."""

    dataset: str = Field(description="the set it was taken from")
    instruction: Query = Field(description="the query")


class QuestionRow(Record):
    """A line of question.jsonl in FastChat."""

    question_id: Number = Field(description="81 to 160 in MT-Bench")
    category: Annotated[str, Field(min_length=1)] = Field(description="one of eight kinds of work")
    turns: tuple[Query, ...] = Field(min_length=1, description="the user's messages")
    reference: tuple[str, ...] | None = Field(default=None, description="a true answer a turn; empty where none is")


class PromptRow(Record):
    """A row of HuggingFaceH4/mt_bench_prompts: the same under other names."""

    prompt_id: Number = Field(description="81 to 160 in MT-Bench")
    category: Annotated[str, Field(min_length=1)] = Field(description="one of eight kinds of work")
    prompt: tuple[Query, ...] = Field(min_length=1, description="the user's messages")
    reference: tuple[str, ...] | None = Field(default=None, description="a true answer a turn; empty where none is")


class LimaRow(Record):
    """A row of LIMA."""

    conversations: tuple[str, ...] = Field(min_length=1, description="user, assistant, user, ...")
    source: str = Field(description="where the conversation was taken from")


def published(kind: str, rows: Rows) -> list[Instruction]:
    """The instructions in rows of a published set. Raises UrialError naming row and field."""
    require_columns(rows, dict.fromkeys(sorted(READ_COLUMNS.get(kind, ())), f"the columns of {kind} as published"))
    return [CONVERTERS[kind](row, number) for number, row in enumerate(rows.rows)]


def _just_eval(row: Row, _: int) -> Instruction:
    published_row = _parse(row, JustEvalRow)
    return Instruction(
        id=f"just-eval-{published_row.id}",
        turns=(published_row.instruction,),
        category=published_row.category,
        task=published_row.task,
        topic=published_row.topic,
        difficulty=published_row.difficulty,
        source=published_row.dataset,
    )


def _alpaca_eval(row: Row, number: int) -> Instruction:
    published_row = _parse(row, AlpacaEvalRow)
    return Instruction(
        id=f"alpaca-eval-{number}", turns=(published_row.instruction,), category="regular", source=published_row.dataset
    )


def _mt_bench(row: Row, _: int) -> Instruction:
    published_row: QuestionRow | PromptRow
    if "prompt_id" in row.values or "prompt" in row.values:
        published_row = _parse(row, PromptRow)
        name, turns = published_row.prompt_id, published_row.prompt
    else:
        published_row = _parse(row, QuestionRow)
        name, turns = published_row.question_id, published_row.turns
    # One text for the judge to read; a turn whose reference is empty has none.
    reference = "\n\n".join(text for text in published_row.reference or () if text.strip())
    return Instruction(
        id=f"mt-bench-{name}",
        turns=turns,
        category="regular",
        task=(published_row.category,),
        reference=reference or None,
        source="mt-bench",
    )


def _lima(row: Row, number: int) -> Instruction:
    published_row = _parse(row, LimaRow)
    turns, answers = published_row.conversations[::2], published_row.conversations[1::2]
    for index, turn in enumerate(turns):
        if not turn.strip() or len(turn) > MAX_TURN_CHARACTERS:
            raise UrialError(
                f"{row.where}: field 'conversations.{2 * index}': got {shorten(turn)}",
                expected=f"text that is not blank, of at most {MAX_TURN_CHARACTERS:,} characters",
            )
    # An answer to the first of several messages is no reference for the others.
    reference = answers[0] if len(turns) == 1 and answers and answers[0].strip() else None
    return Instruction(
        id=f"lima-{number}", turns=turns, category="regular", reference=reference, source=published_row.source
    )


def _parse(row: Row, model: type[Model]) -> Model:
    """The row as a record, by way of JSON: strict records take its lists for tuples, and convert nothing else."""
    try:
        data = json.dumps(dict(row.values), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:  # not JSON: bytes, dates, NaN
        raise UrialError(f"{row.where}: {error}", expected="texts, numbers, lists and nulls alone") from error
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        required = [name for name, field in model.model_fields.items() if field.is_required()]
        expected = f"a row with {', '.join(required)}"
        raise UrialError(f"{row.where}: {explain(error, model)}", expected=expected) from error


# What becomes of a row and its number, and the only columns that are read, where not all are.
CONVERTERS: Mapping[str, Callable[[Row, int], Instruction]] = {
    "just-eval": _just_eval, "alpaca-eval": _alpaca_eval, "mt-bench": _mt_bench, "lima": _lima
}  # fmt: skip
READ_COLUMNS: Mapping[str, Collection[str]] = {"alpaca-eval": AlpacaEvalRow.model_fields}


DEFAULT_QUERY = "instruction"
MAX_ID_CHARACTERS = 200
Category = Literal["regular", "safety"]


def columns_of(columns: Columns) -> dict[str, str]:
    """Field of an instruction -> the column that holds it."""
    named = columns.model_dump(exclude_none=True)
    return named if columns.turns else {"query": DEFAULT_QUERY, **named}


def from_table(rows: Rows, table: TableSet, name: str) -> list[Instruction]:
    """The instructions in a table; ``name`` is the set's. Raises UrialError naming column and row."""
    columns = columns_of(table.columns)
    require_columns(rows, {column: f"the column that columns.{field} names" for field, column in columns.items()})
    return [_instruction(row, columns, table, name=name, number=number) for number, row in enumerate(rows.rows)]


def _instruction(row: Row, columns: Mapping[str, str], table: TableSet, *, name: str, number: int) -> Instruction:
    def text(field: str) -> str | None:
        return _text(row, columns[field]) if field in columns else None

    def tags(field: str) -> tuple[str, ...]:
        return _tags(row, columns[field]) if field in columns else ()

    identity = text("id") if "id" in columns else f"{name}-{number}"
    # Ids tell rows apart: one that is missing is never made up beside others that are given.
    if identity is None or ("id" in columns and len(identity) > MAX_ID_CHARACTERS):
        expected = f"text or a whole number, of 1 to {MAX_ID_CHARACTERS} characters"
        row.refuse(columns["id"], row.values.get(columns["id"]), expected)
    turns = _turns(row, columns["turns"]) if "turns" in columns else (row.query(columns["query"]),)
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
        # Not the path: artifacts name no places of this machine.
        source=text("source") or name,
    )


def _turns(row: Row, column: str) -> tuple[str, ...]:
    value = row.values.get(column)
    if not isinstance(value, list) or not value:
        row.refuse(column, value, "a list of the user's messages")
    for turn in value:
        if not is_query(turn):
            row.refuse(column, turn, f"in the list: {QUERY}")
    return tuple(value)


def _tags(row: Row, column: str) -> tuple[str, ...]:
    value = row.values.get(column)
    if not isinstance(value, list):
        tag_text = _text(row, column)
        return () if tag_text is None else (tag_text,)
    tags = tuple(_as_text(tag) for tag in value)
    if None in tags:
        row.refuse(column, value, "a list of tags, each text or a whole number")
    return cast(tuple[str, ...], tags)


def _text(row: Row, column: str) -> str | None:
    """The value as text; None for no value: null, NaN as pandas writes it, or an empty cell."""
    value = row.values.get(column)
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
