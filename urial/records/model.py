"""Which weights a model folder stands for, and how they are loaded."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from urial.core.store import read_json
from urial.records.base import Hash, Record, Role

MANIFEST = "manifest.json"


class Loading(Record):
    """How a model is loaded through transformers."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="float32", description="weights' number format"
    )
    device_map: str = Field(default="auto", description="a device such as cpu or cuda:0, or auto to spread over all")
    quantization: Literal["bitsandbytes-8bit", "bitsandbytes-4bit"] | None = Field(
        default=None, description="compress the weights while loading; a GPTQ or AWQ checkpoint says so itself"
    )
    trust_remote_code: bool = Field(default=False, description="run Python code that the model's author ships")


class ModelManifest(Record):
    """Which weights a model folder under data/models stands for, or which server has the model."""

    role: Role = Field(description="base or aligned")
    id: str = Field(
        description="microworld, a hub id, a local folder as named in params.yaml, or the model's name on its server"
    )
    revision: str | None = Field(description="resolved commit of a hub model, or the checkpoint of a local one")
    server: str | None = Field(
        default=None, description="base URL of the server that has the model, without query; null: it is loaded here"
    )
    files: dict[str, Hash] = Field(
        description="hash of every file that the model is loaded from; empty: which weights a server has is not known"
    )
    loading: Loading | None = Field(description="how it is loaded; null: that is the server's affair")
    embedded: bool = Field(description="whether the files lie beside this manifest")

    @model_validator(mode="after")
    def _loaded_or_served(self) -> Self:
        if self.server is None:
            if self.loading is None:
                raise ValueError("a model without a server needs loading")
        elif self.loading is not None or self.files or self.revision is not None or self.embedded:
            raise ValueError("a model behind a server has no revision, files and loading, and is not embedded")
        return self


def read_manifest(folder: Path) -> ModelManifest:
    """The manifest of a model folder."""
    return read_json(folder / MANIFEST, ModelManifest)
