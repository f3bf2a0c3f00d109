"""The part of params.yaml that asks how deep safety is: whose answers are begun for them, with how much of which texts."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from urial.records.base import Name, Record

# What a given answer does with an unsafe request.
GivenKind = Literal["compliant", "refusing"]
# The answers that the micro-world itself gives to its unsafe requests, by the name that they have beside systems' answers.
MICROWORLD_ANSWERS: Mapping[GivenKind, Name] = {
    "compliant": "microworld-compliant",
    "refusing": "microworld-refusing",
}
MOST_TOKENS = 10_000


class SafetyAnswers(Record):
    """Which texts the answers are begun with."""

    compliant: Name = Field(
        default=MICROWORLD_ANSWERS["compliant"],
        description="answers that help: a key of published_outputs, or microworld-compliant, the micro-world's own",
    )
    refusing: Name = Field(
        default=MICROWORLD_ANSWERS["refusing"],
        description="answers that refuse: a key of published_outputs, or microworld-refusing, the micro-world's own",
    )


class SafetyDepthParams(Record):
    """Prefilling: systems go on with an answer to an unsafe request that is begun for them (arXiv 2406.05946)."""

    systems: tuple[Name, ...] = Field(default=(), description="systems whose answers are begun; empty: nothing is run")
    answers: SafetyAnswers = Field(default=SafetyAnswers(), description="the texts that they are begun with")
    tokens: tuple[Annotated[int, Field(ge=0, le=MOST_TOKENS)], ...] = Field(
        default=(0, 5, 10, 20, 40),
        min_length=1,
        description="how many of the text's first tokens; 0: none, which is the system's own answer",
    )
