"""JSON Schema of every record, exported to schemas/."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from urial.core.store import indented, write_text
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
from urial.records.prompt import Example, Prompt, ReleasedIndex, Rubric
from urial.records.report import Metrics, Report
from urial.records.token_shift import ShiftCoverage, TokenShift

SCHEMAS_DIR = Path("schemas")
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


def export_schemas(folder: Path = SCHEMAS_DIR) -> list[Path]:
    """Write NAME.json for every record; returns the files."""
    for name in SCHEMAS:
        write_text(folder / f"{name}.json", schema_text(name))
    return [folder / f"{name}.json" for name in SCHEMAS]


def schema_drift(folder: Path = SCHEMAS_DIR) -> list[str]:
    """What differs between ``folder`` and the records, a line each; empty when nothing does."""
    problems = []
    for name in SCHEMAS:
        path = folder / f"{name}.json"
        if not path.is_file():
            problems.append(f"{path}: missing")
        elif path.read_bytes() != schema_text(name).encode("utf-8"):
            problems.append(f"{path}: differs from {SCHEMAS[name].__name__}")
    extra = sorted(path for path in folder.glob("*.json") if path.stem not in SCHEMAS)
    return problems + [f"{path}: no such record" for path in extra]


def schema_text(name: str) -> str:
    """The JSON Schema (draft 2020-12) of a record."""
    schema = SCHEMAS[name].model_json_schema(mode="validation")
    return f"{indented({'$schema': 'https://json-schema.org/draft/2020-12/schema', **schema})}\n"
