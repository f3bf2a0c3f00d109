"""Loads the planned instruction set: of the micro-world, of a file, or of a data set on the hub.

No code of a data set is ever run.
"""

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, reason_of, shorten
from urial.core.hashing import file_hash
from urial.core.store import read_jsonl
from urial.core.text import and_more
from urial.instructions.formats import READ_COLUMNS, published
from urial.instructions.reading import ENDINGS, Row, Rows, read_rows
from urial.instructions.table import columns_of, from_table
from urial.records.instruction import (
    FILE_ENDINGS,
    AlpacaEvalSet,
    Instruction,
    InstructionSet,
    JsonlSet,
    JustEvalSet,
    LimaSet,
    MicroworldSet,
    MtBenchSet,
    RowSource,
    TableSet,
)
from urial.records.plans import InstructionsPlan

HUB_FIX = (
    "check the id, the network and the access rights (a gated data set needs HF_TOKEN in the environment), "
    "or give instruction_sets.NAME.source the path of a file"
)

# The splits that sets are published in; other tables are most often one split, train.
SPLITS: Mapping[type[RowSource], str] = {
    JustEvalSet: "test", AlpacaEvalSet: "eval", MtBenchSet: "train", LimaSet: "test"
}  # fmt: skip
DEFAULT_SPLIT = "train"


def load_instructions(plan: InstructionsPlan) -> list[Instruction]:
    """The planned instructions, unique by id and never none. Raises UrialError naming what is wrong and where."""
    try:
        rows = _load(plan)
    except RecursionError as error:
        # Values that the parser just managed to read can still be too deep to check or to show.
        raise UrialError(
            f"instruction set {plan.name!r}: a row is nested too deeply", expected="rows of a few levels"
        ) from error
    if not rows:
        raise UrialError(f"instruction set {plan.name!r} is empty", expected="at least one instruction")
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        if row.id in seen:
            raise UrialError(
                f"instruction set {plan.name!r}: id {row.id!r} in rows {seen[row.id]} and {number}",
                expected="every id once",
            )
        seen[row.id] = number
    _require_tasks(plan, {task for row in rows for task in row.task})
    return rows[: plan.limit]


def _require_tasks(plan: InstructionsPlan, tasks: Collection[str]) -> None:
    """Raises UrialError for a task with a temperature of its own that no instruction has: it would change nothing."""
    if lost := [task for task in plan.required_tasks if task not in tasks]:
        raise UrialError(
            f"decoding.temperature_by_task: no instruction of the set {plan.name!r} has the task {lost[0]!r}",
            where="params.yaml",
            expected=f"one of {and_more(sorted(tasks), 12)}" if tasks else "a set whose instructions have tasks",
            fix=did_you_mean(lost[0], tasks) or "leave it out of the table, or run the set that it is for",
        )


def _load(plan: InstructionsPlan) -> list[Instruction]:
    match plan.set:
        case MicroworldSet():
            from urial.microworld.world.language import held_out_instructions
            from urial.microworld.world.world import build_world

            if plan.microworld_seed is None:
                raise UrialError(
                    f"instruction set {plan.name!r} is about the embedded pair's world, and another pair is run",
                    fix="run the embedded pair, or set run.instructions to null",
                )
            return held_out_instructions(build_world(plan.microworld_seed))
        case JsonlSet():
            path = Path(os.path.expanduser(plan.set.source))
            _require_hash(path, plan.source_hash)
            return read_jsonl(path, Instruction)
        case TableSet():
            named = columns_of(plan.set.columns).values()
            # Of a path into nested values, the column that it begins with.
            columns = {part for column in named for part in (column, column.partition(".")[0])}
            return from_table(_source_rows(plan.set, plan.source_hash, columns), plan.set, plan.name)
        case _:
            rows = _source_rows(plan.set, plan.source_hash, READ_COLUMNS.get(plan.set.kind))
            return published(plan.set.kind, rows)


def local_source(instruction_set: InstructionSet | RowSource) -> Path | None:
    """The file that a set is read from; None for one on the hub, and for the micro-world's, which is made, not read.

    Raises UrialError for a source that is neither a file nor a hub id.
    """
    if isinstance(instruction_set, MicroworldSet):
        return None
    source = instruction_set.source
    path = Path(os.path.expanduser(source))
    looks_local = path.suffix.lower() in FILE_ENDINGS or path.is_absolute() or source.startswith(".")
    if isinstance(instruction_set, JsonlSet) or looks_local or os.path.exists(path):
        return path
    # A bare name would also mean one of the readers of the library `datasets`, such as json, at work in this folder.
    if not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", source, re.ASCII):
        raise UrialError(
            f"instruction set: source {shorten(source)} is neither a file nor the id of a data set",
            where="params.yaml",
            expected=f"a path that ends with {ENDINGS}, or OWNER/NAME",
        )
    return None


def _require_hash(path: Path, planned: str | None) -> None:
    """Raises UrialError unless the file is the planned one."""
    if planned is not None and file_hash(path) != planned:
        raise UrialError(
            "changed since it was planned", path=path, fix="run `dvc repro --force plan`, then `dvc repro`"
        )


def _source_rows(source: RowSource, planned: str | None, wanted: Collection[str] | None) -> Rows:
    """The rows of a file or of a hub data set, with only the wanted columns (None: all)."""
    path = local_source(source)
    if path is not None:
        _require_hash(path, planned)
        return read_rows(path, wanted)
    return _hub_file(source, source.file, wanted) if source.file else _hub_split(source, wanted)


def _hub_file(source: RowSource, name: str, wanted: Collection[str] | None) -> Rows:
    from huggingface_hub import hf_hub_download

    try:
        path = hf_hub_download(source.source, name, revision=source.revision, repo_type="dataset")
    except Exception as error:  # network, access and name errors share no base class
        raise UrialError(
            f"data set {_hub_name(source)}: {name} cannot be fetched: {reason_of(error)}", fix=HUB_FIX
        ) from error
    return read_rows(Path(path), wanted, f"{_hub_name(source)}/{name}")


def _hub_split(source: RowSource, wanted: Collection[str] | None) -> Rows:
    # datasets 4 and later have no loading scripts: a data set that needs one is refused.
    from datasets import load_dataset

    where = _hub_name(source)
    split = source.split or SPLITS.get(type(source), DEFAULT_SPLIT)
    try:
        data = load_dataset(source.source, name=source.config, split=split, revision=source.revision)
        columns = tuple(data.column_names)
        # Other columns may be pictures or sounds, which would be decoded.
        data = data if wanted is None else data.select_columns([name for name in columns if name in wanted])
        rows = tuple(Row(f"{where}, row {number}", row) for number, row in enumerate(data))
    except Exception as error:  # the library's errors share no base class
        raise UrialError(
            f"data set {where}, split {split}: cannot be loaded: {reason_of(error)}",
            fix="name a split and a configuration that it has, or one of its data files as instruction_sets.NAME.file; "
            f"else {HUB_FIX}",
        ) from error
    return Rows(where, columns, rows)


def _hub_name(source: RowSource) -> str:
    return f"{source.source}@{source.revision or 'main'}"
