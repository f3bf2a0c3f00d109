"""Where a model's files are on this machine, for a program that loads them itself."""

from pathlib import Path

from urial.core.errors import UrialError, reason_of
from urial.local_models.loading.loading import gguf_of_hub, location, require_unchanged
from urial.records.engine import EngineName
from urial.records.model import (
    EmbeddedWeights,
    FolderWeights,
    GgufWeights,
    HubWeights,
    Loading,
    ServerModel,
    TunedWeights,
    read_manifest,
)


def local_files(folder: Path, engine: EngineName) -> tuple[Path, Loading]:
    """The folder that has the files of a model folder's manifest, and how they are loaded.

    Of a GGUF file the file itself for llama.cpp, and for others what it is unpacked into. Raises UrialError where the files
    of a user have changed, or those of the hub can no longer be had.
    """
    manifest = read_manifest(folder)
    match source := manifest.model:
        case EmbeddedWeights() | TunedWeights():
            return folder.absolute(), source.loading
        case FolderWeights():
            require_unchanged(source, manifest.role)
            return source.path.absolute(), source.loading
        case GgufWeights():
            require_unchanged(source, manifest.role)
            return source.path.absolute() if engine == "llama.cpp" else Path(location(folder)[0]), source.loading
        case HubWeights() if source.gguf_file:
            return gguf_of_hub(source) if engine == "llama.cpp" else Path(location(folder)[0]), source.loading
        case HubWeights():
            return _in_hub_cache(source), source.loading
        case ServerModel():
            raise UrialError(f"the {manifest.role} model {source.label} has no files here", fix="run `dvc repro`")


def _in_hub_cache(model: HubWeights) -> Path:
    """The folder of the commit in the hub cache, with all of its files; they are fetched again where one is gone."""
    from huggingface_hub import snapshot_download

    for only_here in (True, False):
        try:
            found = snapshot_download(
                model.hub, revision=model.revision, allow_patterns=list(model.files), local_files_only=only_here
            )
        except Exception as error:  # network, access and name errors share no base class
            if not only_here:
                raise UrialError(
                    f"the files of {model.label} are not on this machine, and cannot be fetched: {reason_of(error, 200)}",
                    fix="check the network and the access rights (a gated model needs HF_TOKEN in the environment)",
                ) from error
        else:
            if all(Path(found, name).is_file() for name in model.files):
                return Path(found)
    raise UrialError(f"the hub has no longer all files of {model.label}", fix="run `dvc repro --force plan`")
