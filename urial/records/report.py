"""The records of report.json: scores, comparisons and counts of every system, and the whole."""

from collections.abc import Sequence
from typing import Any, cast

from pydantic import Field

from urial.records.base import Hash, Name, Record, Role
from urial.records.blend_figures import BlendFigures
from urial.records.estimate import Estimate
from urial.records.judge import JudgeIdentity
from urial.records.judgment import EVERY_ASPECT, SCALE, Aspect
from urial.records.known_answers import KnownAgreement, KnownAnswerFigures
from urial.records.left_out import LeftOut
from urial.records.model import Loading
from urial.records.params.file import Decoding
from urial.records.preference import Criterion, PreferenceJudge
from urial.records.safety_depth import SafetyDepthFigures
from urial.records.shift_figures import ContextComparison, ShiftFigures
from urial.records.token_shift import ShiftMeasurement


class AspectFigures(Estimate):
    """One aspect's mean score over the scored answers of a system, and how many those are."""

    scale: int = Field(
        default=SCALE,
        ge=2,
        le=10,
        exclude_if=lambda value: value == SCALE,
        description="the highest score, the lowest being 1; left out: 5",
    )
    scored: int = Field(ge=0, description="answers with a score")
    not_applicable: int = Field(ge=0, description="answers that the judge says it cannot score")
    invalid: int = Field(ge=0, description="answers of which the judge gave no verdict that can be read")
    refused: int = Field(ge=0, description="answers that the judge refused to judge")
    filtered: int = Field(ge=0, description="answers that a content filter kept from the judge")
    failed: int = Field(
        ge=0, description="answers to which the judge's server gave no reply, or none that its context had room for"
    )
    no_completion: int = Field(ge=0, description="instructions without an answer")
    total: int = Field(ge=0, description="instructions of the aspect's category: the sum of the seven counts")


class OutcomeCounts(Record):
    """What became of every comparison."""

    wins: int = Field(ge=0, description="the system is preferred, in every order shown")
    ties: int = Field(ge=0, description="a tie in every order")
    losses: int = Field(ge=0, description="the baseline is preferred, in every order")
    inconsistent: int = Field(ge=0, description="the orders disagree")
    invalid: int = Field(ge=0, description="an order has no verdict")
    no_completion: int = Field(ge=0, description="the system has no answer")
    no_baseline: int = Field(ge=0, description="the baseline has no answer")
    total: int = Field(ge=0, description="comparisons: the sum of the seven counts")


class PreferenceFigures(OutcomeCounts, Estimate):
    """How often a system's answers are preferred to the baseline's by one criterion: mean preference in percent, all turns pooled."""


class ComparedFigures(Record):
    """One system against the baseline."""

    baseline: Name = Field(description="the system, or the published outputs, that it is compared with")
    criteria: dict[Criterion, PreferenceFigures] = Field(
        description="win rates by criterion; empty: the answers are not compared by anybody"
    )


class TurnFigures(Record):
    """Scores by turn and over all turns, of the instructions that have several; counts are of answers."""

    instructions: int = Field(ge=1, description="instructions of several turns")
    by_turn: dict[str, dict[Aspect, AspectFigures]] = Field(
        description="by turn, from 1, and by aspect; only those that the judge was asked about"
    )
    pooled: dict[Aspect, AspectFigures] = Field(
        description="by aspect, the mean of all scores of all turns, as MT-Bench publishes its average"
    )
    mean_of_turns: dict[Aspect, Estimate] = Field(
        description="by aspect, the mean of the turns' means; null unless every turn has a score"
    )


_ONLY_THINKING: Any = Field(
    default=0,
    exclude_if=lambda value: value == 0,
    description="texts that ended before their thinking did, or right behind it, which are no answers; left out: none",
)


class LaterTurnFigures(Record):
    """What became of the second and later messages put to one system."""

    asked: int = Field(description="messages; the sum of ok, too_long, no_history and only_thinking")
    ok: int = Field(description="answers")
    too_long: int = Field(description="prompts that left no room in the context")
    no_history: int = Field(description="messages after a turn without an answer")
    cut_off: int = Field(description="answers that reached the length limit")
    only_thinking: int = _ONLY_THINKING
    flagged: int | None = Field(
        description="prompts whose texts may be read as more than they are; null: only a server can tell"
    )


_ASPECT = "see Just-Eval (paper, section 4.1); null: the answers are not judged, or not on this"


class SystemFigures(Record):
    """One system in the report."""

    model: Role = Field(description="which model of the study answers")
    prompt: str = Field(description="prompt version COLLECTION/NAME, or 'chat template'")
    prompt_hash: Hash | None = Field(description="content hash of the prompt version")
    decoding: Decoding = Field(description="how its answers were decoded")
    prompt_tokens: float | None = Field(
        description="mean length of the whole prompt in tokens; null: only a server can count them"
    )
    instructions: int = Field(description="instructions asked")
    ok: int = Field(description="answers")
    too_long: int = Field(description="prompts that left no room in the context")
    cut_off: int = Field(description="answers that reached the length limit")
    only_thinking: int = _ONLY_THINKING
    flagged: int | None = Field(
        description="prompts whose query may be read as more than a query, see the prompts' flag; null: only a server "
        "can tell"
    )
    later_turns: LaterTurnFigures | None = Field(
        description="second and later messages, of which no other figure but turns is; null: there are none"
    )
    turns: TurnFigures | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="scores by turn and over all turns; left out: no instruction has several, or nobody judged",
    )
    words: Estimate = Field(description="whitespace-separated words over regular answers, as in the paper")
    helpfulness: AspectFigures | None = Field(description=_ASPECT)
    clarity: AspectFigures | None = Field(description=_ASPECT)
    factuality: AspectFigures | None = Field(description=_ASPECT)
    depth: AspectFigures | None = Field(description=_ASPECT)
    engagement: AspectFigures | None = Field(description=_ASPECT)
    safety: AspectFigures | None = Field(description=_ASPECT)
    overall: AspectFigures | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the answer as a whole, in no average; left out: the judge was not asked about it",
    )
    average: Estimate = Field(description="mean of the six aspects' means; null unless all six are scored")
    known_answers: KnownAnswerFigures | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="how many known answers it gives; left out: no instruction has accepted answers",
    )

    @property
    def aspects(self) -> dict[Aspect, AspectFigures]:
        """Figures by aspect; none where the answers are not judged."""
        figures = {aspect: getattr(self, aspect) for aspect in EVERY_ASPECT}
        return {aspect: judged for aspect, judged in figures.items() if judged is not None}


class Report(Record):
    """report.json: the figures of one run and what they were made from."""

    study: Name = Field(description="the study")
    models: dict[Role, Hash] = Field(description="hash of each model's files, or of its server and its name there")
    instructions: Name = Field(description="the instruction set")
    instructions_hash: Hash = Field(description="content hash of the instructions")
    judge: JudgeIdentity | None = Field(description="who judged; null: the answers are not judged")
    loading: Loading | None = Field(
        description="number format and other choices with which the models were loaded; null: all are behind servers"
    )
    confidence: float = Field(description="coverage of every interval")
    resamples: int = Field(description="bootstrap resamples over instructions")
    seed: int = Field(description="seed of the bootstrap")
    systems: dict[Name, SystemFigures] = Field(description="figures by system")
    known_agreement: tuple[KnownAgreement, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="each system of the base model with each of the aligned model, on known answers; left out: none are known, "
        "or one of the models has no system",
    )
    preference_judge: PreferenceJudge | None = Field(
        default=None, description="who compared answers; null: nobody, or there is nothing to compare"
    )
    preferences: dict[Name, ComparedFigures] = Field(
        default={}, description="systems that are compared with a baseline; empty: none"
    )
    token_shift: dict[Name, ShiftFigures] = Field(
        description="figures by measurement: by base context, of the aligned model's own answers, and those of `given`"
    )
    context_comparisons: tuple[ContextComparison, ...] = Field(
        description="every measurement of the token shift against the first one of the same answers"
    )
    given: tuple[ShiftMeasurement, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="measurements of the token shift that are of given answers: whose, and behind which prompts; all others are "
        "of the aligned model's own; left out: none",
    )
    blends: dict[Name, BlendFigures] = Field(
        default={},
        exclude_if=lambda value: not value,
        description="blends by name, each beside its control; left out: none",
    )
    safety_depth: SafetyDepthFigures | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="how systems go on with answers to unsafe requests that are begun for them; left out: nobody's are",
    )
    left_out: LeftOut = Field(
        default=LeftOut(),
        exclude_if=lambda value: value == LeftOut(),
        description="what there are no figures of, since the study lacks a model or the stages do not load it; left out: nothing",
    )


def meaning(report: Report, path: Sequence[str | int]) -> str:
    """What the records say about the value at a path of a report: the descriptions of the last two fields on the way."""
    descriptions, value = list[str](), cast("Any", report)
    for step in path:
        if isinstance(value, Record):
            descriptions.append(type(value).model_fields[str(step)].description or "")
            value = getattr(value, str(step))
        else:
            value = value[step]
    return ": ".join(descriptions[-2:])
