"""Completions out of the output files of just-eval, URIAL, AlpacaEval and AlignTDS.

All are rows with a query and an answer. Whatever number a row has, it is taken for the instruction that it asks: files of
other sets count from 0 too. A number only orders rows, and tells apart those that ask the same.
"""

import difflib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urial.core.errors import UrialError, shorten
from urial.core.hashing import content_hash
from urial.exchange.importers.answer_rows import AnsweredSet, AnswerRow, read_answers
from urial.exchange.importers.instructions import require_name
from urial.generate.thinking import written_fields
from urial.instructions.formats import Category
from urial.instructions.identity import apart, text_id, told_apart
from urial.records.completion import Answer, Completion, LaterTurn
from urial.records.instruction import Instruction


@dataclass(frozen=True)
class Answered:
    """An instruction's id, and the row that answers it."""

    instruction_id: str
    row: AnswerRow


def import_completions(
    path: Path,
    system: str,
    instructions: Sequence[Instruction] | None = None,
    answered_set: AnsweredSet | None = None,
) -> list[Completion]:
    """The answers in an output file, each text as the file has it. Raises UrialError naming file, row and column.

    In the order of ``instructions``, which must be the ones answered, text for text, whatever their ids; without these, in
    the order of the file's numbers, else of its rows. ``answered_set``: the set that ids are named after; None: the file tells.
    """
    require_name(system)
    answers = read_answers(path, answered_set)
    answered = (
        _by_text(answers.rows, answers.set) if instructions is None else _matching(answers.rows, instructions, path)
    )
    return [imported_completion(item.instruction_id, system, item.row.query, [item.row.answer]) for item in answered]


def instructions_of(
    path: Path, category: Category | None = None, answered_set: AnsweredSet | None = None
) -> list[Instruction]:
    """The instructions that an output file answers, in the order of its completions. Raises UrialError as above.

    ``category`` is that of rows whose file says none; None: those of AlpacaEval are regular, and of others it must.
    """
    answers = read_answers(path, answered_set)
    if category is None and answers.set == "alpaca-eval":
        category = "regular"
    instructions = []
    for row in answers.rows:
        name, known = text_id(answers.set, (row.query,)), category if row.category is None else row.category
        if known is None:
            raise UrialError(
                f"{path}: no column 'category'",
                expected="regular or safety",
                fix="name the instructions with --instructions FILE, or say of what category all are with --category",
            )
        if known not in ("regular", "safety"):
            raise UrialError(
                f"{row.where}, column 'category': got {shorten(known)}",
                expected="regular or safety",
                fix="name the instructions with --instructions FILE",
            )
        source = row.source or answers.set
        instructions.append(Instruction(id=name, turns=(row.query,), category=known, source=source))
    return told_apart(instructions, [row.number for row in answers.rows])


def imported_completion(instruction_id: str, system: str, query: str | None, answers: Sequence[str]) -> Completion:
    """An answer to each message of an instruction, of which only the texts are known; ``query`` None: its text is not.

    A text that is thinking alone is no answer.
    """

    def answered(turn: int) -> dict[str, Any]:
        # Of several, all answers before it were in view.
        said = {"answer": answers[0]} if len(answers) == 1 else {"turns": list(answers[: turn + 1])}
        key = content_hash({"row": "imported", "instruction": instruction_id, "query": query, **said})
        return written_fields(Answer(text=answers[turn], token_ids=None, finish="unknown"), key)

    return Completion(
        instruction_id=instruction_id,
        system=system,
        later_turns=tuple(LaterTurn(prompt=None, **answered(turn)) for turn in range(1, len(answers))),
        query=query,
        **answered(0),
    )


def _by_text(rows: Sequence[AnswerRow], source: str) -> list[Answered]:
    names = apart([text_id(source, (row.query,)) for row in rows], [row.order for row in rows])
    return [Answered(name, row) for name, row in zip(names, rows, strict=True)]


def _matching(rows: Sequence[AnswerRow], instructions: Sequence[Instruction], path: Path) -> list[Answered]:
    """The instructions with the rows that ask them, in their order. Raises UrialError unless the rows answer exactly these."""
    asking: dict[str, list[AnswerRow]] = defaultdict(list)
    for row in rows:
        asking[row.query].append(row)
    same: dict[str, list[Instruction]] = defaultdict(list)
    for instruction in instructions:
        if len(instruction.turns) == 1:
            same[instruction.turns[0]].append(instruction)
    _require_known(rows, instructions, same)
    answered: dict[str, AnswerRow] = {}
    for query, alike in same.items():
        for instruction, row in zip(*_in_order(alike, asking.get(query, [])), strict=False):
            answered[instruction.id] = row
        if len(asking.get(query, [])) > len(alike):
            extra = sorted(asking[query], key=lambda row: row.order)[len(alike)]
            raise UrialError(
                f"{extra.where}: answers {alike[0].id!r} once more: {shorten(query)}",
                expected="one row an instruction",
                fix="remove one of the rows that ask it",
            )
    if lost := [item for item in instructions if item.id not in answered]:
        raise UrialError(
            f"instructions without a row: {len(lost):,}, first {lost[0].id!r}: {shorten(lost[0].turns[0])}",
            path=path,
            expected="one row an instruction",
            fix="leave --instructions out, and write those that were answered with --instructions-out",
        )
    return [Answered(item.id, answered[item.id]) for item in instructions]


def _require_known(rows: Iterable[AnswerRow], instructions: Sequence[Instruction], texts: Iterable[str]) -> None:
    """Raises UrialError for a row that asks what no instruction does."""
    known = set(texts)
    if (stranger := next((row for row in rows if row.query not in known), None)) is None:
        return
    longer = next((item for item in instructions if item.turns[0] == stranger.query), None)
    if longer is not None:
        raise UrialError(
            f"{stranger.where}: answers the first of {len(longer.turns)} messages of {longer.id!r}: "
            f"{shorten(stranger.query)}",
            expected="instructions of one message, since such files hold one answer",
            fix="leave --instructions out, and write those that were answered with --instructions-out",
        )
    near = difflib.get_close_matches(stranger.query[:500], [text[:500] for text in known], n=1)
    raise UrialError(
        f"{stranger.where}: asks what none of the instructions does: {shorten(stranger.query)}",
        expected=shorten(near[0]) if near else "one of their texts",
        fix="name the instructions that were answered, or leave --instructions out",
    )


def _in_order(
    instructions: Sequence[Instruction], rows: Sequence[AnswerRow]
) -> tuple[list[Instruction], list[AnswerRow]]:
    """Instructions that ask the same, and rows that answer them, side by side: by the set each was taken from, if all say."""
    if sorted(item.source for item in instructions) == sorted(row.source or "" for row in rows):
        return (
            sorted(instructions, key=lambda item: (item.source, item.id)),
            sorted(rows, key=lambda row: (row.source or "", row.order)),
        )
    return list(instructions), sorted(rows, key=lambda row: row.order)
