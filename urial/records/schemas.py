"""JSON Schema of every record, exported to schemas/."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from urial.core.store import indented, write_text
from urial.records.base import Record
from urial.records.blended_tokens import BlendedTokens
from urial.records.completion import AssembledPrompt, Completion, Transcript
from urial.records.environment import Environment
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.leaderboard_entry import LeaderboardEntry
from urial.records.length_control import LengthControlReference
from urial.records.metrics import Metrics
from urial.records.model import ModelManifest
from urial.records.package import InstalledPackage
from urial.records.params.file import ParamsFile
from urial.records.people import PersonPreference, PersonScore
from urial.records.plans import (
    InstructionsPlan,
    JudgePlan,
    ModelsPlan,
    PreferencesPlan,
    ReportPlan,
    SafetyDepthPlan,
    SystemPlan,
    TokenShiftPlan,
)
from urial.records.preference import Preference
from urial.records.preference_rubric import PreferenceRubric
from urial.records.probing import Probing
from urial.records.prompt import Example, Prompt, Rubric
from urial.records.references import ReferenceAnswers
from urial.records.released import ReleasedIndex
from urial.records.report import Report
from urial.records.safety_depth import PrefilledAnswer, PrefilledVerdict
from urial.records.token_shift import ShiftCoverage, TokenShift

SCHEMAS_DIR = Path("schemas")
# Those without words, which stages depend on.
BARE = "bare"
SCHEMAS: Mapping[str, type[Record]] = MappingProxyType(
    {
        "params": ParamsFile,
        "prompt": Prompt,
        "pool": Example,
        "rubric": Rubric,
        "preference-rubric": PreferenceRubric,
        "reference-answers": ReferenceAnswers,
        "released-prompts": ReleasedIndex,
        "plan-models": ModelsPlan,
        "plan-instructions": InstructionsPlan,
        "plan-system": SystemPlan,
        "plan-token-shift": TokenShiftPlan,
        "plan-judge": JudgePlan,
        "plan-preferences": PreferencesPlan,
        "plan-safety-depth": SafetyDepthPlan,
        "plan-report": ReportPlan,
        "model-manifest": ModelManifest,
        "instruction": Instruction,
        "assembled-prompt": AssembledPrompt,
        "completion": Completion,
        "blended-tokens": BlendedTokens,
        "token-shift": TokenShift,
        "shift-coverage": ShiftCoverage,
        "judgment": Judgment,
        "preference": Preference,
        "prefilled-answer": PrefilledAnswer,
        "prefilled-verdict": PrefilledVerdict,
        "length-control-reference": LengthControlReference,
        "person-preference": PersonPreference,
        "person-score": PersonScore,
        "report": Report,
        "metrics": Metrics,
        "probing": Probing,
        "leaderboard-entry": LeaderboardEntry,
        "transcript": Transcript,
        "environment": Environment,
        "package": InstalledPackage,
    }
)


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

    def without_words(name: str, value: Any) -> Any:
        if name in ("default", "const", "enum", "discriminator"):
            return value
        if name in ("properties", "$defs"):
            # Here keys are names of fields and of records: a field may be called description.
            return {key: bare(part) for key, part in value.items()}
        if isinstance(value, list):
            return [bare(part) if isinstance(part, dict) else part for part in value]
        return bare(value) if isinstance(value, dict) else value

    return {name: without_words(name, part) for name, part in schema.items() if name not in ("title", "description")}
