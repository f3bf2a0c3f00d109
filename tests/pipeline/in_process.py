"""The stages of a run one after the other in this process, which has its libraries loaded; DVC starts one for each."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from stages import (
    assemble,
    blend,
    generate,
    given_shift,
    instructions,
    judge,
    judge_blend,
    judge_safety_depth,
    microworld_answers,
    models,
    plan,
    preferences,
    report,
    safety_depth,
    token_shift,
)
from tests.clones import BLENDS, CONTEXTS, SYSTEMS
from urial.core.store import read_json
from urial.records.report import Report

STAGES = {
    "plan": plan, "models": models, "instructions": instructions, "microworld_answers": microworld_answers, "assemble": assemble,
    "generate": generate, "blend": blend, "judge": judge, "judge_blend": judge_blend, "token_shift": token_shift,
    "given_shift": given_shift, "preferences": preferences, "safety_depth": safety_depth,
    "judge_safety_depth": judge_safety_depth, "report": report,
}  # fmt: skip
KEYS = {
    "assemble": SYSTEMS, "generate": SYSTEMS, "judge": SYSTEMS, "token_shift": CONTEXTS, "preferences": CONTEXTS,
    "blend": BLENDS, "judge_blend": BLENDS,
}  # fmt: skip


def arguments_of(stage: str, params: Any) -> list[list[str]]:
    """The arguments of a stage, once for each time that it runs."""
    if stage == "given_shift":
        fields = ("answers", "base_system", "aligned_system")
        return [[name, *(given[field] for field in fields)] for name, given in params["token_shift"]["given"].items()]
    if stage in ("safety_depth", "judge_safety_depth"):
        return [[name] for name in params["safety_depth"]["systems"]]
    return [[key] for key in KEYS[stage]] if stage in KEYS else [[]]


def edit_params(path: Path, change: Callable[[Any], None], out: Path | None = None) -> None:
    """Change the parameters of a file, and write them back, or to ``out``."""
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load(path.read_text("utf-8"))
    change(params)
    with (out or path).open("w", encoding="utf-8") as stream:
        yaml.dump(params, stream)


def run_stages(folder: Path, monkeypatch: pytest.MonkeyPatch, names: Iterable[str] = STAGES) -> tuple[Report, str]:
    """The report of a run in a folder that has params.yaml and prompts/, and what the stages print."""
    monkeypatch.chdir(folder)
    said, params = "", YAML(typ="safe", pure=True).load((folder / "params.yaml").read_text("utf-8"))
    for name in names:
        for arguments in arguments_of(name, params):
            result = CliRunner().invoke(STAGES[name].main, arguments, catch_exceptions=False)
            assert result.exit_code == 0, result.output
            said += result.output
    return read_json(folder / "data/report/report.json", Report), said
