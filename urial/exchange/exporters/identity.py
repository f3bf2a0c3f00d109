"""How a model, a set of instructions and a file are called where other tools look for them."""

import hashlib
import uuid
from dataclasses import dataclass

from urial.core.hashing import content_hash
from urial.core.text import as_name
from urial.records.checkpoint import checkpoint_of
from urial.records.model import (
    EmbeddedModel,
    FolderModel,
    GgufModel,
    HubModel,
    ModelManifest,
    ServerModel,
    TunedWeights,
)

# No names of folders where the data of Every Eval Ever lie, or none on Windows.
_RESERVED = {
    "data",
    "unknown",
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)),
}


@dataclass(frozen=True)
class ModelIdentity:
    """A model as DEVELOPER/MODEL; its path on this machine is nobody's business, its hash is everybody's."""

    developer: str
    model: str
    # Whether anyone can have the weights: open_weights, or unknown.
    availability: str
    # Who ran it: self_deployed, or unknown, since a server does not say whose it is.
    deployment: str
    # The commit, the files or the server.
    fixed_by: dict[str, str]

    @property
    def id(self) -> str:
        """DEVELOPER/MODEL."""
        return f"{self.developer}/{self.model}"


def model_identity(manifest: ModelManifest) -> ModelIdentity:
    """The model of a manifest."""
    model = manifest.model
    if isinstance(model, ServerModel):
        return ModelIdentity(*named_model(model.model, "server"), "unknown", "unknown", {"server": model.server})
    fixed = {"files": content_hash(model.files)}
    if checkpoint := checkpoint_of(model):
        fixed["checkpoint"] = checkpoint.name
    if isinstance(model, HubModel):
        name = f"{model.hub}/{model.gguf_file}" if model.gguf_file else model.hub
        fixed["revision"] = str(model.revision)
        return ModelIdentity(*named_model(name, "huggingface"), "open_weights", "self_deployed", fixed)
    if isinstance(model, EmbeddedModel):
        return ModelIdentity("urial", f"{model.embedded}-{manifest.role}", "open_weights", "self_deployed", fixed)
    if isinstance(model, TunedWeights):
        # Weights of one's own, of whatever base.
        fixed |= {"base": content_hash(model.base_files), "recipe": model.recipe_hash}
        name = component(f"tuned-{model.tuned.method}-{model.tuned.data.label}", "tuned")
        return ModelIdentity("local", name, "unknown", "self_deployed", fixed)
    name = f"{model.path.parent.name}-{model.path.name}" if isinstance(model, FolderModel) and model.checkpoint else ""
    assert isinstance(model, FolderModel | GgufModel)  # noqa: S101 - the forms that are left, for the type checker
    return ModelIdentity("local", component(name or model.path.name, "model"), "unknown", "self_deployed", fixed)


def named_model(name: str, developer: str) -> tuple[str, str]:
    """Developer and model of a name such as OWNER/MODEL; ``developer`` of one without an owner, or of a path."""
    first, slash, rest = name.strip().partition("/")
    if slash and as_name(first) and as_name(rest):
        return component(first, developer), component(rest.replace("/", "_"), "model")
    return developer, component(name.rpartition("/")[2], "model")


def component(text: str, otherwise: str) -> str:
    """A name of a folder that every system takes."""
    name = as_name(text) or otherwise
    return f"{otherwise}-{name}" if name.partition(".")[0].lower() in _RESERVED else name


def content_uuid(*parts: bytes) -> str:
    """A UUID that follows from a content: the same content has the same, in the form of version 4 that tools ask for."""
    digest = hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
