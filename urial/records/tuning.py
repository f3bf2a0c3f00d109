"""A model of kind `tuned`: the study's base model, fine-tuned on named data by a recipe of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from urial.records.base import MAX_SEED, Name, PromptName, Record, Text

# Peak learning rates where the recipe names none: the usual ones for adapters and for all weights.
LEARNING_RATES = {"lora": 2e-4, "full": 2e-5}


class PromptData(Record):
    """The examples of a prompt version: what the base model otherwise reads in its context."""

    prompt: PromptName = Field(description="NAME in the study's prompt collection, or COLLECTION/NAME")

    @property
    def label(self) -> str:
        """The data in a message."""
        return self.prompt


class PoolData(Record):
    """A pool of examples."""

    pool: Name = Field(description="NAME of prompts/pools/NAME.jsonl")

    @property
    def label(self) -> str:
        """The data in a message."""
        return f"pools/{self.pool}"


class FileData(Record):
    """Queries and answers in a file."""

    file: Text = Field(description="path of a JSONL file, each row with a query and an answer")

    @property
    def label(self) -> str:
        """The data in a message."""
        return self.file


def _form(value: object) -> str | None:
    names = ("prompt", "pool", "file")
    keys = [key for key in names if (key in value if isinstance(value, Mapping) else hasattr(value, key))]
    return keys[0] if len(keys) == 1 else None


TuningData = Annotated[
    Annotated[PromptData, Tag("prompt")] | Annotated[PoolData, Tag("pool")] | Annotated[FileData, Tag("file")],
    Discriminator(
        _form,
        custom_error_type="tuning_data",
        custom_error_message="name the data by exactly one of prompt, pool or file, as in {prompt: NAME}, {pool: NAME}, {file: PATH}",
    ),
]


class Tuning(Record):
    """On what the base model is tuned, and how. Only the tokens of answers, and the end token behind each, are learned."""

    data: TuningData = Field(description="queries and answers")
    method: Literal["lora", "full"] = Field(
        default="lora",
        description="lora: low-rank adapters on all linear layers but the head, merged into the weights; full: all weights",
    )
    epochs: int = Field(default=3, ge=1, le=10_000, description="times that each pair is learned")
    learning_rate: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="of AdamW at its peak: it rises over a tenth of the steps, then falls to zero; null: "
        f"{LEARNING_RATES['lora']} with lora, {LEARNING_RATES['full']} with full",
    )
    rank: int = Field(default=16, ge=1, le=4096, description="of the adapters of lora")
    alpha: float = Field(
        default=32, gt=0, le=100_000, description="of lora: what an adapter adds is multiplied by alpha / rank"
    )
    batch: int = Field(default=8, ge=1, le=100_000, description="pairs a step")
    max_tokens: int = Field(
        default=1024,
        ge=2,
        le=10_000_000,
        description="of a query, its answer and their layout: a longer pair is refused",
    )
    seed: int = Field(default=0, ge=0, le=MAX_SEED, description="of the adapters and of the order of the pairs")
    template: PromptName = Field(
        default="zero-shot",
        description="the zero-shot prompt version by which the tuned model's chats are laid out, in the study's prompt "
        "collection, or COLLECTION/NAME",
    )

    @property
    def peak(self) -> float:
        """The learning rate at its peak."""
        return self.learning_rate or LEARNING_RATES[self.method]

    def steps(self, pairs: int) -> int:
        """Optimizer steps for so many pairs."""
        return self.epochs * -(-pairs // self.batch)


class TuningResult(Record):
    """What was learned, and at which loss."""

    pairs: int = Field(ge=1, description="queries and answers")
    tokens: int = Field(ge=1, description="their tokens, with their layout, each pair once")
    answer_tokens: int = Field(
        ge=1, description="those of them that are learned: of answers, with the end token of each"
    )
    steps: int = Field(ge=1, description="optimizer steps taken")
    first_loss: float = Field(description="mean over the learned tokens of the first epoch, in nats a token")
    last_loss: float = Field(description="the same of the last epoch")
