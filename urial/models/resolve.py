"""References to models, checked and fixed by plan before anything is loaded."""

import json
import os
from contextlib import suppress
from pathlib import Path

from urial.api.servers import written_address
from urial.core.errors import UrialError
from urial.local_models.loading.gguf_checks import checked_header, require_one_file
from urial.local_models.loading.loading import file_hashes, gguf_hashes
from urial.models.hub import SMALL_FILES, download, hub_id, require_file, resolved_commit
from urial.records.base import Role
from urial.records.model import (
    GGUF,
    FolderModel,
    FolderWeights,
    GgufModel,
    GgufWeights,
    Loading,
    LocalReference,
    PlannedHub,
    PlannedLocal,
    PlannedModel,
    ServerModel,
    ServerReference,
)

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
        hub=reference.hub,
        revision=resolved_commit(reference),
        checkpoint=reference.checkpoint,
        gguf_file=reference.gguf_file,
        loading=loading,
    )
    if planned.gguf_file:
        _require_unpacked(loading, name)
        require_one_file(planned.gguf_file)
        require_file(planned, planned.gguf_file, name)
    else:
        folder = download(planned, SMALL_FILES)
        if not folder.is_dir():  # The hub has none of these files.
            raise UrialError(
                f"{name}: {planned.label} has no config.json", expected="a model of transformers' form on the hub"
            )
        check_folder(folder, role, name, weights=False)
    return planned


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
