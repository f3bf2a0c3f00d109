"""The records of comparing: which of two answers a judge prefers, in each order of showing them, and what follows."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from urial.core.hashing import short_hash
from urial.records.base import Hash, Name, Query, Record
from urial.records.judge import (
    CitedRubric,
    ImportedIdentity,
    LocalJudgeModel,
    RulesIdentity,
    ServerJudgeModel,
    describe,
    describe_asking,
    describe_model,
)
from urial.records.judgment import ASPECTS, Aspect, Reply

# Overall, or one of the six aspects.
Criterion = Literal["overall", Aspect]
CRITERIA: tuple[Criterion, ...] = ("overall", *ASPECTS)
# Which answer the judge was shown first.
Order = Literal["system_first", "baseline_first"]
ORDERS: tuple[Order, ...] = ("system_first", "baseline_first")
# Of the system, whichever place it had.
Side = Literal["win", "tie", "loss"]
# One verdict says which answer is better, or there is a reason why it says nothing.
VerdictStatus = Literal["decided", "invalid", "refused", "filtered", "failed", "too_long"]
# Of both orders. Inconsistent: they disagree; invalid: one of them has no verdict.
Outcome = Literal["win", "tie", "loss", "inconsistent", "invalid"]
OUTCOMES: tuple[Outcome, ...] = ("win", "tie", "loss", "inconsistent", "invalid")
# How a judge model says its verdict: a JSON object, the last line of a text, or the probabilities of two tokens.
VerdictForm = Literal["json", "text", "tokens"]
# Characters that no answer has: lengths are computed with.
MAX_LENGTH = 10**12
# Why there is nothing to compare, or nobody who compares.
PreferenceStatus = Literal["compared", "no_completion", "no_baseline", "not_judged"]


class Choice(Record):
    """What a judge says of one criterion, having seen both answers in one order; or why it says nothing."""

    criterion: Criterion = Field(description="what is compared")
    status: VerdictStatus = Field(
        default="decided",
        description="decided; invalid: the reply is no verdict; refused: by the judge; filtered: by a content filter; "
        "failed: no reply came; too_long: question and reply do not fit into the context",
    )
    preference: float | None = Field(
        ge=0,
        le=1,
        description="for the system: 1 win, 0.5 tie, 0 loss, and between where verdict tokens were weighed; null unless decided",
    )
    rationale: str | None = Field(
        default=None, min_length=1, description="the judge's reason, or why there is no verdict; null: it gave none"
    )

    @property
    def side(self) -> Side | None:
        """Win, tie or loss of the system; None: no verdict."""
        return None if self.preference is None else side_of(self.preference)

    @model_validator(mode="after")
    def _decided_or_explained(self) -> Self:
        if (self.status == "decided") != (self.preference is not None):
            raise ValueError("status decided needs a preference, and any other status has none")
        if self.preference is None and self.rationale is None:
            raise ValueError(f"status {self.status} needs a rationale that says why")
        return self


def side_of(preference: float) -> Side:
    """Win above 0.5, loss below."""
    return "tie" if preference == 0.5 else "win" if preference > 0.5 else "loss"


def _each_criterion_once(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    if len({choice.criterion for choice in choices}) < len(choices):
        raise ValueError("a criterion is decided twice")
    return choices


class Comparison(Record):
    """Both answers as shown once, in one order, and what the judge said."""

    order: Order | None = Field(description="which answer was shown first; null: an imported row that does not tell")
    choices: Annotated[tuple[Choice, ...], AfterValidator(_each_criterion_once)] = Field(
        min_length=1, description="one a criterion, in the rubric's order"
    )
    replies: tuple[Reply, ...] = Field(default=(), description="every reply of a judge model, in the order asked")


class Result(Record):
    """What follows from all orders for one criterion."""

    criterion: Criterion = Field(description="what is compared")
    outcome: Outcome = Field(
        description="win, tie or loss of the system where every order says so; inconsistent: the orders disagree; invalid: "
        "one of them has no verdict"
    )
    preference: float | None = Field(
        ge=0, le=1, description="mean over the orders of the preference for the system; null where invalid"
    )


def result_of(criterion: Criterion, comparisons: tuple[Comparison, ...]) -> Result:
    """The outcome of one criterion, which every comparison has."""
    choices = [choice for one in comparisons for choice in one.choices if choice.criterion == criterion]
    preferences = [choice.preference for choice in choices if choice.preference is not None]
    if len(preferences) < len(choices):
        return Result(criterion=criterion, outcome="invalid", preference=None)
    sides = {side_of(preference) for preference in preferences}
    outcome: Outcome = next(iter(sides)) if len(sides) == 1 else "inconsistent"
    return Result(criterion=criterion, outcome=outcome, preference=sum(preferences) / len(preferences))


class _Compared(Record):
    """The fields of a comparison of two answers to one message."""

    status: PreferenceStatus = Field(
        description="compared; no_completion: the system has no answer; no_baseline: the baseline has none; not_judged: "
        "the run has no judge"
    )
    reason: str | None = Field(description="why nothing was compared; null when compared")
    comparisons: tuple[Comparison, ...] = Field(description="one an order, each order once; empty unless compared")
    results: tuple[Result, ...] = Field(description="one a criterion, over all orders; empty unless compared")
    key: Hash | None = Field(description="content address of the comparison; null when nothing was asked here")
    characters: int | None = Field(
        default=None, ge=0, le=MAX_LENGTH, description="characters of the system's answer; null when there is none"
    )
    baseline_characters: int | None = Field(
        default=None, ge=0, le=MAX_LENGTH, description="characters of the baseline's answer; null when there is none"
    )

    @model_validator(mode="after")
    def _compared_or_explained(self) -> Self:
        compared = self.status == "compared"
        if compared == (self.reason is not None) or compared != bool(self.comparisons):
            raise ValueError("status compared needs comparisons and no reason; any other needs a reason and has none")
        orders = [one.order for one in self.comparisons]
        if len(set(orders)) < len(orders):
            raise ValueError("an order was compared twice")
        criteria = [[choice.criterion for choice in one.choices] for one in self.comparisons]
        if any(other != criteria[0] for other in criteria):
            raise ValueError("the orders were compared by different criteria")
        expected = tuple(result_of(name, self.comparisons) for name in criteria[0]) if compared else ()
        if self.results != expected:
            raise ValueError("the results are not those of the comparisons")
        return self


class PreferenceModelIdentity(Record):
    """A judge model that compares two answers, what it is asked, and how often."""

    kind: Literal["preference_model"] = Field(description="a language model that compares two answers")
    model: Annotated[ServerJudgeModel | LocalJudgeModel, Field(discriminator="kind")] = Field(description="the model")
    rubric: CitedRubric = Field(description="what it is asked")
    verdict: VerdictForm = Field(description="json, text, or tokens: the probabilities of two verdict tokens")
    max_reasks: int = Field(ge=0, description="further requests after a reply that is no verdict")
    max_characters: int | None = Field(description="characters of an answer that it is shown; null: all")


PreferenceJudge = Annotated[RulesIdentity | PreferenceModelIdentity | ImportedIdentity, Field(discriminator="kind")]


def describe_preference_judge(judge: PreferenceJudge) -> str:
    """The judge in one line for people. Nothing reads it back."""
    if not isinstance(judge, PreferenceModelIdentity):
        return describe(judge)
    rubric = f"rubric {judge.rubric.name}@{short_hash(judge.rubric.hash)}, verdict {judge.verdict}"
    return f"{describe_model(judge.model)}; {rubric}{describe_asking(judge.max_reasks, judge.max_characters)}"


class LaterPreference(_Compared):
    """The comparison of a second or later answer of one instruction, the turns before in view."""


class Preference(_Compared):
    """A judge's preference between two answers to one instruction; in a run without a judge, that there is none."""

    instruction_id: str = Field(description="the instruction")
    system: Name = Field(description="the system whose wins are counted")
    baseline: Name = Field(description="the system, or the published answers, that it is compared with")
    judge: PreferenceJudge | None = Field(
        description="who compared: everything that decides the verdicts; null: the run has no judge"
    )
    later_turns: tuple[LaterPreference, ...] = Field(
        default=(), description="the second and later turns, of instructions that have them"
    )
    query: Query = Field(
        default=None,
        description="the first message that was answered, of an imported row; absent: a run's instructions have it",
    )

    @model_validator(mode="after")
    def _nobody_or_a_judge(self) -> Self:
        if (self.status == "not_judged") != (self.judge is None):
            raise ValueError("status not_judged has no judge, and any other status has one")
        return self
