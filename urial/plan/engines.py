"""The engines of a study's models: whether they can have them, and whether the programs are on this machine."""

import shutil

from urial.core.errors import UrialError
from urial.records.base import Role
from urial.records.engine import EngineSettings
from urial.records.model import FolderModel, GgufModel, HubModel, ServerReference, TunedModel
from urial.records.params.file import MicroworldStudy, ModelsStudy, ParamsFile, study_of

INSTALL = {
    "vllm": "install it (https://docs.vllm.ai; best into an environment of its own: "
    "`python -m venv ~/vllm && ~/vllm/bin/pip install vllm`) and name it: engine: {kind: vllm, program: ~/vllm/bin/vllm}",
    "llama.cpp": "install llama.cpp (https://github.com/ggml-org/llama.cpp has packages and sources) and name its "
    "llama-server: engine: {kind: llama.cpp, program: PATH/llama-server}",
}


def plan_engine(params: ParamsFile, role: Role) -> EngineSettings | None:
    """The engine of a study's model; None where it has none. Raises UrialError for one that cannot have the model."""
    study = study_of(params)
    if isinstance(study, MicroworldStudy):
        return None
    model = study.base if role == "base" else study.aligned
    if model is None or isinstance(model, ServerReference | TunedModel) or model.engine is None:
        return None
    _require_fit(model, model.engine, study, f"studies.{params.run.study}.{role}.engine")
    return model.engine


def require_programs(params: ParamsFile) -> None:
    """Raises UrialError where the program of an engine that the run starts is not on this machine."""
    for role in {system.model: None for system in params.systems.values()}:
        engine = plan_engine(params, role)
        if engine is not None and shutil.which(engine.command) is None:
            raise UrialError(
                f"studies.{params.run.study}.{role}.engine: no program {engine.command}",
                where="params.yaml",
                expected="an installed one, since the stage generate starts it",
                fix=INSTALL[engine.kind],
            )


def _require_fit(
    model: HubModel | FolderModel | GgufModel, engine: EngineSettings, study: ModelsStudy, name: str
) -> None:
    is_file = isinstance(model, GgufModel) or (isinstance(model, HubModel) and model.gguf_file is not None)
    if engine.kind == "llama.cpp" and not is_file:
        raise UrialError(
            f"{name}: llama.cpp reads GGUF files alone",
            where="params.yaml",
            fix="name the model by its GGUF file, as in {gguf: FILE}, or use vllm",
        )
    if study.loading.quantization is not None:
        raise UrialError(
            f"{name}: loading.quantization is for models that a stage loads itself; the engine's answers would be those "
            "of other weights",
            where="params.yaml",
            fix="set loading.quantization to null; quantize in the engine by its own argument, as in "
            "{kind: vllm, arguments: {quantization: bitsandbytes}}",
        )
