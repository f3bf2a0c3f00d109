"""What rows of a file answer, so that rows of two files are joined only where both ask the same.

Rows of other tools carry their query; those of a run are beside its instructions. Of others only the id is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Protocol

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
