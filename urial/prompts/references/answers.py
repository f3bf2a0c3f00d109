"""Reference answers of a judge: read and hashed as a whole, and found by what an instruction asks, never by its place."""

from collections.abc import Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.hashing import content_hash
from urial.core.store import read_jsonl
from urial.records.instruction import Instruction
from urial.records.references import PlannedReferences, ReferenceAnswers

# Characters of a message that an error shows.
_SHOWN = 200


def load_references(path: Path) -> PlannedReferences:
    """The reference answers in a file. Raises UrialError for an invalid row, none, or two of one instruction."""
    rows = read_jsonl(path, ReferenceAnswers)
    if not rows:
        raise UrialError(
            "no rows", path=path, expected="reference answers, the record of schemas/reference-answers.json"
        )
    lines: dict[tuple[str, ...], int] = {}
    for number, row in enumerate(rows, start=1):
        if row.turns in lines:
            raise UrialError(
                f"reference answers to {shorten(row.turns[0], _SHOWN)} again, as in line {lines[row.turns]}",
                path=path,
                line=number,
                expected="one row an instruction",
            )
        lines[row.turns] = number
    answers = tuple(sorted(rows, key=lambda row: row.turns))
    return PlannedReferences(hash=content_hash([row.model_dump(mode="json") for row in answers]), answers=answers)


class References:
    """The reference answers of a judge, by instruction; those of a judge without any are empty."""

    def __init__(self, planned: PlannedReferences | None) -> None:
        rows = planned.answers if planned else ()
        self._by_turns = {row.turns: row for row in rows}

    def of(self, instruction: Instruction) -> tuple[str, ...]:
        """The reference answer of each turn; none where the instruction has no reference answers."""
        row = self._by_turns.get(instruction.turns)
        return row.answers if row else ()

    def require_fit(self, instructions: Sequence[Instruction], *, all_asked: bool = False) -> None:
        """Raises UrialError where reference answers name an instruction, by its id or first message, that asks another text.

        ``all_asked``: these are all instructions of their set, so that reference answers of none of them are an error, too.
        """
        asked = {row.turns for row in instructions}
        lost = [row for row in self._by_turns.values() if row.turns not in asked]
        by_id = {row.id: row for row in self._by_turns.values() if row.id is not None}
        by_first = {row.turns[0]: row for row in lost}
        for row in instructions:
            named = by_id.get(row.id)
            if named is not None and named.turns != row.turns:
                raise _other(row, named, "of its id")
            own = self._by_turns.get(row.turns)
            if own is not None and own.id not in (None, row.id):
                raise UrialError(
                    f"instruction {row.id!r}: the reference answers to its messages have the id {own.id!r}",
                    fix="correct the id in the file of reference answers, or leave it out",
                )
            if own is None and row.turns[0] in by_first:
                raise _other(row, by_first[row.turns[0]], "of its first message")
        if all_asked and lost and len(lost) == len(self._by_turns):
            raise UrialError(
                f"none of the {len(lost):,} reference answers is of an instruction that is asked; the first is of "
                f"{shorten(lost[0].turns[0], _SHOWN)}",
                expected="reference answers to the instructions of the run, by their messages to the letter",
            )


def _other(instruction: Instruction, row: ReferenceAnswers, which: str) -> UrialError:
    """That reference answers are to another text; both are shown where they differ."""
    mine, theirs = instruction.turns, row.turns
    place = next((n for n, pair in enumerate(zip(mine, theirs, strict=False)) if pair[0] != pair[1]), None)
    if place is None:
        differ = f"{len(theirs)} turns, and {len(mine)} are asked"
    else:
        turn = f" in turn {place + 1}" if place else ""
        differ = f"{shorten(theirs[place], _SHOWN)}{turn}, and {shorten(mine[place], _SHOWN)} is asked"
    return UrialError(
        f"instruction {instruction.id!r}: the reference answers {which} are to another text: {differ}",
        expected="reference answers to the very messages that are asked",
        fix="name the file of reference answers that belongs to the instruction set",
    )
