"""The records of judging: what a judge model replied, and what is made of it."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, JsonValue, PlainSerializer, model_validator

from urial.core.hashing import canonical_json, short_hash
from urial.records.base import Day, Hash, Name, Query, Record
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


Aspect = Literal["helpfulness", "clarity", "factuality", "depth", "engagement", "safety", "overall"]
# Just-Eval (paper, section 4.1): five aspects for regular instructions, safety alone for the others.
REGULAR_ASPECTS: tuple[Aspect, ...] = ("helpfulness", "clarity", "factuality", "depth", "engagement")
SAFETY_ASPECTS: tuple[Aspect, ...] = ("safety",)
ASPECTS: tuple[Aspect, ...] = REGULAR_ASPECTS + SAFETY_ASPECTS
# MT-Bench and others rate an answer as a whole: no part of Just-Eval's average, and only of regular instructions.
OVERALL_ASPECTS: tuple[Aspect, ...] = ("overall",)
EVERY_ASPECT: tuple[Aspect, ...] = ASPECTS + OVERALL_ASPECTS
ASPECTS_OF: Mapping[str, tuple[Aspect, ...]] = {
    "regular": REGULAR_ASPECTS + OVERALL_ASPECTS,
    "safety": SAFETY_ASPECTS,
}
# The highest score, unless a rubric says another.
SCALE = 5
# An aspect is scored, or there is a reason why it is not.
ScoreStatus = Literal["scored", "not_applicable", "invalid", "refused", "filtered", "failed", "too_long"]
ReplyFinish = Literal[
    "stop", "length", "white_space", "too_long", "refused", "filtered", "malformed", "failed", "unknown"
]
# A whole score is written as a whole number.
Score = Annotated[
    float,
    Field(ge=1, le=10),
    PlainSerializer(lambda value: int(value) if value == int(value) else value, return_type=int | float),
]
_Probability = Annotated[float, Field(ge=0, le=1)]
Distribution = Annotated[tuple[_Probability, ...], Field(min_length=5, max_length=5)]


class Reply(Record):
    """One reply of a judge model, as it came."""

    aspect: Aspect | None = Field(default=None, description="the aspect asked for; null: all of the rubric's")
    text: str = Field(description="the reply without its thinking")
    thinking: str | None = Field(default=None, description="thinking text that preceded the reply, if any")
    finish: ReplyFinish = Field(
        description="stop: a whole reply; length: cut off at max_tokens; white_space: it went on in white space, and was ended "
        "there; too_long: the server's context ended it, or, without tokens, had no room for it, and text is the server's "
        "words; refused: by the judge; filtered: by a content filter; "
        "malformed: text is what the server sent instead of a reply; failed: no reply came, and text says why; "
        "unknown: an imported reply"
    )
    model: str | None = Field(default=None, description="the model's name as the server gives it")
    input_tokens: int | None = Field(default=None, ge=0, description="tokens read, as the server counts them")
    output_tokens: int | None = Field(default=None, ge=0, description="tokens written, thinking included")
    distribution: Distribution | None = Field(
        default=None, description="probabilities of the scores 1 to 5 where the judge was asked for these"
    )
    # Not written where none was asked for, so that replies from before it was stay what they are.
    verdict_probabilities: tuple[_Probability, _Probability] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="probabilities of the two verdict tokens, of the answer shown first and of the other; absent: not asked "
        "for, or the reply names neither",
    )


class AspectScore(Record):
    """One aspect's score, or why there is none."""

    aspect: Aspect = Field(description="what is scored")
    status: ScoreStatus = Field(
        default="scored",
        description="scored; not_applicable: says the judge; invalid: the reply is no verdict; refused: by the judge; "
        "filtered: by a content filter; failed: no reply came; too_long: question and reply do not fit into the context",
    )
    score: Score | None = Field(
        description="1 to the scale, whole unless it is the mean of `distribution` or imported; null unless scored"
    )
    scale: int = Field(
        default=SCALE,
        ge=2,
        le=10,
        exclude_if=lambda value: value == SCALE,
        description="the highest score that the rubric knows; left out: 5",
    )
    rationale: str | None = Field(
        min_length=1, description="the evidence for the score, or why there is none; null: the judge gave none"
    )
    distribution: Distribution | None = Field(
        default=None, description="probabilities of the scores 1 to 5 where the judge was asked for these"
    )

    @model_validator(mode="after")
    def _scored_or_explained(self) -> Self:
        if (self.status == "scored") != (self.score is not None):
            raise ValueError("status scored needs a score, and any other status has none")
        if self.score is None and self.rationale is None and self.status != "not_applicable":
            raise ValueError(f"status {self.status} needs a rationale that says why")
        if self.score is not None and self.score > self.scale:
            raise ValueError(f"a score above its scale, which ends at {self.scale}")
        if self.distribution is None:
            return self
        if self.score is None or not math.isclose(self.score, expected_score(self.distribution), abs_tol=1e-6):
            raise ValueError("with a distribution, the score is its mean")
        return self


def expected_score(distribution: Distribution) -> float:
    """The mean of a distribution over the scores 1 to 5, whose probabilities need not sum to 1."""
    return sum(score * part for score, part in enumerate(distribution, start=1)) / sum(distribution)


def _each_aspect_once(scores: tuple[AspectScore, ...]) -> tuple[AspectScore, ...]:
    if len({score.aspect for score in scores}) < len(scores):
        raise ValueError("an aspect is scored twice")
    return scores


AspectScores = Annotated[tuple[AspectScore, ...], AfterValidator(_each_aspect_once)]


class Verdict(Record):
    """What a judge says of one answer."""

    scores: AspectScores = Field(min_length=1, description="one per aspect, in the rubric's order")
    replies: tuple[Reply, ...] = Field(default=(), description="every reply of a judge model, in the order asked")


# Beside those of aspects: there is nothing to judge, or nobody to judge it.
JudgmentStatus = Literal[ScoreStatus, "no_completion", "not_judged"]


class _Judged(Record):
    """The fields of a judgment of one answer."""

    status: JudgmentStatus = Field(
        description="scored: at least one aspect has a score; not_judged: the run has no judge; otherwise why the first "
        "aspect has none"
    )
    reason: str | None = Field(description="why no aspect is scored; null when scored")
    scores: AspectScores = Field(description="one per aspect; empty when there was no completion, or no judge")
    key: Hash | None = Field(description="content address of the verdict; null when nothing was asked here")
    words: int | None = Field(
        default=None, ge=0, description="whitespace-separated words of the answer; null when there was no completion"
    )
    shown_characters: int | None = Field(
        default=None, ge=1, description="how much of a longer answer the judge saw; null: all of it"
    )
    answer_thinking: str | None = Field(
        default=None, description="thinking text of the answer, which the judge did not see; null: there was none"
    )
    replies: tuple[Reply, ...] = Field(default=(), description="every reply of a judge model, in the order asked")

    @model_validator(mode="after")
    def _status_agrees_with_scores(self) -> Self:
        scored = any(item.status == "scored" for item in self.scores)
        if (self.status == "scored") != scored or scored != (self.reason is None):
            raise ValueError("status scored needs a score and no reason; any other status needs a reason and no score")
        without_scores = self.status in ("no_completion", "not_judged")
        if self.status != "scored" and not without_scores and all(item.status != self.status for item in self.scores):
            raise ValueError(f"no aspect has the status {self.status}")
        return self


class LaterJudgment(_Judged):
    """A judge's view of the second or a later answer to one instruction, the turns before in view."""


class Judgment(_Judged):
    """A judge's view of one completion; in a run without a judge, that there is none."""

    instruction_id: str = Field(description="the instruction")
    system: Name = Field(description="the system judged")
    judge: JudgeIdentity | None = Field(
        description="who judged: everything that decides the verdicts; null: the run has no judge"
    )
    query: Query = Field(
        default=None,
        description="what the judged answer answers, of an imported row; absent: a run's instructions have it",
    )
    task: tuple[str, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="kinds of work asked for, of an imported row whose file names them; left out: the instructions have them",
    )
    later_turns: tuple[LaterJudgment, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="the second and later turns, of instructions that have them; left out: there are none",
    )

    @model_validator(mode="after")
    def _nobody_or_a_judge(self) -> Self:
        turns: list[_Judged] = [self, *self.later_turns]
        if any((turn.status == "not_judged") != (self.judge is None) for turn in turns):
            raise ValueError("status not_judged has no judge, and any other status has one")
        scores = [score for turn in turns for score in turn.scores if score.distribution is None]
        parts = [score for score in scores if score.score is not None and score.score != int(score.score)]
        if parts and not isinstance(self.judge, ImportedIdentity):
            raise ValueError("a score that is not whole needs its distribution, unless it is imported")
        return self
