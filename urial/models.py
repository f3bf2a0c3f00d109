"""Model references: checked and resolved by plan, made ready by the stage models."""

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from urial.api.servers import written_address
from urial.engines.loading import FILE_PATTERNS, MANIFEST, checkpoint_folder, file_hashes, looks_local, unchanged_files
from urial.errors import UrialError, shorten
from urial.model_refs import ModelRef, PairModel
from urial.plans import LoadedModels, ModelsPlan, PlannedModel, TrainedModels
from urial.records import Hash, Loading, ModelManifest, Role
from urial.store import write_json

ROLES: tuple[Role, Role] = ("base", "aligned")
# Enough of a hub model to see whether it can be used, before its weights are fetched.
SMALL_FILES = ("*.json", "*.jinja")


def resolve_model(reference: ModelRef, role: Role) -> PlannedModel:
    """The model fixed by its commit, or by its files' hashes. Raises UrialError when it cannot be used in this role.

    A model behind a server cannot be fixed. Its address is checked, and nothing is sent to it.
    """
    if isinstance(reference, PairModel) and reference.server is not None:
        address = written_address(reference.server, f"pairs.NAME.{role}.server")
        return PlannedModel(id=reference.id, revision=None, files=None, server=address)
    if looks_local(reference.id):
        folder = checkpoint_folder(reference.id, reference.revision)
        _check_folder(folder, role)
        _check_weights(folder, role)
        return PlannedModel(id=reference.id, revision=reference.revision, files=file_hashes(folder))
    planned = PlannedModel(id=reference.id, revision=_resolve_commit(reference), files=None)
    _check_folder(_download(planned, SMALL_FILES), role)
    return planned


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a full commit, which needs no network to resolve."""
    return revision is not None and re.fullmatch("[0-9a-f]{40}", revision) is not None


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
    from urial.microworld.training import TrainingSettings, train_pair

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
    _check_folder(folder, role)
    _check_weights(folder, role)
    return unchanged_files(folder, role, model.files or {})


def _hub_files(model: PlannedModel, role: Role, loading: Loading) -> dict[str, Hash]:
    # Code that a model's author ships is not even fetched unless it may run.
    folder = _download(model, [item for item in FILE_PATTERNS if item != "*.py" or loading.trust_remote_code])
    _check_folder(folder, role)
    _check_weights(folder, role)
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


def _check_folder(folder: Path, role: Role) -> None:
    if not os.path.isdir(folder):
        raise UrialError(f"{role} model: no folder {folder}", fix="correct pairs.NAME.{base,aligned}.id or revision")
    if not (folder / "config.json").is_file():
        raise UrialError(f"{role} model: {folder} has no config.json", expected="a transformers model folder")
    if role == "aligned" and not _has_chat_template(folder):
        raise UrialError(
            f"aligned model: the tokenizer in {folder} has no chat template",
            expected="chat_template.jinja, or chat_template in tokenizer_config.json",
            fix="use the model as base, or add the template that it was tuned with",
        )


def _check_weights(folder: Path, role: Role) -> None:
    if not any(folder.glob("*.safetensors")):
        raise UrialError(
            f"{role} model: {folder} has no *.safetensors", fix="convert the weights; pickled weights are not loaded"
        )


def _has_chat_template(folder: Path) -> bool:
    config = folder / "tokenizer_config.json"
    try:
        in_config = bool(json.loads(config.read_bytes()).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        in_config = False
    return in_config or (folder / "chat_template.jinja").exists()


def _resolve_commit(reference: ModelRef) -> str:
    """The commit that a revision means now; offline, the one in the local hub cache."""
    if is_commit(reference.revision):
        return str(reference.revision)
    from huggingface_hub import HfApi, snapshot_download

    try:
        commit: str | None = HfApi().model_info(reference.id, revision=reference.revision).sha
    except Exception as online:  # network, access and name errors share no base class
        try:
            cached = snapshot_download(
                reference.id, revision=reference.revision, local_files_only=True, allow_patterns=["config.json"]
            )
        except Exception:
            raise _not_found(reference, online) from online
        commit = Path(cached).name
    if commit is None:
        raise UrialError(f"model {reference.id}: the hub names no commit", fix="set its revision")
    return commit


def _download(model: PlannedModel, patterns: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.id, revision=model.revision, allow_patterns=list(patterns)))
    except Exception as error:  # network, access and name errors share no base class
        raise _not_found(model, error) from error


def _not_found(reference: ModelRef | PlannedModel, error: Exception) -> UrialError:
    return UrialError(
        f"model {reference.id} (revision {reference.revision or 'main'}) cannot be found: {_first_line(error)}",
        fix="check the id, the network and the access rights (a gated model needs HF_TOKEN in the environment), "
        "or give the path of a folder",
    )


def _first_line(error: Any) -> str:
    lines = str(error).strip().splitlines()
    return shorten(lines[0] if lines else type(error).__name__, 200)
