"""Models made ready by the stage models: trained here, or fetched and recorded in a manifest."""

import shutil
import tempfile
from pathlib import Path

from urial.core.progress import notice
from urial.core.store import remove_abandoned, write_json
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
    RECORD,
    TrainedCheckpoint,
    TrainedPair,
    pair_folder,
    read_pair,
    require_sound,
    require_step,
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
    Weights,
)
from urial.records.params.file import EMBEDDED_THREADS
from urial.records.plans import ModelsPlan, TrainedModels


def prepare_models(plan: ModelsPlan, out: Path) -> None:
    """Fill ``out``/base and ``out``/aligned: weights of the embedded pair, or manifests of other models.

    Where the study has no aligned model, the manifest says that there is none.
    No request is sent to a server; a manifest says which one has which model.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=MAKING) as name:
        making = Path(name)
        if isinstance(plan.models, TrainedModels):
            sources: dict[Role, Weights | ServerModel | None] = {**_take_pair(plan.models, plan.threads, making)}
        else:
            planned = {role: getattr(plan.models, role) for role in ROLES}
            sources = {role: _ready(model, role, f"{role} model") if model else None for role, model in planned.items()}
        for role in ROLES:
            write_json(making / role / MANIFEST, ModelManifest(role=role, source=sources[role]))
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


def _take_pair(models: TrainedModels, threads: int | None, out: Path) -> dict[Role, EmbeddedWeights]:
    """Fill ``out``/base and ``out``/aligned with the embedded pair, which is trained where it is not in the cache yet."""
    folder = pair_folder(models, threads)
    pair = read_pair(folder) or _train(models, threads, folder)
    step = require_step(models.checkpoint, [checkpoint.step for checkpoint in pair.checkpoints])
    (base,) = (checkpoint for checkpoint in pair.checkpoints if checkpoint.step == step)
    of_pair: dict[Role, tuple[Path, EmbeddedWeights]] = {
        "base": (folder / f"base/step-{step}", _embedded(base.files, step=step, tokens=base.tokens)),
        "aligned": (folder / "aligned", _embedded(pair.aligned)),
    }
    for role, (source, model) in of_pair.items():
        require_sound(source, model.files)
        shutil.copytree(source, out / role)
    return {role: model for role, (_, model) in of_pair.items()}


def _embedded(files: dict[str, Hash], **seen: int) -> EmbeddedWeights:
    return EmbeddedWeights(embedded="microworld", loading=Loading(), files=files, **seen)


def _train(models: TrainedModels, threads: int | None, folder: Path) -> TrainedPair:
    """Train the pair into ``folder``, which is whole from the moment on that it is there."""
    from urial.microworld.training.training import future_checkpoints, train_pair

    if models.checkpoint is not None:
        require_step(models.checkpoint, future_checkpoints(models))
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder.parent, MAKING)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=MAKING) as name:
        made = Path(name) / "made"
        seen = train_pair(models, threads or EMBEDDED_THREADS, made, notice)
        pair = TrainedPair(
            checkpoints=tuple(
                TrainedCheckpoint(step=step, tokens=tokens, files=file_hashes(made / "base" / f"step-{step}"))
                for step, tokens in seen.items()
            ),
            aligned=file_hashes(made / "aligned"),
        )
        write_json(made / RECORD, pair)
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # Else another process was first, with the same bytes.
                raise
    return pair


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
