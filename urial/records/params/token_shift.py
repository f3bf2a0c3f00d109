"""The part of params.yaml that says whose answers are measured by which pair of prompts, and how."""

from typing import Literal

from pydantic import Field

from urial.records.base import Name, Record


class GivenAnswers(Record):
    """Answers of whoever wrote them, and the prompts behind which both models of the pair read them."""

    answers: Name = Field(
        description="whose answers are measured: any key of systems, of blends or of published_outputs, or the micro-world's "
        "microworld-compliant or microworld-refusing"
    )
    base_system: Name = Field(description="the system of the base model whose prompts precede the answers")
    aligned_system: Name = Field(description="the same of the aligned model")


class TokenShiftParams(Record):
    """The token distribution shift measurement."""

    answer_system: Name = Field(
        description="the system whose answers are measured under `base_systems`; it must use the aligned model"
    )
    base_systems: tuple[Name, ...] = Field(
        description="systems of the base model whose prompts precede the answers; empty: those answers are not measured"
    )
    given: dict[Name, GivenAnswers] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="measurements of any other answers, by a name of their own; {}: none",
    )
    top_k: int = Field(ge=1, le=100, description="candidates kept of each model at each position")
    memory_mib: int = Field(
        ge=1,
        description="memory for logits and passes, in MiB, besides the models' own; smaller is slower, and can change the last bits",
    )
    sequential: bool = Field(
        default=False,
        description="load one model after the other, for pairs that do not fit into memory together; changes no number",
    )
    eos: Literal["same", "base", "drop"] = Field(
        default="same",
        description="the aligned model's end token, where it is not the base model's: ranked as it is, taken for the "
        "base model's own, or left out",
    )
    align_by: Literal["ids", "text"] = Field(
        default="ids",
        description="ids: both tokenizers read every answer id as the same token; text: the base tokenizer reads the "
        "answer's text, and tokens of the same characters are compared, without divergences",
    )
