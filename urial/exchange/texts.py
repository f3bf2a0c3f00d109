"""Queries and answers that are given as plain texts, as rows of this project."""

from collections.abc import Iterable, Sequence

from urial.core.errors import UrialError, shorten
from urial.core.text import counted
from urial.exchange.importers.answer_tables import KIND
from urial.exchange.importers.completions import imported_completion
from urial.instructions.formats import Category
from urial.instructions.identity import text_id, told_apart
from urial.records.completion import Completion
from urial.records.instruction import MAX_TURN_CHARACTERS, Instruction

# As of a table, so that the same question has one id, whichever way it comes in.
SOURCE, SYSTEM = KIND, "answers"


def instructions_of_texts(queries: Iterable[str], category: Category = "regular") -> list[Instruction]:
    """An instruction a query, with an id made of its text. Raises UrialError for what is no query, counted from 0."""
    if isinstance(queries, str):
        raise UrialError("queries: one text", expected="a list of texts", fix="put it in a list: [query]")
    rows = []
    for number, query in enumerate(queries):
        if not isinstance(query, str) or not query.strip() or len(query) > MAX_TURN_CHARACTERS:
            expected = f"a text that is not blank, of at most {MAX_TURN_CHARACTERS:,} characters"
            raise UrialError(f"queries, number {number}: {shorten(query)}", expected=expected)
        rows.append(Instruction(id=text_id(SOURCE, (query,)), turns=(query,), category=category, source=SOURCE))
    return told_apart(rows, [None] * len(rows))


def completions_of_texts(instructions: Sequence[Instruction], answers: Iterable[object]) -> list[Completion]:
    """A completion an answer; what is no text, such as None or NaN, is none. Raises UrialError unless there is one a query."""
    given = list(answers)
    if isinstance(answers, str) or len(given) != len(instructions):
        count = "one text as answers" if isinstance(answers, str) else counted(len(given), "answer")
        raise UrialError(
            f"{count} to {counted(len(instructions), 'query', 'queries')}", expected="a list with one answer a query"
        )
    return [
        imported_completion(row.id, SYSTEM, row.turns[0], [text]) if isinstance(text, str) else _none(row)
        for row, text in zip(instructions, given, strict=True)
    ]


def _none(row: Instruction) -> Completion:
    return Completion(
        instruction_id=row.id, system=SYSTEM, status="too_long", reason="no answer was given", answer=None, key=None
    )
