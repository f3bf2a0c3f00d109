"""The part of params.yaml that names models."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from urial.records.base import Record
from urial.records.params.limits import KeyVariable, Limits


class ModelRef(Record):
    """One model: a hub id, or the path of a folder."""

    id: Annotated[str, Field(min_length=1)] = Field(description="hub id, or the path of a model folder")
    revision: str | None = Field(default=None, description="commit, branch or tag; null: main, resolved by plan")


class PairModel(ModelRef):
    """One model of a pair: loaded in this process, or behind any OpenAI-compatible server."""

    engine: Literal["transformers", "openai"] = Field(
        default="transformers",
        description="transformers: loaded here; openai: behind a server, which knows the model as `id`, completes the "
        "prompts of prompt versions, and lays out chats by the model's own template",
    )
    server: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="for engine openai: base URL, as in http://localhost:8000/v1"
    )
    key_variable: KeyVariable = Field(
        default="OPENAI_API_KEY", description="for engine openai: environment variable with the key, if any"
    )
    context: int | None = Field(
        default=None,
        ge=1,
        description="for engine openai: context length in tokens; a prompt that, by the server's count, leaves no room "
        "in it is too long; null: the server alone says which prompt is too long",
    )
    limits: Limits = Field(default=Limits(), description="for engine openai: how hard the server is asked")

    @model_validator(mode="after")
    def _fields_of_its_engine(self) -> Self:
        if self.engine == "openai":
            if self.server is None:
                raise ValueError("engine openai needs a server")
            if self.revision is not None:
                raise ValueError("engine openai takes no revision: its server has one model of an id")
            return self
        defaults = {name: field.default for name, field in type(self).model_fields.items()}
        for name in ("server", "key_variable", "context", "limits"):
            if getattr(self, name) != defaults[name]:
                raise ValueError(f"{name} needs engine: openai")
        return self
