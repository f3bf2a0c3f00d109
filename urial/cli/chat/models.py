"""The models that a conversation is with: the pipeline's own pair, others by name, or a server's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from urial.cli.chat.session import ChatModel
from urial.core.errors import UrialError
from urial.records.base import Role
from urial.records.model import (
    EmbeddedModel,
    FolderModel,
    HubModel,
    Loading,
    ModelManifest,
    ServerModel,
    read_manifest,
)
from urial.records.params.file import Decoding, DecodingChange
from urial.token_shift.files.named_models import model_folder, own_folder

# What answers are decoded with unless the user says otherwise. The penalty is the paper's, for base models; servers
# get none, since it is no part of OpenAI's protocol.
EMBEDDED = {"max_new_tokens": 256, "temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0, "seed": 0}
OTHERS = {**EMBEDDED, "max_new_tokens": 512}
BASE_PENALTY = {"repetition_penalty": 1.1}


NamedModel = HubModel | FolderModel | ServerModel


@dataclass(frozen=True)
class Choice:
    """What the user chose."""

    # None: those under data/models.
    base: NamedModel | None = None
    aligned: NamedModel | None = None
    loading: Loading = field(default_factory=lambda: Loading(dtype="auto"))
    # A limit in tokens below the model's own; for a server, the only one known.
    context: int | None = None
    decoding: DecodingChange = field(default_factory=DecodingChange)


class ChatModels:
    """Opens models, each when it is first needed."""

    def __init__(self, choice: Choice, scratch: Path) -> None:
        """Manifests of models by name are written to ``scratch``."""
        self.choice = choice
        self.scratch = scratch
        self._aligned: ChatModel | None = None

    @property
    def collection(self) -> str:
        """The prompt collection for these models. Raises UrialError when there are none."""
        if self.choice.base is None and isinstance(read_manifest(own_folder("base")).source, EmbeddedModel):
            return "microworld"
        return "general"

    def base(self) -> ChatModel:
        """The base model."""
        return self._open("base", self.choice.base)

    def aligned(self) -> ChatModel:
        """The aligned model, loaded once. Raises UrialError when there is none."""
        if self.choice.base is not None and self.choice.aligned is None:
            raise UrialError("no aligned model", fix="name one with --aligned")
        if self._aligned is None:
            self._aligned = self._open("aligned", self.choice.aligned)
        return self._aligned

    def _open(self, role: Role, reference: NamedModel | None) -> ChatModel:
        if isinstance(reference, ServerModel):
            from urial.cli.chat.server_stream import ServerEngine

            server = ServerEngine(reference.server, reference.model, self.choice.context)
            source = ServerModel(server=server.address, model=reference.model)
            return ChatModel(server, ModelManifest(role=role, source=source), self._decoding(OTHERS))
        from urial.cli.chat.transformers_stream import StreamingEngine

        folder = model_folder(reference, role, self.choice.loading, self.scratch)
        manifest = read_manifest(folder)
        if isinstance(manifest.source, EmbeddedModel):
            usual = EMBEDDED
        else:
            usual = OTHERS | (BASE_PENALTY if role == "base" else {})
        return ChatModel(StreamingEngine(folder, self.choice.context), manifest, self._decoding(usual))

    def _decoding(self, usual: Mapping[str, float]) -> Decoding:
        return Decoding.model_validate({**usual, **self.choice.decoding.model_dump(exclude_none=True)})
