"""Instructions out of a local file: one of this project's, or one of a published set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.store import read_jsonl
from urial.core.strict_json import first_twice
from urial.exchange.importers.cells import require_name
from urial.instructions.formats import published
from urial.instructions.reading import read_rows
from urial.instructions.sets import load_instructions
from urial.records.instruction import Columns, Instruction, InstructionSet
from urial.records.plans import InstructionsPlan


def import_instructions(path: Path, kind: str, name: str, table: Mapping[str, Any] | None = None) -> list[Instruction]:
    """The instructions in a file of a kind of ``InstructionSet``; ``name`` is the set's, which ids in a table begin with.

    ``table`` has the further fields of a TableSet, ``columns`` and ``category``. Raises UrialError naming file, row and
    column.
    """
    require_name(name, "an instruction set")
    if not path.is_file():
        # What is no file would be taken for the id of a data set on the hub.
        raise UrialError("no such file", path=path, fix="check the path")
    fields = {"kind": kind, "source": str(path), **(table or {})}
    columns = fields.get("columns", {})
    for field in columns:
        if field not in Columns.model_fields:
            raise UrialError(f"no field {field!r} in an instruction", fix=did_you_mean(field, Columns.model_fields))
    adapter: TypeAdapter[InstructionSet] = TypeAdapter(InstructionSet)
    try:
        instruction_set = adapter.validate_python(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UrialError(f"{first['msg'].removeprefix('Value error, ')}: {columns}") from error
    return load_instructions(
        InstructionsPlan(name=name, set=instruction_set, source_hash=None, microworld_seed=None, limit=None)
    )


def read_instructions(path: Path) -> list[Instruction]:
    """The instructions in a file of records of this project, or of rows of Just-Eval-Instruct; the columns tell."""
    ours = "turns" in read_rows(path, ()).columns
    rows = read_jsonl(path, Instruction) if ours else published("just-eval", read_rows(path, None))
    if (twice := first_twice(row.id for row in rows)) is not None:
        raise UrialError(f"two instructions {shorten(twice)}", path=path, expected="every id once")
    return rows
