"""The records of judging: what a judge model replied, and what is made of it."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, PlainSerializer, model_validator

from urial.records.base import Hash, Name, Record
from urial.records.judge import JudgeIdentity

Aspect = Literal["helpfulness", "clarity", "factuality", "depth", "engagement", "safety"]
# Just-Eval (paper, section 4.1): five aspects for regular instructions, safety alone for the others.
REGULAR_ASPECTS: tuple[Aspect, ...] = ("helpfulness", "clarity", "factuality", "depth", "engagement")
SAFETY_ASPECTS: tuple[Aspect, ...] = ("safety",)
ASPECTS: tuple[Aspect, ...] = REGULAR_ASPECTS + SAFETY_ASPECTS
# An aspect is scored, or there is a reason why it is not.
ScoreStatus = Literal["scored", "not_applicable", "invalid", "refused", "filtered", "failed"]
ReplyFinish = Literal["stop", "length", "refused", "filtered", "malformed", "failed", "unknown"]
# A whole score is written as a whole number.
Score = Annotated[
    float,
    Field(ge=1, le=5),
    PlainSerializer(lambda value: int(value) if value == int(value) else value, return_type=int | float),
]
Distribution = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=5, max_length=5)]


class Reply(Record):
    """One reply of a judge model, as it came."""

    aspect: Aspect | None = Field(default=None, description="the aspect asked for; null: all of the rubric's")
    text: str = Field(description="the reply without its thinking")
    thinking: str | None = Field(default=None, description="thinking text that preceded the reply, if any")
    finish: ReplyFinish = Field(
        description="stop: a whole reply; length: cut off; refused: by the judge; filtered: by a content filter; "
        "malformed: text is what the server sent instead of a reply; failed: no reply came, and text says why; "
        "unknown: an imported reply"
    )
    model: str | None = Field(default=None, description="the model's name as the server gives it")
    input_tokens: int | None = Field(default=None, ge=0, description="tokens read, as the server counts them")
    output_tokens: int | None = Field(default=None, ge=0, description="tokens written, thinking included")
    distribution: Distribution | None = Field(
        default=None, description="probabilities of the scores 1 to 5 where the judge was asked for these"
    )


class AspectScore(Record):
    """One aspect's score, or why there is none."""

    aspect: Aspect = Field(description="what is scored")
    status: ScoreStatus = Field(
        default="scored",
        description="scored; not_applicable: says the judge; invalid: the reply is no verdict; refused: by the judge; "
        "filtered: by a content filter; failed: no reply came",
    )
    score: Score | None = Field(description="1 to 5, whole unless it is the mean of `distribution`; null unless scored")
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
        if self.distribution is None:
            whole = self.score is None or self.score == int(self.score)
            if not whole:
                raise ValueError("a score that is not whole needs its distribution")
        elif self.score is None or not math.isclose(self.score, expected_score(self.distribution), abs_tol=1e-6):
            raise ValueError("with a distribution, the score is its mean")
        return self


def expected_score(distribution: Distribution) -> float:
    """The mean of a distribution over the scores 1 to 5, whose probabilities need not sum to 1."""
    return sum(score * part for score, part in enumerate(distribution, start=1)) / sum(distribution)


class Verdict(Record):
    """What a judge says of one answer."""

    scores: tuple[AspectScore, ...] = Field(min_length=1, description="one per aspect, in the rubric's order")
    replies: tuple[Reply, ...] = Field(default=(), description="every reply of a judge model, in the order asked")

    @model_validator(mode="after")
    def _each_aspect_once(self) -> Self:
        _require_each_once(self.scores)
        return self


def _require_each_once(scores: tuple[AspectScore, ...]) -> None:
    if len({item.aspect for item in scores}) < len(scores):
        raise ValueError("an aspect is scored twice")


class Judgment(Record):
    """A judge's view of one completion."""

    instruction_id: str = Field(description="the instruction")
    system: Name = Field(description="the system judged")
    status: Literal[ScoreStatus, "no_completion"] = Field(
        description="scored: at least one aspect has a score; otherwise why the first has none"
    )
    reason: str | None = Field(description="why no aspect is scored; null when scored")
    scores: tuple[AspectScore, ...] = Field(description="one per aspect; empty when there was no completion")
    judge: JudgeIdentity = Field(description="who judged: everything that decides the verdicts")
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
        _require_each_once(self.scores)
        scored = any(item.status == "scored" for item in self.scores)
        if (self.status == "scored") != scored or scored != (self.reason is None):
            raise ValueError("status scored needs a score and no reason; any other status needs a reason and no score")
        if self.status not in ("scored", "no_completion") and all(item.status != self.status for item in self.scores):
            raise ValueError(f"no aspect has the status {self.status}")
        return self
