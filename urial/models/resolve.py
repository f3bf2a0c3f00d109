"""References to models, checked and fixed by plan before anything is loaded."""

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from urial.api.servers import written_address
from urial.core.errors import UrialError, reason_of
from urial.local_models.loading.loading import file_hashes
from urial.records.base import Role
from urial.records.model import FolderModel, FolderWeights, HubModel, Loading, PlannedHub, ServerModel, ServerReference

# Enough of a hub model to see whether it can be used, before its weights are fetched.
SMALL_FILES = ("*.json", "*.jinja")


def resolve_model(
    reference: HubModel | FolderModel | ServerReference, role: Role, loading: Loading, name: str
) -> PlannedHub | FolderWeights | ServerModel:
    """A model of a study, fixed as far as it can be.

    ``name`` stands for the model in messages: where it is named, such as ``studies.NAME.base``. Raises UrialError where
    it cannot be used in this role. Of a server, only the address is checked: nothing is sent, and nothing can be fixed.
    """
    if isinstance(reference, ServerReference):
        return ServerModel(server=written_address(reference.server, f"{name}.server"), model=reference.model)
    return resolve_local(reference, role, loading, name)


def resolve_local(
    reference: HubModel | FolderModel, role: Role, loading: Loading, name: str
) -> PlannedHub | FolderWeights:
    """resolve_model for one that is loaded in this process: fixed by its commit, or by the hash of every file."""
    if isinstance(reference, FolderModel):
        check_folder(reference.path, role, name, weights=True)
        return FolderWeights(
            folder=reference.folder, checkpoint=reference.checkpoint, loading=loading, files=file_hashes(reference.path)
        )
    planned = PlannedHub(hub=reference.hub, revision=_resolve_commit(reference), loading=loading)
    check_folder(download(planned, SMALL_FILES), role, name, weights=False)
    return planned


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a full commit, which needs no network to resolve."""
    return revision is not None and re.fullmatch("[0-9a-f]{40}", revision) is not None


def check_folder(folder: Path, role: Role, name: str, *, weights: bool) -> None:
    """Raises UrialError unless the folder has a model that can be used in this role.

    With ``weights``, their form must be one that can execute no code.
    """
    if not os.path.isdir(folder):
        raise UrialError(f"{name}: no folder {folder}", fix="correct its folder or checkpoint")
    if not (folder / "config.json").is_file():
        raise UrialError(f"{name}: {folder} has no config.json", expected="a transformers model folder")
    has_template = (folder / "chat_template.jinja").exists()
    with suppress(OSError, ValueError, AttributeError):
        has_template |= bool(json.loads((folder / "tokenizer_config.json").read_bytes()).get("chat_template"))
    if role == "aligned" and not has_template:
        raise UrialError(
            f"{name}: the tokenizer in {folder} has no chat template",
            expected="chat_template.jinja, or chat_template in tokenizer_config.json",
            fix="use the model as base, or add the template that it was tuned with",
        )
    if weights and not any(folder.glob("*.safetensors")):
        raise UrialError(
            f"{name}: {folder} has no *.safetensors", fix="convert the weights; pickled weights are not loaded"
        )


def download(model: HubModel, patterns: Sequence[str]) -> Path:
    """The folder in the hub cache that has the model's files of these patterns. Raises UrialError."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.hub, revision=model.revision, allow_patterns=list(patterns)))
    except Exception as error:  # network, access and name errors share no base class
        raise _not_found(model, error) from error


def _resolve_commit(reference: HubModel) -> str:
    """The commit that a revision means now; offline, the one in the local hub cache."""
    if is_commit(reference.revision):
        return str(reference.revision)
    from huggingface_hub import HfApi, snapshot_download

    try:
        commit: str | None = HfApi().model_info(reference.hub, revision=reference.revision).sha
    except Exception as online:  # network, access and name errors share no base class
        try:
            cached = snapshot_download(
                reference.hub, revision=reference.revision, local_files_only=True, allow_patterns=["config.json"]
            )
        except Exception:
            raise _not_found(reference, online) from online
        commit = Path(cached).name
    if commit is None:
        raise UrialError(f"model {reference.hub}: the hub names no commit", fix="set its revision")
    return commit


def _not_found(reference: HubModel, error: Exception) -> UrialError:
    return UrialError(
        f"model {reference.hub} (revision {reference.revision or 'main'}) cannot be found: {reason_of(error, 200)}",
        fix="check the id, the network and the access rights (a gated model needs HF_TOKEN in the environment), "
        "or give the path of a folder",
    )
