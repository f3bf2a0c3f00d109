"""What a conversation is with: models (the pipeline's own pair, others by name, or a server's), and a prompt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from urial.cli.chat.stream_text import Streaming
from urial.core.errors import UrialError
from urial.core.progress import waiting
from urial.prompts.versions.library import pool_path, prompt_hash, prompt_path, read_prompt
from urial.prompts.versions.rendering import with_examples
from urial.records.base import Hash, Role
from urial.records.model import EmbeddedModel, Loading, LocalReference, ModelManifest, ServerModel, read_manifest
from urial.records.params.file import Decoding, DecodingChange
from urial.records.prompt import Prompt
from urial.run.project import prompts_folder
from urial.token_shift.files.measure_file import model_folder, own_folder

if TYPE_CHECKING:
    from urial.prompts.versions.retrieval import Retriever

# What answers are decoded with unless the user says otherwise. The penalty is the paper's, for base models; servers
# get none, since it is no part of OpenAI's protocol.
EMBEDDED = {"max_new_tokens": 256, "temperature": 0.0, "top_p": 1.0, "repetition_penalty": 1.0, "seed": 0}
OTHERS = {**EMBEDDED, "max_new_tokens": 512}
BASE_PENALTY = {"repetition_penalty": 1.1}
NamedModel = LocalReference | ServerModel


@dataclass(frozen=True)
class ChatModel:
    """A model that answers, what it is, and how its answers are decoded."""

    engine: Streaming
    identity: ModelManifest
    decoding: Decoding


@dataclass
class ChatModels:
    """The models of a conversation, each opened when it is first needed; manifests of named ones are written to ``scratch``."""

    scratch: Path
    # What the user named; None: those under data/models.
    named_base: NamedModel | None = None
    named_aligned: NamedModel | None = None
    loading: Loading = field(default_factory=lambda: Loading(dtype="auto"))
    # A limit in tokens below the model's own; for a server, the only one known.
    context: int | None = None
    decoding: DecodingChange = field(default_factory=DecodingChange)
    _aligned: ChatModel | None = field(default=None, init=False)

    @property
    def collection(self) -> str:
        """The prompt collection for these models. Raises UrialError when there are none."""
        if self.named_base is None and isinstance(read_manifest(own_folder("base")).source, EmbeddedModel):
            return "microworld"
        return "general"

    def base(self) -> ChatModel:
        """The base model."""
        return self._open("base", self.named_base)

    def aligned(self) -> ChatModel:
        """The aligned model, loaded once. Raises UrialError when there is none."""
        if self.named_base is not None and self.named_aligned is None:
            raise UrialError("no aligned model", fix="name one with --aligned")
        self._aligned = self._aligned or self._open("aligned", self.named_aligned)
        return self._aligned

    def _open(self, role: Role, named: NamedModel | None) -> ChatModel:
        from urial.cli.chat.server_stream import ServerEngine
        from urial.cli.chat.transformers_stream import StreamingEngine

        usual: Mapping[str, float] = OTHERS
        engine: Streaming
        if isinstance(named, ServerModel):
            engine = server = ServerEngine(named.server, named.model, self.context)
            source = ServerModel(server=server.server.address, model=named.model)
            manifest = ModelManifest(role=role, source=source)
        else:
            folder = model_folder(named, role, self.loading, self.scratch)
            manifest = read_manifest(folder)
            with waiting(f"opening the {role} model"):
                engine = StreamingEngine(folder, self.context)
            if isinstance(manifest.source, EmbeddedModel):
                usual = EMBEDDED
            elif role == "base":
                usual = OTHERS | BASE_PENALTY
        decoding = Decoding.model_validate({**usual, **self.decoding.model_dump(exclude_none=True)})
        return ChatModel(engine, manifest, decoding)


@dataclass(frozen=True)
class ChatPrompt:
    """A prompt version, ready for use."""

    # COLLECTION/NAME, or the path of a file as it was named.
    name: str
    version: Prompt
    hash: Hash
    # What finds the examples, where they are retrieved.
    retriever: "Retriever | None"

    def for_query(self, query: str) -> tuple[Prompt, tuple[int, ...]]:
        """The version with its examples, and their lines in the pool where they are retrieved for this query."""
        if self.retriever is None:
            return self.version, ()
        chosen = self.retriever.choose(query)
        return with_examples(self.version, chosen.examples), chosen.lines


def open_prompt(name: str, collection: str, folder: Path | None = None) -> ChatPrompt:
    """A prompt by its file, by COLLECTION/NAME, or by its name in this collection. Raises UrialError."""
    if "\0" in name:
        raise UrialError(f"{name!r} is no prompt's name")
    folder = folder or prompts_folder()
    path = prompt_path(name, collection, folder)
    version = read_prompt(path)
    retriever = None
    if version.retrieval is not None:
        from urial.prompts.versions.retrieval import open_retriever

        retriever = open_retriever(version.retrieval, pool_path(version, path))
    known = name if path == Path(name) else path.relative_to(folder).with_suffix("").as_posix()
    return ChatPrompt(known, version, prompt_hash(version), retriever)
