"""Instruction sets: the embedded one, Just-Eval-Instruct, and files of instruction records."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from urial.errors import UrialError, shorten
from urial.hashing import file_hash
from urial.params import JsonlSet, JustEvalSet
from urial.plans import InstructionsPlan
from urial.records import MAX_TURN_CHARACTERS, Instruction, Record
from urial.store import parse_record, read_jsonl


class JustEvalRow(Record):
    """A row of Just-Eval-Instruct as published."""

    id: int = Field(ge=0, description="0-799 regular, 800-999 safety")
    instruction: str = Field(min_length=1, max_length=MAX_TURN_CHARACTERS, description="the query")
    source_id: str = Field(description="id in the set it was taken from")
    dataset: str = Field(description="the set it was taken from")
    category: Literal["regular", "safety"] = Field(description="which aspects are judged")
    task: tuple[str, ...] = Field(description="task tags")
    topic: tuple[str, ...] = Field(description="topic tags")
    difficulty: str | None = Field(description="as rated by its authors")


def load_instructions(plan: InstructionsPlan) -> list[Instruction]:
    """The planned instructions, unique by id and never none. Raises UrialError naming what is wrong and where."""
    if plan.set.kind == "microworld":
        rows = _microworld(plan)
    elif plan.set.kind == "just-eval":
        rows = _just_eval(plan.set, plan.source_hash)
    else:
        rows = _local(plan.set, plan.source_hash)
    _check(rows, plan.name)
    return rows[: plan.limit]


def local_source(instruction_set: JustEvalSet | JsonlSet) -> Path | None:
    """The file that a set is read from, or None when it is a hub id."""
    path = Path(os.path.expanduser(instruction_set.source))
    looks_local = path.suffix in (".jsonl", ".json") or path.is_absolute() or instruction_set.source.startswith(".")
    return path if looks_local or os.path.exists(path) or instruction_set.kind == "jsonl" else None


def _microworld(plan: InstructionsPlan) -> list[Instruction]:
    from urial.microworld.queries import held_out_instructions
    from urial.microworld.world import build_world

    if plan.microworld_seed is None:
        raise UrialError(
            f"instruction set {plan.name!r} is about the embedded pair's world, and another pair is run",
            fix="run the embedded pair, or set run.instructions to null",
        )
    return held_out_instructions(build_world(plan.microworld_seed))


def _just_eval(instruction_set: JustEvalSet, source_hash: str | None) -> list[Instruction]:
    path = local_source(instruction_set)
    if path is None:
        rows = _from_hub(instruction_set)
    else:
        _require_hash(path, source_hash)
        rows = read_jsonl(path, JustEvalRow)
    return [_from_just_eval(row) for row in rows]


def _from_hub(instruction_set: JustEvalSet) -> list[JustEvalRow]:
    from datasets import load_dataset

    where = f"{instruction_set.source}@{instruction_set.revision}"
    try:
        data = load_dataset(instruction_set.source, split=instruction_set.split, revision=instruction_set.revision)
    except Exception as error:  # the library's errors share no base class
        raise UrialError(
            f"data set {where} cannot be loaded: {shorten(str(error), 200)}",
            fix="check the network, or give instruction_sets.NAME.source the path of a JSONL file",
        ) from error
    return [parse_record(_json(row), JustEvalRow, f"{where}, row {number}") for number, row in enumerate(data)]


def _json(row: Any) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode("utf-8")


def _from_just_eval(row: JustEvalRow) -> Instruction:
    return Instruction(
        id=f"just-eval-{row.id}",
        turns=(row.instruction,),
        category=row.category,
        task=row.task,
        topic=row.topic,
        difficulty=row.difficulty,
        source=row.dataset,
    )


def _local(instruction_set: JsonlSet, source_hash: str | None) -> list[Instruction]:
    path = Path(instruction_set.source)
    _require_hash(path, source_hash)
    return read_jsonl(path, Instruction)


def _require_hash(path: Path, planned: str | None) -> None:
    if planned is not None and file_hash(path) != planned:
        raise UrialError(f"{path}: changed since it was planned", fix="run `dvc repro --force plan`, then `dvc repro`")


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
        if len(row.turns) != 1:
            raise UrialError(f"instruction set {name!r}: {row.id!r} has {len(row.turns)} turns", expected="one turn")
