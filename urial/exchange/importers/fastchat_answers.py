"""FastChat's answers to MT-Bench: a row a question, in ``choices`` a list of turns for each time that it was answered."""

from pathlib import Path
from typing import NamedTuple

from urial.core.errors import UrialError, shorten
from urial.core.text import and_more, counted
from urial.exchange.importers.completions import imported_completion
from urial.exchange.importers.instructions import (
    numbered_instructions,
    read_table,
    require_name,
    require_unique,
    row_number,
)
from urial.instructions.reading import Row, read_rows
from urial.records.completion import Completion
from urial.records.instruction import Instruction

COLUMNS = {"question_id": "the number of the question", "choices": "a list, whose first entry has the answers as turns"}
OTHERS = ("model_id", "model")


class FastChatAnswers(NamedTuple):
    """Completions, the instructions that they answer where these are known, and how many rows had further choices."""

    completions: list[Completion]
    instructions: list[Instruction]
    several_choices: int


def has_fastchat_answers(path: Path) -> bool:
    """Whether a file is one of FastChat's answers."""
    return set(COLUMNS) <= set(read_rows(path, ()).columns)


def import_fastchat_answers(path: Path, system: str, instructions: Path | None) -> FastChatAnswers:
    """The first choice of every row, by the question's number. Raises UrialError naming file, row and column.

    ``instructions`` is the published set with these numbers; None: a question is known by its number alone.
    """
    require_name(system)
    table = read_table(path, COLUMNS, OTHERS, "a row for each question")
    models = list(dict.fromkeys(str(row.values.get("model_id", row.values.get("model"))) for row in table.rows))
    if len(models) > 1 and system not in models:
        raise UrialError(
            f"no row of the model {shorten(system)}, and {len(models)} others", path=path,
            expected=and_more(models, 6), fix="name one of them with --system",
        )  # fmt: skip
    rows = [
        row
        for row in table.rows
        if len(models) == 1 or str(row.values.get("model_id", row.values.get("model"))) == system
    ]
    numbers = [_number(row) for row in rows]
    require_unique((f"the question {number}", row.where) for number, row in zip(numbers, rows, strict=True))
    known = numbered_instructions(instructions) if instructions else None
    completions, asked, several = [], [], 0
    for number, row in sorted(zip(numbers, rows, strict=True), key=lambda pair: pair[0]):
        turns, choices = _turns(row)
        several += choices > 1
        instruction = None if known is None else known.get(number)
        if known is not None and instruction is None:
            raise UrialError(
                f"{row.where}: no question {number} in {instructions}", expected="the questions that were answered"
            )
        if instruction is not None:
            asked.append(instruction)
            if len(turns) != len(instruction.turns):
                raise UrialError(
                    f"{row.where}: {counted(len(turns), 'answer')} to {counted(len(instruction.turns), 'message')} of {instruction.id!r}",
                    expected="an answer to each message",
                )
        name, query = (instruction.id, instruction.turns[0]) if instruction else (f"mt-bench-{number}", None)
        completions.append(imported_completion(name, system, query, turns))
    return FastChatAnswers(completions, asked, several)


def _number(row: Row) -> int:
    number = row_number(row, "question_id")
    return (
        row.refuse("question_id", row.values.get("question_id"), COLUMNS["question_id"]) if number is None else number
    )


def _turns(row: Row) -> tuple[list[str], int]:
    """The answers of the first choice, and how many choices there are."""
    choices = row.values.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    turns = first.get("turns") if isinstance(first, dict) else None
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, str) for turn in turns):
        row.refuse("choices", choices, COLUMNS["choices"])
    return turns, len(choices) if isinstance(choices, list) else 0
