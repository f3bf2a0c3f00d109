"""The sections systems, decoding and generation of params.yaml: who answers, and how."""

from typing import Literal

from pydantic import Field

from urial.records.base import MAX_SEED, PromptName, Record, Role


class Decoding(Record):
    """How an answer is decoded (paper, appendix: greedy; repetition penalty 1.1 for base models)."""

    max_new_tokens: int = Field(ge=1, le=100_000, description="longest answer in tokens")
    temperature: float = Field(ge=0, le=10, description="0: greedy")
    top_p: float = Field(gt=0, le=1, description="nucleus sampling; 1: off")
    repetition_penalty: float = Field(gt=0, le=10, description="1: off; applies to prompt and answer tokens")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of sampling; without effect when greedy")


class CommonDecoding(Record):
    """Decoding common to all systems; null leaves a value to the study, which knows what its models need."""

    max_new_tokens: int | None = Field(ge=1, le=100_000, description="longest answer in tokens; null: the study's")
    temperature: float = Field(ge=0, le=10, description="0: greedy")
    top_p: float = Field(gt=0, le=1, description="nucleus sampling; 1: off")
    repetition_penalty: float | None = Field(gt=0, le=10, description="1: off; null: the study's for the model")
    seed: int = Field(ge=0, le=MAX_SEED, description="seed of sampling; without effect when greedy")


class DecodingChange(Record):
    """A system's own decoding where it differs from the common one; null: it does not."""

    max_new_tokens: int | None = Field(default=None, ge=1, le=100_000, description="see decoding")
    temperature: float | None = Field(default=None, ge=0, le=10, description="see decoding")
    top_p: float | None = Field(default=None, gt=0, le=1, description="see decoding")
    repetition_penalty: float | None = Field(default=None, gt=0, le=10, description="see decoding")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="see decoding")


class System(Record):
    """A model with a way of prompting it."""

    model: Role = Field(description="base or aligned")
    prompt: PromptName | None = Field(
        description="NAME in the study's prompt collection, or COLLECTION/NAME; null: the tokenizer's chat template"
    )
    decoding: DecodingChange = Field(default=DecodingChange(), description="differences from the common decoding")


class Generation(Record):
    """How answers are computed; nothing here changes an answer."""

    batch_size: int = Field(ge=1, le=10_000, description="rows decoded together")
    on_context_overflow: Literal["error", "record"] = Field(
        description="a prompt that leaves no room for max_new_tokens: stop the run, or record the row as too_long"
    )
