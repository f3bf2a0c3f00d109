"""Published outputs: answers of another study to the same instructions, taken by what they answer, never by their place."""

from collections.abc import Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.store import read_jsonl
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.run.joining import answers_to, require_one_system


def read_published(path: Path) -> list[Completion]:
    """The answers in a file, each with the query that it answers. Raises UrialError naming file and line."""
    rows = read_jsonl(path, Completion)
    if not rows:
        raise UrialError("no answers", path=path, expected="completions, one a line")
    for number, row in enumerate(rows, start=1):
        if row.query is None:
            raise UrialError(
                "does not say what it answers",
                path=path,
                line=number,
                expected="the field query",
                fix="import the outputs with `urial import completions`, which keeps it",
            )
    require_one_system(path, rows)
    return rows


def published_completions(path: Path, name: str, instructions: Sequence[Instruction]) -> list[Completion]:
    """The answers to the instructions that have one, in their order, as those of the system ``name``.

    Raises UrialError where the file answers one text several times and nothing tells which answer counts, and where it answers
    none of the instructions.
    """
    taken = [
        row.model_copy(update={"instruction_id": instruction.id, "system": name})
        for instruction, row in answers_to(instructions, read_published(path), path)
    ]
    if instructions and not taken:
        raise UrialError(
            "answers none of the instructions of this run",
            path=path,
            expected=f"answers to texts such as {shorten(instructions[0].turns[0])}",
            fix="name outputs for the same instruction set, or another set as run.instructions",
        )
    return taken
