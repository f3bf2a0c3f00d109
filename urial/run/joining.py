"""What rows of a file answer, so that rows of two files are joined only where both ask the same.

Rows of other tools carry their query; those of a run are beside its instructions. Of others only the id is known.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


def asked_in_run(path: Path) -> Asked:
    """What the rows of a run's file answer; nothing where it is no run's."""
    beside = instructions_beside(path)
    rows = read_jsonl(beside, Instruction) if beside else []
    return Asked(path, {row.id: row.turns[0] for row in rows})


def asked_by(path: Path, rows: Iterable[Asking]) -> Asked:
    """What the rows of a file answer."""
    own = {row.instruction_id: row.query for row in rows if row.query is not None}
    return Asked(path, {**asked_in_run(path).texts, **own})


def asked_of(path: Path, instructions: Iterable[Instruction]) -> Asked:
    """What instructions ask; ``path`` is their file."""
    return Asked(path, {row.id: row.turns[0] for row in instructions})


def require_same_texts(first: Asked, second: Asked, fix: str) -> None:
    """Raises UrialError, with both texts, where one id stands for two in two files."""
    for name, text in second.texts.items():
        if (other := first.texts.get(name, text)) != text:
            raise UrialError(
                f"{shorten(name)} is another instruction in each: {shorten(other, SHOWN)} in {first.path}, and "
                f"{shorten(text, SHOWN)} in {second.path}",
                expected="rows of two files with one id ask the same",
                fix=fix,
            )
