"""JSON Schema of every record, exported to schemas/, and validation of files against the records."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from urial.core.errors import UrialError, did_you_mean
from urial.core.store import indented, parse_record, read_json, read_jsonl, write_text
from urial.core.yaml_files import parse_yaml_record
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import Record
from urial.records.chat import Transcript
from urial.records.completion import Completion
from urial.records.environment import Environment
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.model import ModelManifest
from urial.records.params.file import ParamsFile
from urial.records.plans import InstructionsPlan, JudgePlan, ModelsPlan, ReportPlan, SystemPlan, TokenShiftPlan
from urial.records.prompt import JUDGE_COLLECTION, Example, Prompt, ReleasedIndex, Rubric
from urial.records.report import Metrics, Report
from urial.records.token_shift import ShiftCoverage, TokenShift

SCHEMAS_DIR = Path("schemas")
# Those without words, which stages depend on.
BARE = "bare"
ENVIRONMENT_DIR = "environment"
SCHEMAS: Mapping[str, type[Record]] = MappingProxyType(
    {
        "params": ParamsFile,
        "prompt": Prompt,
        "pool": Example,
        "rubric": Rubric,
        "released-prompts": ReleasedIndex,
        "plan-models": ModelsPlan,
        "plan-instructions": InstructionsPlan,
        "plan-system": SystemPlan,
        "plan-token-shift": TokenShiftPlan,
        "plan-judge": JudgePlan,
        "plan-report": ReportPlan,
        "model-manifest": ModelManifest,
        "instruction": Instruction,
        "assembled-prompt": AssembledPrompt,
        "completion": Completion,
        "token-shift": TokenShift,
        "shift-coverage": ShiftCoverage,
        "judgment": Judgment,
        "report": Report,
        "metrics": Metrics,
        "transcript": Transcript,
        "environment": Environment,
    }
)
# Where a file's place tells what it holds: its name, then its folder.
_BY_NAME = {
    "params.yaml": "params",
    "instructions.jsonl": "instruction",
    "manifest.json": "model-manifest",
    "metrics.json": "metrics",
    "released.json": "released-prompts",
}
_BY_FOLDER = {
    ("prompts", ".jsonl"): "assembled-prompt",
    ("generations", ".jsonl"): "completion",
    ("judgments", ".jsonl"): "judgment",
    ("token_shift", ".jsonl"): "shift-coverage",
    ("token_shift", ".parquet"): "token-shift",
    ("systems", ".json"): "plan-system",
    ("report", ".json"): "report",
    ("pools", ".jsonl"): "pool",
}


def export_schemas(folder: Path = SCHEMAS_DIR) -> list[Path]:
    """Write every schema twice: NAME.json for people, and bare/NAME.json for stages to depend on; returns the files."""
    texts = _schema_texts(folder)
    for path, text in texts.items():
        write_text(path, text)
    return list(texts)


def schema_drift(folder: Path = SCHEMAS_DIR) -> list[str]:
    """What differs between ``folder`` and the records, a line each; empty when nothing does."""
    texts, problems = _schema_texts(folder), []
    for path, text in texts.items():
        if not path.is_file():
            problems.append(f"{path}: missing")
        elif path.read_bytes() != text.encode("utf-8"):
            problems.append(f"{path}: differs from {SCHEMAS[path.stem].__name__}")
    extra = sorted(path for path in folder.rglob("*.json") if path not in texts)
    return problems + [f"{path}: no such record" for path in extra]


def _schema_texts(folder: Path) -> dict[Path, str]:
    documented = {name: model.model_json_schema(mode="validation") for name, model in SCHEMAS.items()}
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        **{folder / f"{name}.json": f"{indented({**draft, **schema})}\n" for name, schema in documented.items()},
        **{folder / BARE / f"{name}.json": f"{indented(bare(schema))}\n" for name, schema in documented.items()},
    }


def bare(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without titles and descriptions: rewording a docstring changes no file that a stage depends on."""
    return {name: _bare_value(name, value) for name, value in schema.items() if name not in ("title", "description")}


def _bare_value(name: str, value: Any) -> Any:
    if name in ("default", "const", "enum", "discriminator"):
        return value
    if name in ("properties", "$defs"):
        # Here keys are names of fields and of records: a field may be called description.
        return {key: bare(part) for key, part in value.items()}
    if isinstance(value, list):
        return [bare(part) if isinstance(part, dict) else part for part in value]
    return bare(value) if isinstance(value, dict) else value


def guess_schema(path: Path) -> str:
    """The schema of a file by its place. Raises UrialError when its place does not tell."""
    found = _BY_NAME.get(path.name) or _BY_FOLDER.get((path.parent.name, path.suffix))
    if path.parent.name == "plan" and path.suffix == ".json":
        found = f"plan-{path.stem.replace('_', '-')}"
    # Before any name: a system can be called metrics.
    if path.suffix == ".json" and ENVIRONMENT_DIR in (path.parent.name, path.parent.parent.name):
        found = "environment"
    if path.suffix in (".yaml", ".yml") and found is None:
        found = "rubric" if path.parent.parent.name == JUDGE_COLLECTION else "prompt"
    if found is None or found not in SCHEMAS:
        raise UrialError(f"{path}: its place does not tell what it holds", fix="name a schema with --schema")
    return found


def validate_file(path: Path, schema: str | None = None) -> tuple[str, int]:
    """Schema and number of records of a valid file. Raises UrialError naming file, line and field."""
    name = schema or guess_schema(path)
    if name not in SCHEMAS:
        raise UrialError(f"unknown schema {name!r}", fix=did_you_mean(name, SCHEMAS))
    model = SCHEMAS[name]
    if path.suffix in (".yaml", ".yml"):
        parse_yaml_record(path, model)
        return name, 1
    if path.suffix == ".jsonl":
        return name, len(read_jsonl(path, model))
    if path.suffix == ".parquet":
        return name, _validate_parquet(path, model)
    read_json(path, model)
    return name, 1


def _validate_parquet(path: Path, model: type[Record]) -> int:
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise UrialError(f"{path}: cannot be read as Parquet: {error}") from error
    for number, row in enumerate(table.to_pylist()):
        parse_record(json.dumps(row).encode("utf-8"), model, f"{path}, row {number}")
    return len(table)
