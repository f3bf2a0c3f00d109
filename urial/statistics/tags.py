"""Instructions by task, topic or source, for figures of each group."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from urial.core.errors import UrialError, shorten
from urial.records.instruction import Instruction

TagKind = Literal["task", "topic", "source"]


def by_tag(instructions: Iterable[Instruction], kind: TagKind) -> dict[str, set[str]]:
    """Instruction ids by tag, tags in alphabetical order; an instruction counts under each of its tags."""
    ids: dict[str, set[str]] = {}
    for row in instructions:
        for tag in (row.source,) if kind == "source" else getattr(row, kind):
            ids.setdefault(tag, set()).add(row.id)
    return dict(sorted(ids.items()))


def known_instructions(
    files: Mapping[str, Path], instructions: Iterable[Instruction], done: Literal["judged", "measured"]
) -> dict[str, Instruction]:
    """The instructions by id. Raises UrialError unless all those of ``files`` are among them, whose keys are ids."""
    known = {row.id: row for row in instructions}
    lost = [name for name in files if name not in known]
    if lost:
        raise UrialError(
            f"{done} instructions that the file of instructions does not have: {len(lost):,}, first {shorten(lost[0])}",
            path=files[lost[0]],
            fix=f"name the instructions that were {done} with --instructions FILE",
        )
    return known


def required_tags(
    instructions: Iterable[Instruction] | None, kind: TagKind, done: Literal["judged", "measured"]
) -> dict[str, set[str]]:
    """See ``by_tag``. Raises UrialError where there are no instructions, or none of them has a tag."""
    if instructions is None:
        rows = {"judged": "judgments", "measured": "measurements"}[done]
        raise UrialError(
            f"{rows} do not say the {kind} of an instruction",
            fix=f"name the instructions that were {done} with --instructions FILE",
        )
    tags = by_tag(instructions, kind)
    if not tags:
        raise UrialError(f"no instruction that was {done} has a {kind}", fix="name a file of instructions with tags")
    return tags
