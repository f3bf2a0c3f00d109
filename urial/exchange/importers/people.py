"""What people said of answers, with the ids of the instructions, where a table knows these by their numbers alone."""

from collections.abc import Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.exchange.importers.instructions import numbered_instructions
from urial.judge.files.people import read_people
from urial.records.people import PersonPreference, PersonScore

NUMBERED = "mt-bench-"


def import_people(path: Path, instructions: Path | None) -> Sequence[PersonPreference | PersonScore]:
    """The ratings in a table; ``instructions`` is the published set whose numbers FastChat's rows have.

    Raises UrialError naming file, row and column, and where a row is about no question of the set.
    """
    rows = read_people(path)
    if instructions is None:
        return rows
    known = {f"{NUMBERED}{number}": instruction for number, instruction in numbered_instructions(instructions).items()}
    if lost := [row.instruction_id for row in rows if row.instruction_id not in known]:
        raise UrialError(
            f"{len(lost):,} ratings of no question in {instructions}, first {shorten(lost[0])}",
            path=path,
            expected="the questions that were rated, as published",
        )
    named = [(row, known[row.instruction_id]) for row in rows]
    return [row.model_copy(update={"instruction_id": asked.id, "query": asked.turns[0]}) for row, asked in named]
