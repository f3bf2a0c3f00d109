"""Everything that a report is made from, read and validated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.errors import UrialError
from urial.core.store import read_json, read_jsonl, read_parquet, require_same_ids
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import Role
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.model import ModelManifest, read_manifest
from urial.records.plans import ReportPlan, SystemPlan
from urial.records.token_shift import ShiftCoverage, shift_schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SystemInputs:
    """One system's rows, all in the order of the instructions."""

    plan: SystemPlan
    prompts: Sequence[AssembledPrompt]
    completions: Sequence[Completion]
    judgments: Sequence[Judgment]


@dataclass(frozen=True)
class ContextInputs:
    """One base context's measurement."""

    table: "pa.Table"
    coverage: Sequence[ShiftCoverage]


@dataclass(frozen=True)
class ReportInputs:
    """One run."""

    plan: ReportPlan
    models: Mapping[Role, ModelManifest]
    instructions: Sequence[Instruction]
    systems: Mapping[str, SystemInputs]
    contexts: Mapping[str, ContextInputs]


def read_inputs(data: Path) -> ReportInputs:
    """Read a run's outputs under ``data``. Raises UrialError for an invalid or missing row."""
    plan = read_json(data / "plan/report.json", ReportPlan)
    instructions = read_jsonl(data / "instructions.jsonl", Instruction)
    ids = [row.id for row in instructions]
    systems = {name: _read_system(data, name, ids) for name in plan.systems}
    contexts = {name: _read_context(data, name, ids) for name in plan.base_systems}
    return ReportInputs(
        plan=plan,
        models={"base": read_manifest(data / "models/base"), "aligned": read_manifest(data / "models/aligned")},
        instructions=instructions,
        systems=systems,
        contexts=contexts,
    )


def _read_system(data: Path, name: str, ids: list[str]) -> SystemInputs:
    found = SystemInputs(
        plan=read_json(data / f"plan/systems/{name}.json", SystemPlan),
        prompts=read_jsonl(data / f"prompts/{name}.jsonl", AssembledPrompt),
        completions=read_jsonl(data / f"generations/{name}.jsonl", Completion),
        judgments=read_jsonl(data / f"judgments/{name}.jsonl", Judgment),
    )
    require_same_ids(str(data / f"prompts/{name}.jsonl"), [row.instruction_id for row in found.prompts], ids)
    require_same_ids(str(data / f"generations/{name}.jsonl"), [row.instruction_id for row in found.completions], ids)
    require_same_ids(str(data / f"judgments/{name}.jsonl"), [row.instruction_id for row in found.judgments], ids)
    return found


def _read_context(data: Path, name: str, ids: list[str]) -> ContextInputs:
    path = data / f"token_shift/{name}.coverage.jsonl"
    found = ContextInputs(
        table=read_parquet(data / f"token_shift/{name}.parquet", shift_schema()),
        coverage=read_jsonl(path, ShiftCoverage),
    )
    require_same_ids(str(path), [row.instruction_id for row in found.coverage], ids)
    planned = sum(row.positions for row in found.coverage)
    if planned != len(found.table):
        raise UrialError(
            f"{path}: counts {planned:,} positions, but the table beside it has {len(found.table):,}",
            fix="run `dvc repro`",
        )
    return found
