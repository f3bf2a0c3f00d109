"""The catalogue of studies: which models a run is about."""

from typing import Annotated, Literal

from pydantic import Field

from urial.records.base import MAX_SEED, Name, Record
from urial.records.model import Loading, ModelReference


class MicroworldStudy(Record):
    """The embedded pair: trained by the pipeline itself."""

    kind: Literal["microworld"] = Field(description="the embedded micro-world")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of the world, the corpus and the training")
    documents: int | None = Field(default=None, ge=1, description="train on the first N documents; null: all")
    chats: int | None = Field(default=None, ge=1, description="align on the first N chats; null: all")
    checkpoints: bool = Field(
        default=False,
        description="keep base/step-N, models of their own, at six points along the base model's training",
    )
    max_new_tokens: int = Field(default=256, ge=1, description="longest answer in tokens")
    base_repetition_penalty: float = Field(
        default=1.0, gt=0, le=10, description="for systems of the base model; its short answers repeat nothing"
    )
    instructions: Name = Field(default="microworld", description="the instruction set used unless run names one")
    prompts: Name = Field(default="microworld", description="the prompt collection used unless a system names one")


class ModelsStudy(Record):
    """A base model and, unless it is studied without one, its aligned version."""

    kind: Literal["models"] = Field(description="models from the hub, from folders or on servers")
    base: ModelReference = Field(description="the base model")
    aligned: ModelReference | None = Field(
        default=None,
        description="its aligned version; its tokenizer must have a chat template; absent: there is none, and no run yet",
    )
    loading: Loading = Field(default=Loading(), description="how those that are loaded here are loaded")
    max_new_tokens: int = Field(default=2048, ge=1, description="longest answer in tokens")
    base_repetition_penalty: float = Field(
        default=1.1, gt=0, le=10, description="for systems of the base model, as in the paper"
    )
    instructions: Name = Field(default="just-eval", description="the instruction set used unless run names one")
    prompts: Name = Field(default="general", description="the prompt collection used unless a system names one")


Study = Annotated[MicroworldStudy | ModelsStudy, Field(discriminator="kind")]
