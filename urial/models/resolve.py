"""References to models, checked and fixed by plan before anything is loaded."""

import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from urial.api.servers import written_address
from urial.core.errors import UrialError, did_you_mean, reason_of, shorten
from urial.local_models.loading.gguf_checks import checked_header, require_one_file
from urial.local_models.loading.loading import file_hashes, gguf_hashes
from urial.records.base import Role
from urial.records.model import (
    GGUF,
    FolderModel,
    FolderWeights,
    GgufModel,
    GgufWeights,
    HubModel,
    Loading,
    LocalReference,
    PlannedHub,
    PlannedLocal,
    PlannedModel,
    ServerModel,
    ServerReference,
)

# Enough of a hub model to see whether it can be used, before its weights are fetched.
SMALL_FILES = ("*.json", "*.jinja")
# All that a tokenizer can be in.
TOKENIZER_FILES = (*SMALL_FILES, "*.txt", "*.model", "*.tiktoken")
_HUB_NAME = re.compile(r"(?=.{1,96}$)[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")
_NO_TEMPLATE = "use the model as base, or add the template that it was tuned with"


def resolve_model(reference: LocalReference | ServerReference, role: Role, loading: Loading, name: str) -> PlannedModel:
    """A model of a study, fixed as far as it can be.

    ``name`` stands for the model in messages: where it is named, such as ``studies.NAME.base``. Raises UrialError where
    it cannot be used in this role. Of a server, only the address is checked: nothing is sent, and nothing can be fixed.
    """
    if isinstance(reference, ServerReference):
        return ServerModel(server=written_address(reference.server, f"{name}.server"), model=reference.model)
    return resolve_local(reference, role, loading, name)


def resolve_local(reference: LocalReference, role: Role, loading: Loading, name: str) -> PlannedLocal:
    """resolve_model for one that is loaded in this process: fixed by its commit, or by the hash of every file."""
    if isinstance(reference, FolderModel):
        check_folder(reference.path, role, name, weights=True)
        return FolderWeights(
            folder=reference.folder, checkpoint=reference.checkpoint, loading=loading, files=file_hashes(reference.path)
        )
    if isinstance(reference, GgufModel):
        _require_unpacked(loading, name)
        check_gguf(reference.path, role, name)
        return GgufWeights(gguf=reference.gguf, hash=gguf_hashes(reference.path)[GGUF], loading=loading)
    try:
        hub_id(reference.hub)
    except UrialError as error:
        raise error.about(name) from error
    planned = PlannedHub(
        hub=reference.hub, revision=_resolve_commit(reference), gguf_file=reference.gguf_file, loading=loading
    )
    if planned.gguf_file:
        _require_unpacked(loading, name)
        _check_name_on_hub(planned, planned.gguf_file, name)
    else:
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
        fix = f"name it as {{gguf: {folder}}}" if _is_gguf(folder) else "correct its folder or checkpoint"
        raise UrialError(f"{name}: no folder {folder}", fix=fix)
    if not (folder / "config.json").is_file():
        files = sorted(folder.glob("*.gguf"))
        raise UrialError(
            f"{name}: {folder} has no config.json",
            expected="a transformers model folder",
            fix=f"name one of its GGUF files, as in {{gguf: {files[0]}}}" if files else None,
        )
    has_template = (folder / "chat_template.jinja").exists()
    with suppress(OSError, ValueError, AttributeError):
        has_template |= bool(json.loads((folder / "tokenizer_config.json").read_bytes()).get("chat_template"))
    if role == "aligned" and not has_template:
        raise UrialError(
            f"{name}: the tokenizer in {folder} has no chat template",
            expected="chat_template.jinja, or chat_template in tokenizer_config.json",
            fix=_NO_TEMPLATE,
        )
    if weights and not any(folder.glob("*.safetensors")):
        raise UrialError(
            f"{name}: {folder} has no *.safetensors", fix="convert the weights; pickled weights are not loaded"
        )


def check_gguf(path: Path, role: Role, name: str) -> None:
    """Raises UrialError unless the file has a model that can be used in this role."""
    if os.path.isdir(path):
        raise UrialError(f"{name}: {path} is a folder", expected="a GGUF file", fix=f"name it as {{folder: {path}}}")
    if not os.path.isfile(path):
        raise UrialError(
            f"{name}: no file {path}",
            fix="correct the path; `urial models fetch` brings those that `urial models list` shows",
        )
    if path.suffix == ".safetensors":
        raise UrialError(
            f"{name}: {path} is no GGUF file",
            fix=f"name the folder with its configuration, as in {{folder: {path.parent}}}",
        )
    require_one_file(path.name)
    header = checked_header(path)
    if role == "aligned" and not header.metadata.get("tokenizer.chat_template"):
        raise UrialError(
            f"{name}: the tokenizer in {path} has no chat template",
            expected="tokenizer.chat_template in the file's metadata",
            fix=_NO_TEMPLATE,
        )


def _is_gguf(path: Path) -> bool:
    return path.suffix == ".gguf" and os.path.isfile(path)


def _require_unpacked(loading: Loading, name: str) -> None:
    if loading.quantization:
        raise UrialError(
            f"{name}: a GGUF file is packed already, and loading.quantization packs what is not",
            fix="set loading.quantization to null, or name the model that the file was made of",
        )


def _check_name_on_hub(model: HubModel, file: str, name: str) -> None:
    """Raises UrialError where the repository has no such file. The file itself is fetched by the stage models."""
    require_one_file(file)
    from huggingface_hub import HfApi, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(model.hub, file, revision=model.revision), str):
        return
    try:
        files = HfApi().list_repo_files(model.hub, revision=model.revision)
    except Exception as error:  # network, access and name errors share no base class
        raise _not_found(model, error) from error
    if file not in files:
        known = [known for known in files if known.endswith(".gguf")]
        fix = did_you_mean(file, known) or "name the model by its id alone, without gguf_file"
        raise UrialError(f"{name}: {model.hub} has no file {file!r}", fix=fix)


def hub_id(name: str) -> str:
    """The name, which can be the id of a repository on the hub. Raises UrialError, before any hub is asked, where it cannot."""
    parts = name.split("/")
    if (
        len(parts) > 2
        or not all(_HUB_NAME.fullmatch(part) for part in parts)
        or "--" in name
        or ".." in name
        or name.endswith(".git")
    ):
        raise UrialError(
            f"{shorten(name)}: neither a file or folder that is here, nor a hub id", expected="a hub id as in OWNER/NAME: letters, "
            "digits, '.', '_' and '-', each part 96 at most, beginning and ending with a letter or digit", fix="correct the name",
        )  # fmt: skip
    return name


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
