"""What rows of a file answer, so that rows of two files are joined only where both ask the same.

Rows of other tools carry their query; those of a run are beside its instructions. Of others only the id is known.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Protocol, TypeVar

from urial.core.errors import UrialError, shorten
from urial.core.store import read_jsonl
from urial.records.instruction import Instruction
from urial.run.paths import instructions_beside

SHOWN = 300


class Asking(Protocol):
    """A row about an instruction."""

    @property
    def instruction_id(self) -> str: ...
    @property
    def query(self) -> str | None: ...


class OfSystem(Protocol):
    """A row about a system."""

    @property
    def system(self) -> str: ...


Row = TypeVar("Row", bound=Asking)


@dataclass(frozen=True)
class Asked:
    """First messages by instruction id, as far as they are known, and the file whose rows answer them."""

    path: Path
    texts: Mapping[str, str]
    # The messages after the first, of instructions that are at hand.
    later: Mapping[str, Sequence[str]] = field(default_factory=dict)


def asked_in_run(path: Path) -> Asked:
    """What the rows of a run's file answer; nothing where it is no run's."""
    beside = instructions_beside(path)
    return asked_of(path, read_jsonl(beside, Instruction) if beside else [])


def asked_by(path: Path, rows: Iterable[Asking]) -> Asked:
    """What the rows of a file answer."""
    own = {row.instruction_id: row.query for row in rows if row.query is not None}
    run = asked_in_run(path)
    return Asked(path, {**run.texts, **own}, run.later)


def asked_of(path: Path, instructions: Iterable[Instruction]) -> Asked:
    """What instructions ask; ``path`` is their file."""
    known = list(instructions)
    return Asked(path, {row.id: row.turns[0] for row in known}, {row.id: row.turns[1:] for row in known})


def answers_to(
    instructions: Iterable[Instruction],
    rows: Iterable[Row],
    path: Path,
    turns: Mapping[str, Sequence[str]] | None = None,
) -> list[tuple[Instruction, Row]]:
    """Each instruction that one of the rows of a system answers, with that row: the one under its id, unless that answers
    another text, else the one to its text.

    ``turns``: all messages that a row answers, by its id, where they are known. Raises UrialError where several rows answer
    one text, and no id tells which of them counts.
    """
    by_id: dict[str, Row] = {}
    by_text: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_id[row.instruction_id] = row
        if row.query is not None:
            by_text[row.query].append(row)
    found = []
    for instruction in instructions:
        text, own = instruction.turns[0], by_id.get(instruction.id)
        same = by_text.get(text, []) if own is None or own.query not in (None, text) else [own]
        if turns:
            same = [row for row in same if tuple(turns[row.instruction_id]) == instruction.turns]
        if len(same) > 1:
            raise UrialError(
                f"{len(same)} answers to one text, and no id tells which counts: {shorten(text)}",
                path=path,
                expected="one row an instruction",
            )
        found += [(instruction, row) for row in same]
    return found


def require_one_system(path: Path, rows: Iterable[OfSystem]) -> None:
    """Raises UrialError, with the line, for a row of another system than the first, in a file of one row a line."""
    first: OfSystem | None = None
    for number, row in enumerate(rows, start=1):
        first = first or row
        if row.system != first.system:
            raise UrialError(
                f"of the system {row.system!r}, and line 1 of {first.system!r}",
                path=path,
                line=number,
                expected="one system a file",
            )


def require_same_texts(first: Asked, second: Asked, fix: str) -> None:
    """Raises UrialError, with both texts, where one id stands for two in two files."""
    for name, text in second.texts.items():
        if (other := first.texts.get(name, text)) != text:
            raise _not_the_same(name, "", (first.path, other), (second.path, text), fix)
    for name, texts in second.later.items():
        others = first.later.get(name, texts)
        for turn, (one, another) in enumerate(zip_longest(others, texts), start=2):
            if one != another:
                raise _not_the_same(name, f" in turn {turn}", (first.path, one), (second.path, another), fix)


def _not_the_same(
    name: str, turn: str, first: tuple[Path, str | None], second: tuple[Path, str | None], fix: str
) -> UrialError:
    (path, text), (other_path, other) = first, second
    return UrialError(
        f"{shorten(name)} is another instruction in each{turn}: {_shown(text)} in {path}, and {_shown(other)} in {other_path}",
        expected="rows of two files with one id ask the same",
        fix=fix,
    )


def _shown(text: str | None) -> str:
    return "nothing" if text is None else shorten(text, SHOWN)
