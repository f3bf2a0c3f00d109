"""Small runs with judges and base models on real servers, laid out as the stages leave them."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from ruamel.yaml import YAML

from stages import assemble, generate, instructions, judge, models, plan, preferences, token_shift
from tests.conftest import ROOT, make_query
from tests.served import served_folders, served_model
from tests.token_shift.contexts import make_inputs
from tests.token_shift.contexts import plan as shift_plan
from urial.core.store import write_json, write_jsonl
from urial.records.params.file import ReportParams
from urial.records.plans import JudgePlan, ReportPlan, RulesPlan

SYSTEMS = ("aligned", "base-zero-shot")
QUERIES = [
    make_query("one", turns=("Why?", "And?")),
    make_query("two", turns=("What is it?",)),
    make_query("three", turns=("How?",), category="safety"),
]


def write_judged_run(folder: Path, pair: dict[str, Path], judge_url: str | None, **fields: Any) -> None:
    """A project over a tiny pair in this process; its judge is behind ``judge_url``, None: ``fields`` say all of it."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text("utf-8"))
    params["systems"] = {name: params["systems"][name] for name in SYSTEMS}
    params["studies"]["tiny"] = {
        "kind": "models", "base": {"folder": str(pair["base"])}, "aligned": {"folder": str(pair["aligned"])},
        "max_new_tokens": 8, "base_repetition_penalty": 1.0, "instructions": "queries", "prompts": "microworld",
    }  # fmt: skip
    params["instruction_sets"]["queries"] = {"kind": "jsonl", "source": str(folder / "queries.jsonl")}
    served = {"kind": "openai", "server": judge_url, "model": "judge"} if judge_url else {}
    params["judges"]["mine"] = {**served, **fields}
    params["run"].update(study="tiny", threads=1, judge="mine")
    params["token_shift"]["base_systems"] = ["base-zero-shot"]
    params["preferences"]["systems"] = ["base-zero-shot"]
    params["safety_depth"]["systems"], params["token_shift"]["given"], params["blends"] = [], {}, {}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        yaml.dump(params, stream)
    write_jsonl(folder / "queries.jsonl", QUERIES)
    shutil.copytree(ROOT / "prompts", folder / "prompts")


def run_stage(stage: Any, *arguments: str) -> str:
    """A stage in the working folder; what it says."""
    result = CliRunner().invoke(stage.main, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def run_prepared() -> None:
    """All that comes before the first answer."""
    for stage in (plan, models, instructions):
        run_stage(stage)
    for system in SYSTEMS:
        run_stage(assemble, system)


def run_answered(stages: Sequence[Any] = (generate, judge)) -> str:
    """Every answer and judgment; what was said of them."""
    return "".join(run_stage(stage, system) for stage in stages for system in SYSTEMS)


def run_compared() -> str:
    """What the judge says of the base system's answers beside the aligned model's; what the stage says."""
    return run_stage(preferences, "base-zero-shot")


def write_scored_run(data: Path, base_url: str, aligned: Path, **changes: Any) -> None:
    """A run whose token shift is measured behind a base model on a server, up to that stage."""
    inputs = make_inputs()
    served = served_model(base_url)
    served_folders(served, served, data / "models")
    shutil.rmtree(data / "models/aligned")
    shutil.copytree(aligned, data / "models/aligned")
    write_json(data / "plan/token_shift.json", shift_plan(**changes).model_copy(update={"server": served}))
    write_json(data / "plan/judge.json", JudgePlan(name="rules", judge=RulesPlan(kind="rules", microworld_seed=0)))
    report = ReportParams(resamples=100, confidence=0.95, seed=0, examples=1)
    write_json(
        data / "plan/report.json",
        ReportPlan(
            report=report, study="tiny", instructions="queries", systems=("aligned",), answer_system="aligned",
            base_systems=("base-urial",),
        ),
    )  # fmt: skip
    write_jsonl(data / "instructions.jsonl", inputs.instructions)
    write_jsonl(data / "generations/aligned.jsonl", [row for row in inputs.completions if row])
    write_jsonl(data / "prompts/aligned.jsonl", inputs.aligned_prompts)
    write_jsonl(data / "prompts/base-urial.jsonl", inputs.base_prompts)


def run_scored(base_system: str = "base-urial") -> None:
    """The stage that asks the base model's server."""
    run_stage(token_shift, base_system)
