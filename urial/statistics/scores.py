"""From judgments to figures: mean scores with intervals, and the count of every row without a score."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal, Protocol

from urial.records.judgment import SAFETY_ASPECTS, Aspect
from urial.records.report import AspectFigures
from urial.statistics.bootstrap import Bootstrap


class ScoreLike(Protocol):
    """What figures read of an AspectScore."""

    @property
    def aspect(self) -> Aspect: ...
    @property
    def status(self) -> str: ...
    @property
    def score(self) -> float | None: ...


class JudgmentLike(Protocol):
    """What figures read of a Judgment: of very many rows, `urial trace` reads no more."""

    @property
    def status(self) -> str: ...
    @property
    def scores(self) -> Sequence[ScoreLike]: ...


class InstructionLike(Protocol):
    """What figures read of an Instruction."""

    @property
    def category(self) -> str: ...


def scores_of(aspect: Aspect, judgments: Sequence[JudgmentLike]) -> list[float | None]:
    """The aspect's score of each judgment, None where it has none."""
    scores = (aspect_score(aspect, row) for row in judgments)
    return [score.score if score else None for score in scores]


def aspect_score(aspect: Aspect, judgment: JudgmentLike) -> ScoreLike | None:
    """What a judgment says of an aspect; None where it says nothing."""
    for score in judgment.scores:
        if score.aspect == aspect:
            return score
    return None


def category_of(aspect: Aspect) -> Literal["regular", "safety"]:
    """The category of the instructions that are judged on an aspect."""
    return "safety" if aspect in SAFETY_ASPECTS else "regular"


def aspect_figures(
    aspect: Aspect, judgments: Sequence[JudgmentLike], instructions: Sequence[InstructionLike], bootstrap: Bootstrap
) -> AspectFigures:
    """Mean score over the scored rows, and the count of every other row of the aspect's category."""
    category = category_of(aspect)
    rows = [row for row, instruction in zip(judgments, instructions, strict=True) if instruction.category == category]
    return counted(aspect, rows, scores_of(aspect, rows), bootstrap)


def counted(
    aspect: Aspect, rows: Sequence[JudgmentLike], scores: Sequence[float | None], bootstrap: Bootstrap
) -> AspectFigures:
    """The mean of the scores that there are, and what became of each of ``rows``, all of the aspect's category."""
    counts = Counter(status_of(aspect, row) for row in rows)
    return AspectFigures(
        **bootstrap.mean([score for score in scores if score is not None]).model_dump(),
        scored=counts["scored"],
        not_applicable=counts["not_applicable"],
        invalid=counts["invalid"],
        refused=counts["refused"],
        filtered=counts["filtered"],
        failed=counts["failed"],
        no_completion=counts["no_completion"],
        total=len(rows),
    )


def status_of(aspect: Aspect, row: JudgmentLike) -> str:
    """Why an aspect has no score, or that it has one. A judge that was not asked about it says nothing of it."""
    if row.status == "no_completion":
        return row.status
    score = aspect_score(aspect, row)
    return score.status if score else "not_applicable"
