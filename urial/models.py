"""Model references: checked and resolved by plan, made ready by the stage models."""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from urial.engines.loading import MANIFEST
from urial.errors import UrialError, shorten
from urial.hashing import file_hash
from urial.params import MicroworldPair, ModelRef, TransformersPair
from urial.plans import ModelsPlan
from urial.records import Loading, ModelManifest, Role
from urial.store import write_json

ROLES: tuple[Role, Role] = ("base", "aligned")
# What transformers reads; weights as safetensors alone, since other formats can execute code when loaded.
FILE_PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py")


def resolve_model(reference: ModelRef, role: Role) -> ModelRef:
    """The reference with its revision resolved to a commit. Raises UrialError when there is no such model."""
    if looks_local(reference.id):
        _check_folder(_checkpoint(reference), role)
        return reference
    return reference.model_copy(update={"revision": _resolve_commit(reference)})


def looks_local(model_id: str) -> bool:
    """Whether an id means a folder: it exists, or cannot be a hub id (NAME or OWNER/NAME)."""
    return os.path.isdir(model_id) or model_id.startswith((".", "/", "~")) or model_id.count("/") > 1


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a full commit, which needs no network to resolve."""
    return revision is not None and re.fullmatch("[0-9a-f]{40}", revision) is not None


def prepare_models(plan: ModelsPlan, out: Path) -> None:
    """Fill ``out``/base and ``out``/aligned: weights of the embedded pair, or manifests of others."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out, prefix=".making-") as name:
        making = Path(name)
        if isinstance(plan.pair, MicroworldPair):
            _train(plan.pair, plan.threads, making)
        else:
            _fetch(plan.pair, making)
        for role in ROLES:
            shutil.rmtree(out / role, ignore_errors=True)
            (making / role).rename(out / role)


def _train(pair: MicroworldPair, threads: int, out: Path) -> None:
    from urial.microworld.training import TrainingSettings, train_pair

    settings = TrainingSettings(seed=pair.seed, threads=threads, max_documents=pair.documents, max_chats=pair.chats)
    train_pair(settings, out, lambda line: print(line, file=sys.stderr, flush=True))
    for role in ROLES:
        folder = out / role
        manifest = ModelManifest(
            role=role, id="microworld", revision=None, files=_hashes(folder), loading=Loading(), embedded=True
        )
        write_json(folder / MANIFEST, manifest)


def _fetch(pair: TransformersPair, out: Path) -> None:
    for role in ROLES:
        reference: ModelRef = getattr(pair, role)
        local = looks_local(reference.id)
        folder = _checkpoint(reference) if local else _download(reference)
        if local:
            _check_folder(folder, role)
        manifest = ModelManifest(
            role=role,
            id=reference.id,
            revision=reference.revision,
            files=_hashes(folder),
            loading=pair.loading,
            embedded=False,
        )
        write_json(out / role / MANIFEST, manifest)


def _hashes(folder: Path) -> dict[str, str]:
    """Hash of each file in the folder itself; checkpoints in folders below are models of their own."""
    files = {path for pattern in FILE_PATTERNS for path in folder.glob(pattern)}
    return {path.name: file_hash(path) for path in sorted(files)}


def _checkpoint(reference: ModelRef) -> Path:
    folder = Path(os.path.expanduser(reference.id))
    return folder / reference.revision if reference.revision else folder


def _check_folder(folder: Path, role: Role) -> None:
    if not os.path.isdir(folder):
        raise UrialError(f"{role} model: no folder {folder}", fix="correct pairs.NAME.{base,aligned}.id or revision")
    if not (folder / "config.json").is_file():
        raise UrialError(f"{role} model: {folder} has no config.json", expected="a transformers model folder")
    if not any(folder.glob("*.safetensors")):
        raise UrialError(
            f"{role} model: {folder} has no *.safetensors", fix="convert the weights; pickled weights are not loaded"
        )
    if role == "aligned" and not _has_chat_template(folder):
        raise UrialError(
            f"aligned model: the tokenizer in {folder} has no chat template",
            expected="chat_template.jinja, or chat_template in tokenizer_config.json",
            fix="use the model as base, or add the template that it was tuned with",
        )


def _has_chat_template(folder: Path) -> bool:
    config = folder / "tokenizer_config.json"
    try:
        in_config = bool(json.loads(config.read_bytes()).get("chat_template"))
    except (OSError, ValueError, AttributeError):
        in_config = False
    return in_config or any((folder / name).exists() for name in ("chat_template.jinja", "chat_template.json"))


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


def _download(reference: ModelRef) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(reference.id, revision=reference.revision, allow_patterns=list(FILE_PATTERNS)))
    except Exception as error:
        raise _not_found(reference, error) from error


def _not_found(reference: ModelRef, error: Exception) -> UrialError:
    return UrialError(
        f"model {reference.id} (revision {reference.revision or 'main'}) cannot be found: {_first_line(error)}",
        fix="check the id, the network and the access rights (a gated model needs HF_TOKEN in the environment), "
        "or give the path of a folder",
    )


def _first_line(error: Any) -> str:
    lines = str(error).strip().splitlines()
    return shorten(lines[0] if lines else type(error).__name__, 200)
