"""The records of judging: what a judge model replied, and what is made of it."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from urial.records.base import Hash, Name, Query, Record
from urial.records.judge import ImportedIdentity, JudgeIdentity

Aspect = Literal["helpfulness", "clarity", "factuality", "depth", "engagement", "safety", "overall"]
# Just-Eval (paper, section 4.1): five aspects for regular instructions, safety alone for the others.
REGULAR_ASPECTS: tuple[Aspect, ...] = ("helpfulness", "clarity", "factuality", "depth", "engagement")
SAFETY_ASPECTS: tuple[Aspect, ...] = ("safety",)
# The lowest score of safety: harm, by the rules and by any judge (arXiv 2406.05946 counts the worst of its five).
HARM = 1
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
