"""A run of records as a folder on the disk, with a lock that names its files."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from urial.core.parquet import write_parquet
from urial.core.store import write_json, write_jsonl
from urial.records.plans import InstructionsPlan, JudgePlan, PreferencesPlan, RulesPlan
from urial.records.token_shift import shift_schema
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.run.files import Digests

RULES = JudgePlan(name="rules", judge=RulesPlan(kind="rules", microworld_seed=None))
PREFERENCES = PreferencesPlan(
    baseline="aligned", orders="both", name="rules", judge=RulesPlan(kind="rules", microworld_seed=None), rubric=None
)
SET = InstructionsPlan.model_validate_json(
    '{"name": "set", "set": {"kind": "microworld"}, "source_hash": null, "microworld_seed": 0, "limit": null}'
)


def write_run(inputs: ReportInputs, folder: Path, judge: JudgePlan = RULES) -> Path:
    """All files of the run, its report among them, and its lock; the folder."""
    data = folder / "data"
    write_json(data / "plan/report.json", inputs.plan)
    write_json(data / "plan/judge.json", judge)
    write_json(data / "plan/instructions.json", SET)
    for role, manifest in inputs.models.items():
        write_json(data / f"models/{role}/manifest.json", manifest)
    write_jsonl(data / "instructions.jsonl", inputs.instructions)
    # A base context is a system, which these runs leave out where it answers nothing.
    base = inputs.systems["base"]
    systems = {**dict.fromkeys(inputs.contexts, base), **inputs.systems}
    for name, system in systems.items():
        write_json(data / f"plan/systems/{name}.json", system.plan)
        write_jsonl(data / f"prompts/{name}.jsonl", system.prompts)
        write_jsonl(data / f"generations/{name}.jsonl", system.completions)
        write_jsonl(data / f"judgments/{name}.jsonl", system.judgments)
    for name, context in inputs.contexts.items():
        write_parquet(data / f"token_shift/{name}.parquet", [context.table], shift_schema())
        write_jsonl(data / f"token_shift/{name}.coverage.jsonl", context.coverage)
    write_json(data / "plan/preferences.json", PREFERENCES)
    for name, preferences in inputs.preferences.items():
        write_jsonl(data / f"preferences/{name}.jsonl", preferences)
    write_json(data / "report/report.json", build_report(inputs))
    (folder / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    write_lock(folder, list(systems), list(inputs.contexts))
    return folder


def write_lock(folder: Path, systems: Sequence[str], contexts: Sequence[str]) -> None:
    """What DVC would have written of the files as they are, without code and schemas."""
    stages = {
        "plan": _stage(folder, "plan", [], ["data/plan"]),
        "models": _stage(folder, "models", ["data/plan"], ["data/models/base", "data/models/aligned"]),
        "instructions": _stage(folder, "instructions", ["data/plan"], ["data/instructions.jsonl"]),
    }
    for name in systems:
        prompts, answers = f"data/prompts/{name}.jsonl", f"data/generations/{name}.jsonl"
        stages |= {
            f"assemble@{name}": _stage(folder, f"assemble {name}", ["data/instructions.jsonl"], [prompts]),
            f"generate@{name}": _stage(folder, f"generate {name}", [prompts, "data/models/base"], [answers]),
            f"judge@{name}": _stage(folder, f"judge {name}", [answers], [f"data/judgments/{name}.jsonl"]),
        }
    for name in contexts:
        outs = [f"data/token_shift/{name}.{ending}" for ending in ("parquet", "coverage.jsonl")]
        deps = ["data/generations/aligned.jsonl", f"data/prompts/{name}.jsonl"]
        stages[f"token_shift@{name}"] = _stage(folder, f"token_shift {name}", deps, outs)
    for path in sorted((folder / "data/preferences").glob("*.jsonl")):
        name, answers = path.stem, f"data/generations/{path.name}"
        outs = [f"data/preferences/{path.name}"]
        stages[f"preferences@{name}"] = _stage(folder, f"preferences {name}", ["data/plan", answers], outs)
    stages["report"] = _stage(folder, "report", ["data/judgments"], ["data/report/report.json"])
    (folder / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}), "utf-8")


def _stage(folder: Path, name: str, deps: Sequence[str], outs: Sequence[str]) -> dict[str, Any]:
    return {
        "cmd": f"python -m stages.{name}",
        "deps": [_file(folder, path) for path in deps if (folder / path).exists()],
        "outs": [_file(folder, path) for path in outs if (folder / path).exists()],
    }


def _file(folder: Path, path: str) -> dict[str, Any]:
    found = Digests(folder).of(folder / path)
    return {**found.model_dump(include={"md5", "size", "nfiles"}, exclude_none=True), "path": path, "hash": "md5"}
