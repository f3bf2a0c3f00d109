"""Who judges: everything that decides a verdict, as records."""

import json
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from urial.core.hashing import canonical_json, short_hash
from urial.records.base import Day, Hash, Record
from urial.records.model import Software

# How a server is asked for the form of a reply.
ServerFormat = Literal["json_schema", "json_object", "text"]
LocalFormat = Literal["json_schema", "score_tokens", "verdict_tokens"]
# By which a judge names the answer that it was shown first, and the other one.
VERDICT_TOKENS = ("A", "B")


class ServerJudgeModel(Record):
    """A judge model on a server, and how it is asked."""

    kind: Literal["openai"] = Field(description="a model on a server of OpenAI's protocol")
    algorithm: int = Field(ge=1, description="version of how urial puts a question to a server")
    server: str = Field(description="the server's address")
    model: str = Field(description="the model's name in params.yaml")
    served_model: str | None = Field(description="the name that the server gives, best a snapshot; null: none given")
    temperature: float | None = Field(description="null: the server's own")
    seed: int | None = Field(description="null: not sent")
    max_tokens: int = Field(ge=1, description="longest reply in tokens")
    parameters: dict[str, JsonValue] = Field(description="further parameters of the request")
    response_format: ServerFormat = Field(description="how the form of a reply is asked for")
    # Not written where it is not known, so that replies from before it was asked for stay what they are.
    software: Software | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="what serves the model, as it says itself; left out: it does not say, or was never asked",
    )

    @property
    def repeats_itself(self) -> bool:
        """Whether the same question is known to get the same reply again.

        Of vLLM that was seen at temperature 0; llama.cpp's greedy replies change with what is in its cache.
        """
        return self.software == "vllm" and self.temperature == 0

    def __hash__(self) -> int:
        return hash(canonical_json(self.model_dump(mode="json")))


class LocalJudgeModel(Record):
    """A judge model in this process, decoded greedily."""

    kind: Literal["transformers"] = Field(description="a model loaded through transformers")
    algorithm: int = Field(ge=1, description="version of how urial puts a question to a loaded model")
    model: str | None = Field(
        description="hub id, with the GGUF file where it is one; null: a folder or a file, fixed wherever it lies"
    )
    revision: str | None = Field(description="commit of a hub model; null: the files fix it")
    files: Hash | None = Field(description="hash of the hashes of its files; null: the commit fixes them")
    dtype: str = Field(description="numbers that it computes with")
    quantization: str | None = Field(description="null: none")
    max_tokens: int | None = Field(description="longest reply in tokens; null: the reply is a score")
    response_format: LocalFormat = Field(
        description="json_schema, score_tokens: the probabilities of 1 to 5, or verdict_tokens: those of two verdicts"
    )
    date: Day | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the day that its chat template was told; absent: it did not ask for it",
    )


class CitedRubric(Record):
    """A rubric by its name and its content."""

    name: str = Field(description="NAME/VERSION under prompts/judge")
    hash: Hash = Field(description="content hash of the rubric")


class CitedReferences(Record):
    """Reference answers by their content, and the rubric that shows them to the judge."""

    hash: Hash = Field(description="content hash of all the reference answers")
    rubric: CitedRubric = Field(description="rubric for instructions that have a reference answer")


class RulesIdentity(Record):
    """The embedded rules."""

    kind: Literal["rules"] = Field(description="the embedded rules")
    version: int = Field(ge=1, description="version of the rules")
    world: str | None = Field(description="the world whose truth they know; null: none")


class ModelIdentity(Record):
    """A judge model, what it is asked, and how often."""

    kind: Literal["model"] = Field(description="a language model")
    model: Annotated[ServerJudgeModel | LocalJudgeModel, Field(discriminator="kind")] = Field(description="the model")
    regular: CitedRubric = Field(description="rubric for regular instructions")
    safety: CitedRubric = Field(description="rubric for safety instructions")
    max_reasks: int = Field(ge=0, description="further requests after a reply that is no verdict")
    max_characters: int | None = Field(description="characters of an answer that it is shown; null: all")
    # Of rows without one the judge stays what it was, whatever references others have.
    references: CitedReferences | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="reference answers, one of which it was shown; left out: it was shown none",
    )


class ImportedIdentity(Record):
    """The judge that another tool's file names."""

    kind: Literal["imported"] = Field(description="judgments from another tool's file")
    tool: str = Field(
        default="just-eval", exclude_if=lambda value: value == "just-eval", description="the tool; left out: just-eval"
    )
    model: str = Field(description="the judge model, as the file names it")
    mode: str = Field(description="what the tool calls this way of judging")
    template: Hash | None = Field(
        description="hash of the template that the judge was asked by, or of all of them; null: the file does not tell it"
    )


JudgeModel = ServerJudgeModel | LocalJudgeModel


JudgeIdentity = Annotated[RulesIdentity | ModelIdentity | ImportedIdentity, Field(discriminator="kind")]


def describe(judge: JudgeIdentity) -> str:
    """The judge in one line for people. Nothing reads it back."""
    if isinstance(judge, RulesIdentity):
        return f"rules/{judge.version} on {judge.world or 'no world'}"
    if isinstance(judge, ImportedIdentity):
        template = f", template sha256 {short_hash(judge.template)}" if judge.template else ""
        return f"imported: {judge.model}, {judge.tool} {judge.mode}{template}"
    rubrics = dict.fromkeys(f"{rubric.name}@{short_hash(rubric.hash)}" for rubric in (judge.regular, judge.safety))
    description = f"{describe_model(judge.model)}; rubrics {', '.join(rubrics)}"
    description += describe_asking(judge.max_reasks, judge.max_characters)
    if judge.references is not None:
        rubric = judge.references.rubric
        description += (
            f"; reference answers {short_hash(judge.references.hash)}, rubric {rubric.name}@{short_hash(rubric.hash)}"
        )
    return description


def describe_model(model: JudgeModel) -> str:
    """A judge model, and how it is asked."""
    parts = _local(model) if isinstance(model, LocalJudgeModel) else _served(model)
    if model.max_tokens is not None:
        parts.append(f"at most {model.max_tokens} tokens")
    if isinstance(model, ServerJudgeModel) and model.parameters:
        parts.append(f"parameters {json.dumps(model.parameters, sort_keys=True)}")
    parts.append(f"response format {model.response_format}")
    return ", ".join(parts)


def describe_asking(max_reasks: int, max_characters: int | None) -> str:
    """What a description ends with: how often a judge model is asked, and what it is shown."""
    again = f"; asked again up to {max_reasks} times" if max_reasks else ""
    return again + (f"; shown {max_characters} characters of an answer" if max_characters is not None else "")


def _local(model: LocalJudgeModel) -> list[str]:
    version = short_hash(model.files) if model.files else str(model.revision)[:12]
    numbers = ", ".join(item for item in (model.dtype, model.quantization) if item)
    return [f"transformers/{model.algorithm} {model.model or 'local files'}@{version} ({numbers})", "greedy"]


def _served(model: ServerJudgeModel) -> list[str]:
    parts = [f"openai/{model.algorithm} {model.server} {model.model}"]
    if model.served_model not in (None, model.model):
        parts.append(f"served as {model.served_model}")
    parts += [f"served by {model.software}"] if model.software else []
    temperature = model.temperature
    parts.append("the server's temperature" if temperature is None else f"temperature {temperature:g}")
    return parts if model.seed is None else [*parts, f"seed {model.seed}"]


def distinct_judges(judges: Iterable[JudgeIdentity]) -> tuple[JudgeIdentity, ...]:
    """Each judge once, in the order of their first rows.

    A judge with reference answers has rows without one, too: it is the same judge there, and is named with them.
    """
    variants: dict[JudgeIdentity, dict[JudgeIdentity, None]] = {}
    for judge in judges:
        plain = judge.model_copy(update={"references": None}) if isinstance(judge, ModelIdentity) else judge
        variants.setdefault(plain, {})[judge] = None
    return tuple(
        judge for plain, own in variants.items() for judge in ([judge for judge in own if judge != plain] or [plain])
    )
