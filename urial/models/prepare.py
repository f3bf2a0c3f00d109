"""Models made ready by the stage models: trained here, or fetched and recorded in a manifest."""

import shutil
import tempfile
from pathlib import Path

from urial.core.progress import notice
from urial.core.store import write_json
from urial.local_models.loading.gguf_copy import unpacked
from urial.local_models.loading.loading import (
    FILE_PATTERNS,
    file_hashes,
    gguf_hashes,
    gguf_of_hub,
    require_unchanged,
)
from urial.models.hub import download
from urial.models.resolve import check_folder, check_gguf, resolve_local
from urial.models.trained import (
    MAKING,
    MODEL,
    RECORD,
    TUNED_RECORD,
    TrainedCheckpoint,
    TrainedPair,
    kept,
    pair_folder,
    read_pair,
    read_tuned,
    recipe_hash,
    require_sound,
    require_step,
    tuned_folder,
)
from urial.records.base import ROLES, Hash, Role
from urial.records.model import (
    GGUF,
    MANIFEST,
    EmbeddedWeights,
    FolderWeights,
    GgufWeights,
    HubWeights,
    Loading,
    LocalReference,
    ModelManifest,
    PlannedHub,
    PlannedModel,
    ServerModel,
    TunedWeights,
    Weights,
    read_manifest,
)
from urial.records.params.file import EMBEDDED_THREADS
from urial.records.plans import ModelsPlan, PlannedTuned, TrainedModels, TrainedStudy


def prepare_models(plan: ModelsPlan, out: Path) -> None:
    """Fill ``out``/base and ``out``/aligned: weights that are trained here, or manifests of other models.

    Where the study has no aligned model, the manifest says that there is none.
    No request is sent to a server; a manifest says which one has which model.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=MAKING) as name:
        making = Path(name)
        if isinstance(plan.models, TrainedStudy):
            sources: dict[Role, Weights | ServerModel | None] = {**_take_pair(plan.models, plan.threads, making)}
        else:
            # A model that is tuned here is made of the base model, below.
            planned = {role: getattr(plan.models, role) for role in ROLES}
            sources = {
                role: _ready(model, role, f"{role} model") if model and not isinstance(model, PlannedTuned) else None
                for role, model in planned.items()
            }
        write_json(making / "base" / MANIFEST, ModelManifest(role="base", source=sources["base"]))
        if isinstance(plan.models.aligned, PlannedTuned):
            sources["aligned"] = _take_tuned(plan.models.aligned, plan.threads, making)
        write_json(making / "aligned" / MANIFEST, ModelManifest(role="aligned", source=sources["aligned"]))
        for role in ROLES:
            shutil.rmtree(out / role, ignore_errors=True)
            (making / role).rename(out / role)


def prepare_model(reference: LocalReference, role: Role, loading: Loading, folder: Path) -> None:
    """Fill ``folder`` with the manifest of one model, outside of any plan; its weights stay where they are.

    Raises UrialError, which calls the model by its role, when it cannot be used in this role.
    """
    name = f"{role} model"
    source = _ready(resolve_local(reference, role, loading, name), role, name)
    write_json(folder / MANIFEST, ModelManifest(role=role, source=source))


def _take_pair(models: TrainedStudy, threads: int | None, out: Path) -> dict[Role, EmbeddedWeights]:
    """Fill ``out``/base and ``out``/aligned with the embedded pair, which is trained where it is not in the cache yet.

    Of a study that tunes its base model, the base alone.
    """
    folder = pair_folder(models, threads)
    if models.checkpoint is not None and not folder.is_dir():
        from urial.microworld.training.training import future_checkpoints

        require_step(models.checkpoint, future_checkpoints(models))
    pair = kept(folder, RECORD, read_pair, lambda made: _train(models, threads, made))
    step = require_step(models.checkpoint, [checkpoint.step for checkpoint in pair.checkpoints])
    (base,) = (checkpoint for checkpoint in pair.checkpoints if checkpoint.step == step)
    of_pair: dict[Role, tuple[Path, EmbeddedWeights]] = {
        "base": (folder / f"base/step-{step}", _embedded(base.files, step=step, tokens=base.tokens)),
        "aligned": (folder / "aligned", _embedded(pair.aligned)),
    }
    if models.aligned is not None:
        del of_pair["aligned"]
    for role, (source, model) in of_pair.items():
        require_sound(source, model.files)
        shutil.copytree(source, out / role)
    return {role: model for role, (_, model) in of_pair.items()}


def _embedded(files: dict[str, Hash], **seen: int) -> EmbeddedWeights:
    return EmbeddedWeights(embedded="microworld", loading=Loading(), files=files, **seen)


def _train(models: TrainedModels, threads: int | None, out: Path) -> TrainedPair:
    """Train the pair into ``out``."""
    from urial.microworld.training.training import train_pair

    seen = train_pair(models, threads or EMBEDDED_THREADS, out, notice)
    return TrainedPair(
        checkpoints=tuple(
            TrainedCheckpoint(step=step, tokens=tokens, files=file_hashes(out / "base" / f"step-{step}"))
            for step, tokens in seen.items()
        ),
        aligned=file_hashes(out / "aligned"),
    )


def _take_tuned(planned: PlannedTuned, threads: int | None, out: Path) -> TunedWeights:
    """Fill ``out``/aligned with the base model in ``out``/base, tuned; it is trained where it is not in the cache yet."""
    base = read_manifest(out / "base").model
    assert not isinstance(base, ServerModel)  # noqa: S101 - plan refuses to tune a model on a server
    folder = tuned_folder(planned, base.files, threads)
    weights = kept(folder, TUNED_RECORD, read_tuned, lambda made: _tune(planned, base.files, threads, out, made))
    require_sound(folder / MODEL, weights.files)
    shutil.copytree(folder / MODEL, out / "aligned")
    # Another name of the same data, or of the same template, makes no other model.
    return weights.model_copy(update={"tuned": planned.tuned})


def _tune(
    planned: PlannedTuned, base_files: dict[str, Hash], threads: int | None, models: Path, out: Path
) -> TunedWeights:
    """Tune the base model in ``models``/base into ``out``."""
    from urial.models.tuning.learning import tune

    result = tune(models / "base", planned, threads or EMBEDDED_THREADS, out / MODEL, "aligned model")
    return TunedWeights(
        tuned=planned.tuned,
        data_hash=planned.data_hash,
        recipe_hash=recipe_hash(planned),
        base_files=base_files,
        result=result,
        files=file_hashes(out / MODEL),
        loading=planned.loading,
    )


def _ready(model: PlannedModel, role: Role, name: str) -> HubWeights | FolderWeights | GgufWeights | ServerModel:
    """The planned model with its weights at hand, and with the hash of every file of them."""
    match model:
        case ServerModel():
            return model
        case FolderWeights():
            check_folder(model.path, role, name, weights=True)
            require_unchanged(model, role)
            return model
        case GgufWeights():
            check_gguf(model.path, role, name)
            require_unchanged(model, role)
            unpacked(model.path, model.hash, model.loading.dtype)
            return model
        case PlannedHub() if model.gguf_file:
            path = gguf_of_hub(model)
            check_gguf(path, role, name)
            files = gguf_hashes(path)
            unpacked(path, files[GGUF], model.loading.dtype)
            return HubWeights(**dict(model), files=files)
        case PlannedHub():
            # Code that a model's author ships is not even fetched unless it may run.
            patterns = [pattern for pattern in FILE_PATTERNS if pattern != "*.py" or model.loading.trust_remote_code]
            folder = download(model, patterns)
            check_folder(folder, role, name, weights=True)
            return HubWeights(**dict(model), files=file_hashes(folder))
