"""The study that `make real-study` runs: what the Makefile changes in params.yaml makes a plan of its three systems."""

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.exchange.model_packages import MODELS_FOLDER, PACKAGED_MODELS
from urial.plan import planning
from urial.plan.instructions import plan_instructions
from urial.plan.judges import plan_judge
from urial.plan.models import plan_models
from urial.plan.token_shift import plan_token_shift
from urial.prompts.versions.library import PROMPTS_DIR
from urial.records.model import GgufModel
from urial.records.params.file import ModelsStudy, ParamsFile, read_params

STUDY = "gemma-3-270m-smollm2-135m"


@pytest.fixture
def params(tmp_path: Path) -> ParamsFile:
    """params.yaml as DVC changes it."""
    from dvc.utils.hydra import apply_overrides

    (changes,) = re.findall(r"^REAL_STUDY := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    apply_overrides(tmp_path / "params.yaml", changes.replace("\\\n", " ").split())
    return read_params(tmp_path / "params.yaml")


def test_its_plan_has_three_systems_two_contexts_and_no_judge(params: ParamsFile) -> None:
    assert params.run.study == STUDY
    systems = {plan.system: plan for plan in planning.plan_systems(params, PROMPTS_DIR)}
    assert {name: plan.prompt_name for name, plan in systems.items()} == {
        "aligned": None,
        "base-zero-shot": "general/zero-shot",
        "base-urial": "general/urial-k3",
    }
    decodings = {name: plan.decoding for name, plan in systems.items()}
    assert {name: decoding.repetition_penalty for name, decoding in decodings.items()} == {
        "aligned": 1.0,
        "base-zero-shot": 1.1,
        "base-urial": 1.1,
    }
    assert {(decoding.temperature, decoding.max_new_tokens) for decoding in decodings.values()} == {(0, 100)}
    shift = plan_token_shift(params).token_shift
    assert (shift.align_by, shift.base_systems) == ("text", ("base-zero-shot", "base-urial"))
    assert plan_instructions(params).name == "everyday"
    assert plan_judge(params, params.run.judge, PROMPTS_DIR).judge is None


def test_its_models_are_those_that_the_package_index_has(committed_params: ParamsFile) -> None:
    study = committed_params.studies[STUDY]
    assert isinstance(study, ModelsStudy)
    assert isinstance(study.base, GgufModel)
    assert isinstance(study.aligned, GgufModel)
    files = {name: str(MODELS_FOLDER / model.file) for name, model in PACKAGED_MODELS.items()}
    assert files == {"gemma-3-270m": study.base.gguf, "smollm2-135m-instruct": study.aligned.gguf}


def test_without_the_models_it_says_how_they_come(
    params: ParamsFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UrialError) as caught:
        plan_models(params, PROMPTS_DIR)
    assert str(caught.value) == (
        f"studies.{STUDY}.base: no file {tmp_path}/.cache/urial/models/gemma-3-270m-q4_k_m.gguf\n"
        "  fix: correct the path; `urial models fetch` brings those that `urial models list` shows"
    )
