"""An engine that cannot have its model, or is not installed, is an error of the plan, and of no later stage."""

from pathlib import Path
from typing import Any

import pytest

from tests.models.test_models import make_folder
from urial.core.errors import UrialError
from urial.plan.engines import plan_engine, require_programs
from urial.plan.planning import plan_systems
from urial.prompts.versions.library import PROMPTS_DIR
from urial.records.engine import EngineSettings
from urial.records.params.file import ModelsStudy, ParamsFile


def params_with(params: ParamsFile, base: Any, **study: Any) -> ParamsFile:
    pair = {"kind": "models", "base": base, "aligned": {"hub": "o/aligned"}, "prompts": "microworld", **study}
    return params.model_copy(
        update={
            "run": params.run.model_copy(update={"study": "mine"}),
            "studies": {**params.studies, "mine": ModelsStudy.model_validate(pair)},
        }
    )


def program(folder: Path) -> str:
    path = folder / "server"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_systems_of_the_model_have_its_engine_in_their_plans(committed_params: ParamsFile, tmp_path: Path) -> None:
    settings = {"kind": "vllm", "program": program(tmp_path), "arguments": {"tensor-parallel-size": 2}}
    params = params_with(committed_params, {"folder": str(make_folder(tmp_path / "m")), "engine": settings})
    require_programs(params)
    plans = plan_systems(params, PROMPTS_DIR)
    assert {plan.model: plan.server for plan in plans} == {
        "base": EngineSettings.model_validate(settings),
        "aligned": None,
    }
    assert all(plan.files_are_here for plan in plans)
    assert plan_engine(committed_params, "base") is None


@pytest.mark.parametrize("model", [{"gguf": "m.gguf"}, {"hub": "o/m", "gguf_file": "m.gguf"}])
def test_llama_cpp_has_gguf_files(model: dict[str, str], committed_params: ParamsFile, tmp_path: Path) -> None:
    settings = {"kind": "llama.cpp", "program": program(tmp_path)}
    require_programs(params_with(committed_params, {**model, "engine": settings}))


@pytest.mark.parametrize(
    ("base", "study", "message"),
    [
        ({"hub": "o/m", "engine": {"kind": "vllm", "program": "/no/vllm"}}, {},
         "studies.mine.base.engine: no program /no/vllm\n  where: params.yaml\n  expected: an installed one, since the stage generate "
         "starts it\n  fix: install it (https://docs.vllm.ai; best into an environment of its own: `python -m venv ~/vllm && "
         "~/vllm/bin/pip install vllm`) and name it: engine: {kind: vllm, program: ~/vllm/bin/vllm}"),
        ({"hub": "o/m", "engine": "llama.cpp"}, {},
         "studies.mine.base.engine: llama.cpp reads GGUF files alone\n  where: params.yaml\n"
         "  fix: name the model by its GGUF file, as in {gguf: FILE}, or use vllm"),
        ({"hub": "o/m", "engine": "vllm"}, {"loading": {"quantization": "bitsandbytes-4bit"}},
         "studies.mine.base.engine: loading.quantization is for models that a stage loads itself; the engine's "
         "answers would be those of other weights\n  where: params.yaml\n  fix: set loading.quantization to null; quantize in the engine by its "
         "own argument, as in {kind: vllm, arguments: {quantization: bitsandbytes}}"),
    ],
)  # fmt: skip
def test_an_engine_that_cannot_work_is_refused(
    base: Any, study: Any, message: str, committed_params: ParamsFile
) -> None:
    with pytest.raises(UrialError) as caught:
        require_programs(params_with(committed_params, base, **study))
    assert str(caught.value) == message
