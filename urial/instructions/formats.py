"""Published instruction sets as their authors wrote them: what becomes of each row.

Ids are made of what is asked (see identity); the number that a set gives a row only tells apart rows that ask the same.
"""

import json
from collections.abc import Callable, Collection, Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from urial.core.errors import UrialError, shorten
from urial.core.validation import explain
from urial.instructions.identity import text_id, told_apart
from urial.instructions.reading import Row, Rows, refuse_wrapped, require_columns
from urial.records.base import Record
from urial.records.instruction import MAX_TURN_CHARACTERS, Instruction

Query = Annotated[str, Field(min_length=1, pattern=r"\S", max_length=MAX_TURN_CHARACTERS)]
# Ten digits are more than any set has.
Number = Annotated[int, Field(ge=0, lt=10**10)]
Category = Literal["regular", "safety"]
Model = TypeVar("Model", bound=Record)


class JustEvalRow(Record):
    """A row of Just-Eval-Instruct."""

    id: Number = Field(description="0-799 regular, 800-999 safety")
    instruction: Query = Field(description="the query")
    source_id: str = Field(description="id in the set it was taken from")
    dataset: str = Field(description="the set it was taken from")
    category: Category = Field(description="which aspects are judged")
    task: tuple[str, ...] = Field(description="task tags")
    topic: tuple[str, ...] = Field(description="topic tags")
    difficulty: str | None = Field(description="as rated by its authors")


class AlpacaEvalRow(Record):
    """What is read of a row of AlpacaEval; the rest belongs to a model's answer, and differs between its files."""

    dataset: str = Field(default="alpaca-eval", description="the set it was taken from, where it says")
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
    refuse_wrapped(rows)
    required = {"instruction": "the query"} if kind == "alpaca-eval" else {}
    require_columns(rows, required)
    instructions = [CONVERTERS[kind](row) for row in rows.rows]
    numbers = [_number(row, NUMBERS.get(kind, ())) for row in rows.rows]
    seen: dict[int, Row] = {}
    for number, row in zip(numbers, rows.rows, strict=True):
        if number is not None and seen.setdefault(number, row) is not row:
            raise UrialError(
                f"{row.where}: the number {number} a second time, first in {seen[number].where}",
                expected="every number once",
                fix="remove one of the two rows, or number them apart",
            )
    return told_apart(instructions, numbers)


def _number(row: Row, columns: Collection[str]) -> int | None:
    """The number that a published set gives a row, which was read as one before."""
    return next((value for column in columns if isinstance(value := row.values.get(column), int)), None)


def _just_eval(row: Row) -> Instruction:
    published_row = _parse(row, JustEvalRow)
    return Instruction(
        id=text_id("just-eval", (published_row.instruction,)),
        turns=(published_row.instruction,),
        category=published_row.category,
        task=published_row.task,
        topic=published_row.topic,
        difficulty=published_row.difficulty,
        source=published_row.dataset,
    )


def _alpaca_eval(row: Row) -> Instruction:
    published_row = _parse(row, AlpacaEvalRow)
    turns = (published_row.instruction,)
    return Instruction(id=text_id("alpaca-eval", turns), turns=turns, category="regular", source=published_row.dataset)


def _mt_bench(row: Row) -> Instruction:
    published_row: QuestionRow | PromptRow
    if "prompt_id" in row.values or "prompt" in row.values:
        published_row = _parse(row, PromptRow)
        turns = published_row.prompt
    else:
        published_row = _parse(row, QuestionRow)
        turns = published_row.turns
    # One text for the judge to read; a turn whose reference is empty has none.
    reference = "\n\n".join(text for text in published_row.reference or () if text.strip())
    return Instruction(
        id=text_id("mt-bench", turns),
        turns=turns,
        category="regular",
        task=(published_row.category,),
        reference=reference or None,
        source="mt-bench",
    )


def _lima(row: Row) -> Instruction:
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
        id=text_id("lima", turns), turns=turns, category="regular", reference=reference, source=published_row.source
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


# What becomes of a row, where a set has its number, and the only columns that are read, where not all are.
CONVERTERS: Mapping[str, Callable[[Row], Instruction]] = {
    "just-eval": _just_eval, "alpaca-eval": _alpaca_eval, "mt-bench": _mt_bench, "lima": _lima
}  # fmt: skip
NUMBERS: Mapping[str, Collection[str]] = {"just-eval": ("id",), "mt-bench": ("question_id", "prompt_id")}
READ_COLUMNS: Mapping[str, Collection[str]] = {"alpaca-eval": AlpacaEvalRow.model_fields}
