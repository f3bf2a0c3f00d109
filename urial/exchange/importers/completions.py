"""Completions out of the output files of just-eval, URIAL and AlpacaEval.

All are rows with ``instruction``, ``output`` and most often ``generator``. Rows of just-eval have an ``id``, as those that
URIAL writes for it; rows of AlpacaEval have none and are numbered in their order.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.hashing import content_hash
from urial.exchange.importers.instructions import number, read_table, require_name, require_same, require_unique, text
from urial.instructions.formats import READ_COLUMNS, published
from urial.instructions.reading import Row, Rows, read_rows, require_columns
from urial.records.completion import Answer, Completion
from urial.records.instruction import Instruction

COLUMNS = {"instruction": "the query", "output": "the answer"}


def import_completions(path: Path, system: str, instructions: Sequence[Instruction] | None = None) -> list[Completion]:
    """The answers in an output file, each text as the file has it. Raises UrialError naming file, row and column.

    In the order of ``instructions``, which must be the ones answered: id for id, and text for text. Without these, in
    the order of the file's numbers.
    """
    require_name(system)
    try:
        answered = _read(_rows(path))
    except RecursionError as error:
        raise UrialError("a row is nested too deeply", path=path) from error
    completions = []
    for name in answered if instructions is None else _matching(answered, instructions, path):
        _, query, output = answered[name]
        key = content_hash({"row": "imported", "instruction": name, "query": query, "answer": output})
        answer = Answer(text=output, token_ids=None, finish="unknown")
        completions.append(
            Completion(instruction_id=name, system=system, status="ok", reason=None, answer=answer, key=key)
        )
    return completions


def instructions_of(path: Path) -> list[Instruction]:
    """The instructions that an output file answers, in the order of its numbers. Raises UrialError as above."""
    rows = _rows(path)
    if "id" not in rows.columns:
        return published("alpaca-eval", read_rows(path, READ_COLUMNS["alpaca-eval"]))
    require_columns(rows, {"category": "regular or safety", "dataset": "the set that the query was taken from"})
    instructions = []
    for row in sorted(rows.rows, key=lambda row: number(row, "id")):
        category = row.values.get("category")
        if category not in ("regular", "safety"):
            row.refuse("category", category, "regular or safety")
        name, source = f"just-eval-{number(row, 'id')}", text(row, "dataset")
        instructions.append(Instruction(id=name, turns=(row.query("instruction"),), category=category, source=source))
    return instructions


def _rows(path: Path) -> Rows:
    others = ("id", "generator", "dataset", "category")
    return read_table(path, COLUMNS, others, "an output file of just-eval, URIAL or AlpacaEval")


def _read(rows: Rows) -> dict[str, tuple[str, str, str]]:
    """Place, query and answer of each row by the instruction's id, in the order of the file's numbers."""
    has_ids = "id" in rows.columns
    numbered = [(number(row, "id") if has_ids else index, row) for index, row in enumerate(rows.rows)]
    numbered.sort(key=lambda item: item[0])
    kind = "just-eval" if has_ids else "alpaca-eval"
    answered = [(f"{kind}-{index}", (row.where, row.query("instruction"), _answer(row))) for index, row in numbered]
    require_unique((name, where) for name, (where, _, _) in answered)
    if "generator" in rows.columns:
        systems = [(text(row, "generator"), row.where) for row in rows.rows]
        require_same("the systems in generator", systems, "import each system's rows on their own")
    return dict(answered)


def _answer(row: Row) -> str:
    value = row.values.get("output")
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        row.refuse("output", value, "text, or a list of one text")
    if len(value) != 1:
        raise UrialError(
            f"{row.where}, column 'output': {len(value)} answers, and nothing says which one counts",
            expected="text, or a list of one text",
            fix="keep one answer a row",
        )
    return str(value[0])


def _matching(
    answered: Mapping[str, tuple[str, str, str]], instructions: Sequence[Instruction], path: Path
) -> list[str]:
    """The ids of the instructions in their order. Raises UrialError unless the rows answer exactly these."""
    known = {instruction.id: instruction for instruction in instructions}
    if lost := [name for name in known if name not in answered]:
        raise UrialError(
            f"instructions without a row: {len(lost):,}, first {lost[0]!r}",
            path=path,
            expected="one row an instruction",
            fix="leave --instructions out, and write those that were answered with --instructions-out",
        )
    for name, (where, _, _) in answered.items():
        if name not in known:
            raise UrialError(f"{where}: {name!r} is none of the instructions")
    for name, instruction in known.items():
        where, query, _ = answered[name]
        if instruction.turns != (query,):
            several = f"{len(instruction.turns)} messages, which such files do not hold"
            raise UrialError(
                f"{where}: not the query of {name!r}: {shorten(query)}",
                expected=several if len(instruction.turns) > 1 else shorten(instruction.turns[0]),
            )
    return list(known)
