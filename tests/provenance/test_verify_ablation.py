"""A plan with an ablation is made again from the prompt's file: text that no rule makes of it is found."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from tests.conftest import ROOT
from urial.core.store import write_json
from urial.plan.planning import make_plans
from urial.prompts.versions.library import PROMPTS_DIR
from urial.provenance.verify.inputs import check_plan
from urial.provenance.verify.run import Run
from urial.records.base import Record
from urial.records.params.file import read_params
from urial.run import paths


def test_an_ablated_prompt_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("prompts", "instructions"):
        shutil.copytree(ROOT / name, name)
    shutil.copy(ROOT / "params.yaml", ".")
    apply_overrides("params.yaml", ["+systems.x={model: base, prompt: urial-k3, ablation: {answers: plain}}"])
    plans = make_plans(read_params(Path("params.yaml")), PROMPTS_DIR)
    files: dict[str, Record] = {paths.SYSTEM_PLAN.path(plan.system): plan for plan in (*plans.systems, *plans.blends)}
    files |= {
        paths.SAFETY_DEPTH_PLAN.path(): plans.safety_depth,
        paths.TOKEN_SHIFT_PLAN.path(): plans.token_shift,
        paths.REPORT_PLAN.path(): plans.report,
        paths.JUDGE_PLAN.path(): plans.judge,
        paths.PREFERENCES_PLAN.path(): plans.preferences,
        paths.MODELS_PLAN.path(): plans.models,
        paths.INSTRUCTIONS_PLAN.path(): plans.instructions,
    }
    for name, plan in files.items():
        write_json(Path(name), plan)
    assert check_plan(Run(Path())).problems == []

    path = Path(paths.SYSTEM_PLAN.path("x"))
    path.write_text(path.read_text("utf-8").replace('"answers": "plain"', '"answers": "shuffled"'), "utf-8")
    (problem,) = check_plan(Run(Path())).problems
    assert "ablation.answers: params.yaml says 'plain', found 'shuffled'" in str(problem)

    write_json(path, next(plan for plan in plans.systems if plan.system == "x"))
    pool = Path("prompts/pools/plain/microworld.jsonl")
    pool.write_text(pool.read_text("utf-8").replace("Karmost", "Dunvara"), "utf-8")
    (problem,) = check_plan(Run(Path())).problems
    assert "prompt.examples.0.answer: params.yaml says" in str(problem)
