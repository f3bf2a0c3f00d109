"""Loads the planned instruction set, whatever its kind."""

from collections.abc import Sequence

from urial.core.errors import UrialError
from urial.core.store import read_jsonl
from urial.instructions.formats import FORMATS, published
from urial.instructions.hub import local_path, require_hash, source_rows
from urial.instructions.table import columns_of, from_table
from urial.records.instruction import Instruction
from urial.records.params.instruction_sets import JsonlSet, MicroworldSet, PublishedSet, TableSet
from urial.records.plans import InstructionsPlan


def load_instructions(plan: InstructionsPlan) -> list[Instruction]:
    """The planned instructions, unique by id and never none. Raises UrialError naming what is wrong and where."""
    try:
        rows = _load(plan)
    except RecursionError as error:
        # Values that the parser just managed to read can still be too deep to check or to show.
        raise UrialError(f"instruction set {plan.name!r}: a row is nested too deeply") from error
    _check(rows, plan.name)
    return rows[: plan.limit]


def _load(plan: InstructionsPlan) -> list[Instruction]:
    if isinstance(plan.set, MicroworldSet):
        return _microworld(plan)
    if isinstance(plan.set, JsonlSet):
        return _own(plan.set, plan.source_hash)
    if isinstance(plan.set, TableSet):
        columns = columns_of(plan.set.columns).values()
        return from_table(source_rows(plan.set, plan.source_hash, columns), plan.set, plan.name)
    return _published(plan.set, plan.source_hash)


def _microworld(plan: InstructionsPlan) -> list[Instruction]:
    from urial.microworld.world.queries import held_out_instructions
    from urial.microworld.world.world import build_world

    if plan.microworld_seed is None:
        raise UrialError(
            f"instruction set {plan.name!r} is about the embedded pair's world, and another pair is run",
            fix="run the embedded pair, or set run.instructions to null",
        )
    return held_out_instructions(build_world(plan.microworld_seed))


def _own(instruction_set: JsonlSet, source_hash: str | None) -> list[Instruction]:
    path = local_path(instruction_set.source)
    require_hash(path, source_hash)
    return read_jsonl(path, Instruction)


def _published(instruction_set: PublishedSet, source_hash: str | None) -> list[Instruction]:
    rows = source_rows(instruction_set, source_hash, FORMATS[instruction_set.kind].columns)
    return published(instruction_set.kind, rows)


def _check(rows: Sequence[Instruction], name: str) -> None:
    if not rows:
        raise UrialError(f"instruction set {name!r} is empty", expected="at least one instruction")
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if row.id in seen:
            raise UrialError(
                f"instruction set {name!r}: id {row.id!r} in rows {seen[row.id]} and {number}",
                expected="every id once",
            )
        seen[row.id] = number
