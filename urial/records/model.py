"""Which model is meant, and how its server is used. A model has one of several forms, told apart by its own key.

``hub``, ``folder``, ``gguf``, ``server`` and ``tuned`` are what params.yaml can name; ``embedded`` and ``tuned`` are what the
pipeline trains itself.
The same forms stand in the plan and in the manifest of a model, there with what fixes the weights: a commit, or the hash
of every file. A further form is one record here, and one case where a model is resolved and where it is loaded.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, Tag

from urial.core.errors import UrialError
from urial.core.store import read_json
from urial.records.base import Hash, Record, Role, Text
from urial.records.told_apart import told_apart_by
from urial.records.tuning import Tuning, TuningResult

MANIFEST = "manifest.json"
# What the one file of such a model is called where files have names: rows are the same whatever it is called on a disk.
GGUF = "gguf"
# The name of an environment variable.
KeyVariable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)]
# What serves a model, as it says itself.
Software = Literal["vllm", "llama.cpp", "sglang"]
# English text has about so many; a server's own tokenizer is unknown.
BYTES_A_TOKEN = 4


class Limits(Record):
    """How many requests a server gets at a time, and when one is given up."""

    concurrency: int = Field(
        default=16,
        ge=1,
        le=4096,
        description="requests under way at a time, at most: it begins with a quarter, and goes on with as many as bring more "
        "replies",
    )
    requests_per_minute: int | None = Field(default=None, ge=1, description="null: no limit")
    tokens_per_minute: int | None = Field(
        default=None,
        ge=1,
        description=f"input and largest possible output, at {BYTES_A_TOKEN} bytes a token; null: no limit",
    )
    retries: int = Field(
        default=8, ge=0, le=100, description="further attempts after 408, 409, 429, 5xx and broken connections"
    )
    timeout_seconds: float = Field(
        default=600,
        gt=0,
        le=86_400,
        description="for one attempt, once what was sent before it is answered; twice as long after each timeout, 8 times at most",
    )
    total_seconds: float = Field(
        default=1800,
        gt=0,
        le=604_800,
        description="for a request with all attempts and waits, but those behind others",
    )


class Loading(Record):
    """How a model is loaded through transformers."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(default="float32", description="number format")
    device_map: str = Field(default="auto", description="a device such as cpu or cuda:0, or auto to spread over all")
    quantization: Literal["bitsandbytes-8bit", "bitsandbytes-4bit"] | None = Field(
        default=None, description="compress the weights while loading; a GPTQ or AWQ checkpoint says so itself"
    )
    trust_remote_code: bool = Field(default=False, description="run Python code that the model's author ships")


class HubModel(Record):
    """A model of the Hugging Face hub: a repository of transformers' form, or one GGUF file of a repository."""

    hub: Text = Field(description="hub id, as in OWNER/NAME")
    revision: str | None = Field(
        default=None, description="commit, branch or tag; null: the checkpoint, or main; resolved by plan"
    )
    checkpoint: Text | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the branch or tag of a checkpoint, kept beside the commit: its name tells step and tokens; absent: none",
    )
    gguf_file: Text | None = Field(
        default=None, description="a GGUF file of the repository, which is the model; null: the repository is"
    )

    @property
    def label(self) -> str:
        """The model in a message: its id, its file and its checkpoint or revision where it has one."""
        revision = self.checkpoint or self.revision
        return self.hub + (f"/{self.gguf_file}" if self.gguf_file else "") + (f"@{revision}" if revision else "")


class FolderModel(Record):
    """A model in a folder of transformers' form."""

    folder: Text = Field(description="path of the folder")
    checkpoint: Text | None = Field(default=None, description="a folder below it that is a model of its own")

    @property
    def path(self) -> Path:
        """The folder that the weights are in."""
        folder = Path(os.path.expanduser(self.folder))
        return folder / self.checkpoint if self.checkpoint else folder

    @property
    def label(self) -> str:
        """The model in a message: the path as params.yaml names it."""
        return self.folder + (f"/{self.checkpoint}" if self.checkpoint else "")


class GgufModel(Record):
    """A model in one GGUF file, the form of llama.cpp; its weights are unpacked when it is loaded."""

    gguf: Text = Field(description="path of the file")

    @property
    def path(self) -> Path:
        """The file that has the weights, the configuration and the tokenizer."""
        return Path(os.path.expanduser(self.gguf))

    @property
    def label(self) -> str:
        """The model in a message: the path as params.yaml names it."""
        return self.gguf


class ServerModel(Record):
    """A model on an OpenAI-compatible server; which weights the server has is not known."""

    server: Text = Field(description="base URL, as in http://localhost:8000/v1")
    model: Text = Field(description="the model's name on that server")

    @property
    def label(self) -> str:
        """The model in a message: its name, and the server."""
        return f"{self.model} on {self.server}"


class EmbeddedModel(Record):
    """A model that the pipeline trains itself; its files lie beside its manifest."""

    embedded: Literal["microworld"] = Field(description="the embedded micro-world")

    @property
    def label(self) -> str:
        """The model in a message."""
        return self.embedded


class ServerReference(ServerModel):
    """A model on a server as params.yaml names it, with how the server is used.

    The server completes the prompts of prompt versions, and lays out chats by the model's own template.
    """

    key_variable: KeyVariable = Field(
        default="OPENAI_API_KEY", description="environment variable with the server's key, if it needs one"
    )
    context_window: int | None = Field(
        default=None,
        ge=1,
        description="context length in tokens; a prompt that, by the server's count, leaves no room in it is too long; "
        "null: what the server says, and where it says nothing, its counts tell which answer it cut off",
    )
    limits: Limits = Field(default=Limits(), description="how hard the server is asked")


class PlannedHub(HubModel):
    """A hub model, fixed by its commit."""

    loading: Loading = Field(description="how it is loaded")


class HubWeights(PlannedHub):
    """A hub model, fetched."""

    files: dict[str, Hash] = Field(
        description=f"hash of every file that the model is loaded from; of a GGUF file under the name {GGUF}"
    )


class FolderWeights(FolderModel):
    """A model in a folder, fixed by its files."""

    files: dict[str, Hash] = Field(description="hash of every file that the model is loaded from")
    loading: Loading = Field(description="how it is loaded")


class GgufWeights(GgufModel):
    """A model in a GGUF file, fixed by the file."""

    hash: Hash = Field(description="hash of the file")
    loading: Loading = Field(description="how it is loaded")

    @property
    def files(self) -> dict[str, Hash]:
        """As the files of the other forms."""
        return {GGUF: self.hash}


class EmbeddedWeights(EmbeddedModel):
    """A trained model, fixed by its files."""

    files: dict[str, Hash] = Field(description="hash of every file beside the manifest")
    step: int | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="optimizer steps of its training; absent: it is no base model",
    )
    tokens: int | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="tokens that it has seen; absent: it is no base model",
    )

    @property
    def label(self) -> str:
        """The model in a message, with the checkpoint that it is."""
        return self.embedded if self.step is None else f"{self.embedded} step-{self.step}"

    loading: Loading = Field(description="how it is loaded")


class TunedModel(Record):
    """The study's base model, fine-tuned by the pipeline itself; its files lie beside its manifest."""

    tuned: Tuning = Field(description="on what it is tuned, and how")

    @property
    def label(self) -> str:
        """The model in a message."""
        method = "LoRA" if self.tuned.method == "lora" else "in full"
        return f"base tuned on {self.tuned.data.label} ({method})"


class TunedWeights(TunedModel):
    """A tuned model, fixed by its files."""

    data_hash: Hash = Field(description="content hash of what it was tuned on")
    recipe_hash: Hash = Field(description="content hash of recipe, data and chat template")
    base_files: dict[str, Hash] = Field(description="hash of every file of the base model that it was made of")
    result: TuningResult = Field(description="what was learned")
    files: dict[str, Hash] = Field(description="hash of every file beside the manifest")
    loading: Loading = Field(description="how it is loaded")


# A model that is loaded in this process.
LocalReference = Annotated[
    Annotated[HubModel, Tag("hub")] | Annotated[FolderModel, Tag("folder")] | Annotated[GgufModel, Tag("gguf")],
    told_apart_by("hub", "folder", "gguf"),
]
# What plan makes of a reference. What a server has cannot be fixed.
PlannedLocal = Annotated[
    Annotated[PlannedHub, Tag("hub")] | Annotated[FolderWeights, Tag("folder")] | Annotated[GgufWeights, Tag("gguf")],
    told_apart_by("hub", "folder", "gguf"),
]
PlannedModel = Annotated[
    Annotated[PlannedHub, Tag("hub")]
    | Annotated[FolderWeights, Tag("folder")]
    | Annotated[GgufWeights, Tag("gguf")]
    | Annotated[ServerModel, Tag("server")],
    told_apart_by("hub", "folder", "gguf", "server"),
]
# Those whose files lie beside their manifest.
RunWeights = EmbeddedWeights | TunedWeights
Weights = HubWeights | FolderWeights | GgufWeights | RunWeights


class ModelManifest(Record):
    """Which weights a model folder under data/models stands for, which server has the model, or that there is none."""

    role: Role = Field(description="base or aligned")
    source: (
        Annotated[
            Annotated[HubWeights, Tag("hub")]
            | Annotated[FolderWeights, Tag("folder")]
            | Annotated[GgufWeights, Tag("gguf")]
            | Annotated[EmbeddedWeights, Tag("embedded")]
            | Annotated[TunedWeights, Tag("tuned")]
            | Annotated[ServerModel, Tag("server")],
            told_apart_by("hub", "folder", "gguf", "embedded", "tuned", "server"),
        ]
        | None
    ) = Field(description="where the model comes from, and what fixes it; null: the study has no aligned model")

    @property
    def model(self) -> Weights | ServerModel:
        """The model. Raises UrialError where there is none."""
        if self.source is None:
            raise UrialError(
                f"there is no {self.role} model: the run's study has none",
                fix=f"name another model, or add studies.NAME.{self.role} to params.yaml and run `dvc repro`",
            )
        return self.source


def read_manifest(folder: Path) -> ModelManifest:
    """The manifest of a model folder."""
    return read_json(folder / MANIFEST, ModelManifest)
