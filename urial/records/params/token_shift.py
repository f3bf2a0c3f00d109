"""The section token_shift of params.yaml: the token distribution shift measurement."""

from typing import Annotated, Literal

from pydantic import Field

from urial.records.base import Name, Record


class TokenShiftParams(Record):
    """The token distribution shift measurement."""

    answer_system: Name = Field(description="the system whose answers are measured; it must use the aligned model")
    base_systems: Annotated[tuple[Name, ...], Field(min_length=1)] = Field(
        description="systems of the base model whose prompts precede the answers"
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
