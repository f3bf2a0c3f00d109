"""Published outputs: answers of another study to the same instructions, taken by what they answer, never by their place."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.store import read_jsonl
from urial.records.completion import Completion
from urial.records.instruction import Instruction


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
        if row.system != rows[0].system:
            raise UrialError(
                f"of the system {row.system!r}, and line 1 of {rows[0].system!r}",
                path=path,
                line=number,
                expected="one system a file",
            )
    return rows


def published_completions(path: Path, name: str, instructions: Sequence[Instruction]) -> list[Completion]:
    """The answers to the instructions that have one, in their order, as those of the system ``name``.

    Raises UrialError where the file answers one text several times and nothing tells which answer counts, and where it answers
    none of the instructions.
    """
    answers: dict[str | None, list[Completion]] = defaultdict(list)
    for row in read_published(path):
        answers[row.query].append(row)
    taken = []
    for instruction in instructions:
        same = answers.get(instruction.turns[0], [])
        own = [row for row in same if row.instruction_id == instruction.id]
        found = own or same
        if not found:
            continue
        if len(found) > 1:
            raise UrialError(
                f"{len(same)} answers to one text: {shorten(instruction.turns[0])}",
                path=path,
                expected="one, or ids that tell which instruction each answers",
            )
        taken.append(found[0].model_copy(update={"instruction_id": instruction.id, "system": name}))
    if instructions and not taken:
        raise UrialError(
            "answers none of the instructions of this run",
            path=path,
            expected=f"answers to texts such as {shorten(instructions[0].turns[0])}",
            fix="name outputs for the same instruction set, or another set as run.instructions",
        )
    return taken
