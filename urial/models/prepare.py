"""Model references: checked and resolved by plan, made ready by the stage models."""

import shutil
import sys
import tempfile
from pathlib import Path

from urial.core.store import write_json
from urial.local_models.loading.loading import FILE_PATTERNS, checkpoint_folder, file_hashes, unchanged_files
from urial.models.resolve import resolve_model
from urial.models.sources import ROLES, check_folder, check_weights, download
from urial.records.base import Hash, Role
from urial.records.model import MANIFEST, Loading, ModelManifest
from urial.records.params.models import ModelRef
from urial.records.plans import LoadedModels, ModelsPlan, PlannedModel, TrainedModels


def prepare_models(plan: ModelsPlan, out: Path) -> None:
    """Fill ``out``/base and ``out``/aligned: weights of the embedded pair, or manifests of others.

    Nothing is asked of a server here; its manifest says which one has which model.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".making-") as name:
        making = Path(name)
        if isinstance(plan.models, TrainedModels):
            _train(plan.models, plan.threads, making)
        else:
            _fetch(plan.models, making)
        for role in ROLES:
            shutil.rmtree(out / role, ignore_errors=True)
            (making / role).rename(out / role)


def prepare_model(reference: ModelRef, role: Role, loading: Loading, folder: Path) -> None:
    """Fill ``folder`` with the manifest of one model, outside of any plan; its weights stay where they are.

    Raises UrialError when it cannot be used in this role.
    """
    model = resolve_model(reference, role)
    files = model.files or _hub_files(model, role, loading)
    _write_manifest(model.model_copy(update={"files": files}), role, loading, folder)


def _train(plan: TrainedModels, threads: int, out: Path) -> None:
    from urial.microworld.training.training import TrainingSettings, train_pair

    settings = TrainingSettings(
        seed=plan.seed,
        threads=threads,
        max_documents=plan.documents,
        max_chats=plan.chats,
        checkpoints=plan.checkpoints,
    )
    train_pair(settings, out, lambda line: print(line, file=sys.stderr, flush=True))
    for role in ROLES:
        folder = out / role
        manifest = ModelManifest(
            role=role, id="microworld", revision=None, files=file_hashes(folder), loading=Loading(), embedded=True
        )
        write_json(folder / MANIFEST, manifest)


def _fetch(plan: LoadedModels, out: Path) -> None:
    for role in ROLES:
        model: PlannedModel = getattr(plan, role)
        if model.server is not None:
            _write_manifest(model, role, None, out / role)
            continue
        files = _planned_files(model, role) if model.files else _hub_files(model, role, plan.loading)
        _write_manifest(model.model_copy(update={"files": files}), role, plan.loading, out / role)


def _planned_files(model: PlannedModel, role: Role) -> dict[str, Hash]:
    folder = checkpoint_folder(model.id, model.revision)
    check_folder(folder, role)
    check_weights(folder, role)
    return unchanged_files(folder, role, model.files or {})


def _hub_files(model: PlannedModel, role: Role, loading: Loading) -> dict[str, Hash]:
    # Code that a model's author ships is not even fetched unless it may run.
    folder = download(model, [item for item in FILE_PATTERNS if item != "*.py" or loading.trust_remote_code])
    check_folder(folder, role)
    check_weights(folder, role)
    return file_hashes(folder)


def _write_manifest(model: PlannedModel, role: Role, loading: Loading | None, folder: Path) -> None:
    manifest = ModelManifest(
        role=role,
        id=model.id,
        revision=model.revision,
        server=model.server,
        files=model.files or {},
        loading=loading,
        embedded=False,
    )
    write_json(folder / MANIFEST, manifest)
