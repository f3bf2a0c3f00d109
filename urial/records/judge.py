"""Who judged: the record of all that decides a judge's verdicts. Keys hash it; `describe` puts it into words for people."""

import json
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from urial.core.hashing import canonical_json, short_hash
from urial.records.base import Hash, Record

# How a server is asked for the form of a reply.
ServerFormat = Literal["json_schema", "json_object", "text"]
LocalFormat = Literal["json_schema", "score_tokens"]


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

    def __hash__(self) -> int:
        return hash(canonical_json(self.model_dump(mode="json")))


class LocalJudgeModel(Record):
    """A judge model in this process, decoded greedily."""

    kind: Literal["transformers"] = Field(description="a model loaded through transformers")
    algorithm: int = Field(ge=1, description="version of how urial puts a question to a loaded model")
    model: str | None = Field(description="hub id; null: a folder, which its files fix wherever it lies")
    revision: str | None = Field(description="commit of a hub model; null: the files fix a folder")
    files: Hash | None = Field(
        description="content hash of the hashes of a folder's files; null: the commit fixes them"
    )
    dtype: str = Field(description="numbers that it computes with")
    quantization: str | None = Field(description="null: none")
    max_tokens: int | None = Field(description="longest reply in tokens; null: the reply is a score")
    response_format: LocalFormat = Field(description="json_schema, or score_tokens: the probabilities of 1 to 5")


class CitedRubric(Record):
    """A rubric by its name and its content."""

    name: str = Field(description="NAME/VERSION under prompts/judge")
    hash: Hash = Field(description="content hash of the rubric")


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


class ImportedIdentity(Record):
    """The judge that another tool's file names."""

    kind: Literal["imported"] = Field(description="judgments from another tool's file")
    model: str = Field(description="the judge model, as the file names it")
    mode: str = Field(description="just-eval's mode")
    template: Hash = Field(description="hash of the template that the judge was asked by")


JudgeModel = ServerJudgeModel | LocalJudgeModel
JudgeIdentity = Annotated[RulesIdentity | ModelIdentity | ImportedIdentity, Field(discriminator="kind")]


def describe(judge: JudgeIdentity) -> str:
    """The judge in one line for people. Nothing reads it back."""
    if isinstance(judge, RulesIdentity):
        return f"rules/{judge.version} on {judge.world or 'no world'}"
    if isinstance(judge, ImportedIdentity):
        return f"imported: {judge.model}, just-eval {judge.mode}, template sha256 {short_hash(judge.template)}"
    rubrics = dict.fromkeys(f"{rubric.name}@{short_hash(rubric.hash)}" for rubric in (judge.regular, judge.safety))
    parts = [_describe_model(judge.model), f"rubrics {', '.join(rubrics)}"]
    if judge.max_reasks:
        parts.append(f"asked again up to {judge.max_reasks} times")
    if judge.max_characters is not None:
        parts.append(f"shown {judge.max_characters} characters of an answer")
    return "; ".join(parts)


def _describe_model(model: JudgeModel) -> str:
    if isinstance(model, LocalJudgeModel):
        version = short_hash(model.files) if model.files else str(model.revision)[:12]
        numbers = ", ".join(item for item in (model.dtype, model.quantization) if item)
        parts = [f"transformers/{model.algorithm} {model.model or 'a folder'}@{version} ({numbers})", "greedy"]
    else:
        parts = [f"openai/{model.algorithm} {model.server} {model.model}"]
        if model.served_model not in (None, model.model):
            parts.append(f"served as {model.served_model}")
        temperature = model.temperature
        parts.append("the server's temperature" if temperature is None else f"temperature {temperature:g}")
        if model.seed is not None:
            parts.append(f"seed {model.seed}")
    if model.max_tokens is not None:
        parts.append(f"at most {model.max_tokens} tokens")
    if isinstance(model, ServerJudgeModel) and model.parameters:
        parts.append(f"parameters {json.dumps(model.parameters, sort_keys=True)}")
    return ", ".join([*parts, f"response format {model.response_format}"])
