"""The part of params.yaml that says which answers are compared, and by whom."""

from typing import Annotated, Literal

from pydantic import Field

from urial.records.base import Name, PromptName, Record, Text
from urial.records.preference import VerdictForm

Orders = Literal["both", "one"]


class PreferenceParams(Record):
    """Which systems' answers are compared with those of a baseline."""

    baseline: Name | None = Field(
        default=None, description="a key of systems or of published_outputs; null: there is nothing to compare with"
    )
    systems: tuple[Name, ...] = Field(default=(), description="systems that are compared with it; empty: none")
    judge: Name | None = Field(default=None, description="a key of judges; null: the one of run.judge")
    rubric: PromptName = Field(
        default="preference/aspects-1",
        description="what a judge model is asked: a rubric under prompts/judge/preference",
    )
    orders: Orders = Field(
        default="both",
        description="both: every pair is shown in both orders; one: in the one that the instruction's text decides",
    )
    verdict: VerdictForm = Field(
        default="json",
        description="json: an object of verdicts; text: the last line of a text; tokens: the probabilities of two tokens",
    )


class PublishedOutputs(Record):
    """Answers of another study that systems can be compared with."""

    # It is an argument of a command in dvc.yaml.
    source: Annotated[Text, Field(pattern=r'^[^"$`\\\n]+$')] = Field(
        description="JSONL file of completions that carry their query, as `urial import completions` writes it"
    )
