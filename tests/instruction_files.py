"""Plans of instruction sets and files of rows, for the tests of every kind of set."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from urial.core.errors import UrialError
from urial.instructions.sets import load_instructions
from urial.records.instruction import Instruction, InstructionSet
from urial.records.plans import InstructionsPlan

SETS: TypeAdapter[Any] = TypeAdapter(InstructionSet)
FileRows = Sequence[Mapping[str, Any]]


def plan_of(instruction_set: Mapping[str, Any], **changes: Any) -> InstructionsPlan:
    """The plan of a set as it stands in params.yaml, named 'mine'."""
    fields = {"name": "mine", "source_hash": None, "microworld_seed": None, "limit": None, **changes}
    return InstructionsPlan(set=SETS.validate_json(json.dumps(instruction_set)), **fields)


def load(kind: str, source: Path | str, **fields: Any) -> list[Instruction]:
    return load_instructions(plan_of({"kind": kind, "source": str(source), **fields}))


def named(source: str, *turns: str) -> str:
    """The id of an instruction without one: the name of its set, and the first digits of the hash of its messages' JSON."""
    text = json.dumps(turns, ensure_ascii=False, separators=(",", ":"))
    return f"{source}-{hashlib.sha256(text.encode('utf-8')).hexdigest()[:12]}"


def refusal(kind: str, source: Path | str, **fields: Any) -> str:
    """The whole message that refuses a set."""
    with pytest.raises(UrialError) as caught:
        load(kind, source, **fields)
    return str(caught.value)


def write_rows(path: Path, rows: FileRows) -> Path:
    """Rows in the format that the name ends with; a .json file becomes an array."""
    {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}[path.suffix](path, rows)
    return path


def _jsonl(path: Path, rows: FileRows) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")


def _json(path: Path, rows: FileRows) -> None:
    path.write_text(json.dumps(list(rows), indent=1, ensure_ascii=False), "utf-8")


def _csv(path: Path, rows: FileRows) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)


def _parquet(path: Path, rows: FileRows) -> None:
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
