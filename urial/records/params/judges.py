"""The part of params.yaml that names judges, and what they cost."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator

from urial.records.base import DAY, MAX_SEED, Day, PromptName, Record, Text
from urial.records.model import KeyVariable, Limits, Loading, LocalReference


class RulesJudge(Record):
    """The embedded judge: transparent rules over the micro-world's known truth. Not a language model."""

    kind: Literal["rules"] = Field(description="the embedded rules")


class Rubrics(Record):
    """What the judge is asked about each category of instructions; NAME/VERSION under prompts/judge."""

    regular: PromptName = Field(
        default="multi/1", description="a rubric of the five regular aspects, or of the answer as a whole (overall)"
    )
    safety: PromptName = Field(default="safety/1", description="a rubric of safety")
    reference: PromptName | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="a rubric that shows a reference answer, for regular instructions that have one in the judge's "
        "references; null: there are no references",
    )


class _ModelJudge(Record):
    """What judges that are language models have in common."""

    rubrics: Rubrics = Field(default=Rubrics(), description="what the judge is asked")
    references: Text | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="path of a JSONL file of reference answers (schemas/reference-answers.json); null: none",
    )
    max_tokens: int = Field(default=2048, ge=1, le=1_000_000, description="longest reply in tokens, thinking included")
    max_characters: int | None = Field(
        default=None, ge=1, description="show the judge this much of a longer answer; null: all of it"
    )


# What a budget, a record or a question would no longer be true of.
OWN_PARAMETERS = frozenset(
    [
        "model",
        "messages",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "seed",
        "response_format",
        "stream",
        "n",
        "tools",
    ]
)


# A request for one token, with the probabilities of the likeliest: as many as every server gives that gives any.
TOKEN_PARAMETERS: Mapping[str, JsonValue] = {"logprobs": True, "top_logprobs": 5}


class OpenAIJudge(_ModelJudge):
    """A judge on any OpenAI-compatible server."""

    kind: Literal["openai"] = Field(description="a model on a server of OpenAI's protocol")
    server: str = Field(description="base URL, as in https://api.openai.com/v1")
    model: str = Field(min_length=1, max_length=300, description="the model's name there; best a dated snapshot")
    key_variable: KeyVariable = Field(default="OPENAI_API_KEY", description="environment variable with the key, if any")
    temperature: float | None = Field(default=0, ge=0, le=2, description="null: not sent, for models that refuse it")
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="null: not sent")
    parameters: dict[str, JsonValue] = Field(
        default={},
        description="further parameters of the request, such as reasoning_effort; part of the judge's identity",
    )
    response_format: Literal["auto", "json_schema", "json_object", "text"] = Field(
        default="auto", description="how the form of the reply is asked for; auto: the strictest that the server obeys"
    )
    max_reasks: int = Field(default=2, ge=0, le=20, description="further requests after a reply that is no verdict")
    reask_greedy: bool = Field(
        default=False,
        description="at temperature 0, ask again also a server that is known to repeat its replies then (vLLM), and where a "
        "reply was cut off at max_tokens",
    )
    on_failure: Literal["error", "record"] = Field(
        default="error",
        description="a request without any reply: stop the run, or record the row as failed, or as too_long where the "
        "server's context has no room for it",
    )
    batch: bool = Field(default=False, description="use the batch API: cheaper, and done within a day")
    budget: float | None = Field(
        default=None, gt=0, description="the most that judging one system may cost, in the currency of prices"
    )
    limits: Limits = Field(default=Limits(), description="how hard the server is asked")

    @field_validator("parameters")
    @classmethod
    def _further_ones_alone(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if taken := sorted(value.keys() & OWN_PARAMETERS):
            raise ValueError(f"{taken[0]} is set by the judge's own fields, or by none")
        return value


class TransformersJudge(_ModelJudge):
    """A judge in this process. Its decoding is greedy."""

    kind: Literal["transformers"] = Field(description="a model loaded through transformers")
    model: LocalReference = Field(description="the judge model")
    loading: Loading = Field(default=Loading(), description="how it is loaded")
    date: Day = Field(
        default=DAY,
        exclude_if=lambda value: value == DAY,
        description="the day that the model's chat template is told where it asks for it",
    )
    response_format: Literal["json_schema", "score_tokens"] = Field(
        default="json_schema",
        description="json_schema: a reply held to the rubric's schema; score_tokens: the mean score under the "
        "probabilities of the tokens 1 to 5, for a rubric whose reply is only a score",
    )
    batch_size: int = Field(default=8, ge=1, le=10_000, description="replies at a time; score_tokens: one by one")


Judge = Annotated[RulesJudge | OpenAIJudge | TransformersJudge, Field(discriminator="kind")]


class Price(Record):
    """What a model costs a million tokens."""

    input: float = Field(ge=0, description="a million tokens read")
    output: float = Field(ge=0, description="a million tokens written")
    batch: float = Field(default=0.5, ge=0, le=1, description="what the batch API asks of that, as a factor")
