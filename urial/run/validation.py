"""Files checked against the records: of a run by where they lie, others by the schema that is named."""

import json
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean
from urial.core.store import parse_record, read_json, read_jsonl
from urial.core.yaml_files import parse_yaml_record
from urial.records.base import Record
from urial.records.prompt import JUDGE_COLLECTION
from urial.records.schemas import SCHEMAS
from urial.run.paths import RUN_FILES

# What a run is made from.
_BY_NAME = {"params.yaml": "params", "released.json": "released-prompts"}
_YAML = (".yaml", ".yml")


def guess_schema(path: Path) -> str:
    """The schema of a file by its name and folder. Raises UrialError where they do not tell."""
    names = {model: name for name, model in SCHEMAS.items()}
    if schema := _BY_NAME.get(path.name) or next((names[file.model] for file in RUN_FILES if file.fits(path)), None):
        return schema
    if (path.parent.name, path.suffix) == ("pools", ".jsonl"):
        return "pool"
    if path.suffix in _YAML:
        return "rubric" if path.parent.parent.name == JUDGE_COLLECTION else "prompt"
    raise UrialError("its place does not tell what it holds", path=path, fix="name a schema with --schema")


def validate_file(path: Path, schema: str | None = None) -> tuple[str, int]:
    """Schema and number of records of a valid file. Raises UrialError naming file, line and field."""
    name = schema or guess_schema(path)
    if name not in SCHEMAS:
        raise UrialError(f"unknown schema {name!r}", fix=did_you_mean(name, SCHEMAS))
    model = SCHEMAS[name]
    if path.suffix == ".jsonl":
        return name, len(read_jsonl(path, model))
    if path.suffix == ".parquet":
        return name, _validate_parquet(path, model)
    if path.suffix in _YAML:
        parse_yaml_record(path, model)
    else:
        read_json(path, model)
    return name, 1


def _validate_parquet(path: Path, model: type[Record]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UrialError(f"cannot be read as Parquet: {error}", path=path) from error
    for number, row in enumerate(table.to_pylist()):
        parse_record(json.dumps(row).encode("utf-8"), model, path, row=number)
    return len(table)
