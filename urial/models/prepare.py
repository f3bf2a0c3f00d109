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
from urial.models.resolve import check_folder, check_gguf, download, resolve_local
from urial.records.base import ROLES, Role
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
    with tempfile.TemporaryDirectory(dir=out, prefix=".making-") as name:
        making = Path(name)
        if isinstance(plan.models, TrainedModels):
            from urial.microworld.training.training import train_pair

            train_pair(
                plan.models,
                plan.threads or EMBEDDED_THREADS,
                making,
                notice,
            )
        for role in ROLES:
            source: Weights | ServerModel | None = None
            if isinstance(plan.models, TrainedModels):
                files = file_hashes(making / role)
                source = EmbeddedWeights(embedded="microworld", loading=Loading(), files=files)
            elif (planned := getattr(plan.models, role)) is not None:
                source = _ready(planned, role, f"{role} model")
            write_json(making / role / MANIFEST, ModelManifest(role=role, source=source))
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
