"""How many weights the model of a run has, where its files are within reach; nothing is fetched for it."""

import json
from collections.abc import Callable
from math import prod
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.plan.sizes import size_of
from urial.records.model import (
    FolderModel,
    FolderWeights,
    GgufModel,
    GgufWeights,
    HubWeights,
    RunWeights,
    ServerModel,
    Weights,
)

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def parameters_of(source: Weights | ServerModel, trained: Callable[[], bytes]) -> int | None:
    """Of a model; ``trained`` gives the weights of one that the run trained itself. None: not known."""
    try:
        if isinstance(source, RunWeights):
            return _in_header(trained())
        files = _files_here(source)
        size = size_of(files) if files else None
    except (UrialError, OSError, ValueError, KeyError, TypeError):
        return None
    # Of weights that are packed the number is not known.
    return size.numbers if size and not size.packed_bytes else None


def _files_here(source: Weights | ServerModel) -> FolderModel | GgufModel | None:
    """Where the files of a model lie on this machine, as far as that can be told."""
    if isinstance(source, GgufWeights):
        return GgufModel(gguf=source.gguf) if source.path.is_file() else None
    if isinstance(source, FolderWeights):
        config = source.path / CONFIG
        same = config.is_file() and file_hash(config) == source.files.get(CONFIG)
        return FolderModel(folder=source.folder, checkpoint=source.checkpoint) if same else None
    return _in_hub_cache(source) if isinstance(source, HubWeights) else None


def _in_hub_cache(source: HubWeights) -> FolderModel | GgufModel | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(source.hub, revision=source.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    if source.gguf_file is None:
        return FolderModel(folder=str(folder))
    return GgufModel(gguf=str(folder / source.gguf_file)) if (folder / source.gguf_file).is_file() else None


def _in_header(weights: bytes) -> int:
    """The numbers that the header of a file of safetensors tells."""
    length = int.from_bytes(weights[:8], "little")
    header = json.loads(weights[8 : 8 + length])
    return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
