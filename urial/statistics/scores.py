"""From judgments to figures: mean scores with intervals, counts of the rows without a score, and groups by tag."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

from urial.core.errors import UrialError, shorten
from urial.records.instruction import Instruction, TagKind
from urial.records.judgment import ASPECTS, SAFETY_ASPECTS, SCALE, Aspect
from urial.records.report import AspectFigures
from urial.statistics.bootstrap import ESTIMATED, Bootstrap


class ScoreLike(Protocol):
    """What figures read of an AspectScore."""

    @property
    def aspect(self) -> Aspect: ...
    @property
    def status(self) -> str: ...
    @property
    def score(self) -> float | None: ...
    @property
    def scale(self) -> int: ...


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


def aspect_how(aspect: Aspect, field: str) -> str:
    """How a field of AspectFigures is made, in words."""
    category = category_of(aspect)
    if field in ESTIMATED:
        return f"mean of the scores over the scored answers to {category} instructions"
    number = f"number of {category} instructions"
    return number if field == "total" else f"{number} with the status {field}"


def aspect_figures(
    aspect: Aspect, judgments: Sequence[JudgmentLike], instructions: Sequence[InstructionLike], bootstrap: Bootstrap
) -> AspectFigures | None:
    """Mean score over the scored rows, and the count of every other row of the aspect's category.

    None: nobody judged, or nobody was asked about the aspect.
    """
    category = category_of(aspect)
    rows = [row for row, instruction in zip(judgments, instructions, strict=True) if instruction.category == category]
    if any(row.status == "not_judged" for row in judgments) or not is_asked(aspect, rows):
        return None
    return counted(aspect, rows, scores_of(aspect, rows), bootstrap)


def is_asked(aspect: Aspect, rows: Sequence[JudgmentLike]) -> bool:
    """Whether the judge of these rows, all of the aspect's category, was asked about it.

    Of rows without any answer nobody knows: then one of Just-Eval's six counts as asked, and the answer as a whole does not.
    """
    judged = [row for row in rows if row.scores]
    return any(aspect_score(aspect, row) for row in judged) if judged else aspect in ASPECTS


def counted(
    aspect: Aspect, rows: Sequence[JudgmentLike], scores: Sequence[float | None], bootstrap: Bootstrap
) -> AspectFigures:
    """The mean of the scores that there are, and what became of each of ``rows``, all of the aspect's category."""
    mean = bootstrap.mean([score for score in scores if score is not None])
    return AspectFigures(**mean.model_dump(), **counts_of(aspect, rows))


def counts_of(aspect: Aspect, rows: Sequence[JudgmentLike]) -> dict[str, int]:
    """What became of each of the rows, and the scale of their scores: the fields of AspectFigures beside the mean."""
    counts = Counter(status_of(aspect, row) for row in rows)
    scales = [score.scale for row in rows if (score := aspect_score(aspect, row)) is not None]
    return {
        "scale": max(scales, default=SCALE),
        "scored": counts["scored"],
        "not_applicable": counts["not_applicable"],
        "invalid": counts["invalid"],
        "refused": counts["refused"],
        "filtered": counts["filtered"],
        "failed": counts["failed"] + counts["too_long"],
        "no_completion": counts["no_completion"],
        "total": len(rows),
    }


def status_of(aspect: Aspect, row: JudgmentLike) -> str:
    """Why an aspect has no score, or that it has one. A judge that was not asked about it says nothing of it."""
    if row.status in ("no_completion", "not_judged"):
        return row.status
    score = aspect_score(aspect, row)
    return score.status if score else "not_applicable"


def by_tag(instructions: Iterable[Instruction], kind: TagKind) -> dict[str, set[str]]:
    """Instruction ids by tag, tags in alphabetical order; an instruction counts under each of its tags."""
    ids: dict[str, set[str]] = {}
    for row in instructions:
        value = getattr(row, kind)
        for tag in (value,) if isinstance(value, str) else value:
            ids.setdefault(tag, set()).add(row.id)
    return dict(sorted(ids.items()))


def known_instructions(
    files: Mapping[str, Path], instructions: Iterable[Instruction], done: Literal["judged", "measured"]
) -> dict[str, Instruction]:
    """The instructions by id. Raises UrialError unless all those of ``files`` are among them, whose keys are ids."""
    known = {row.id: row for row in instructions}
    lost = [name for name in files if name not in known]
    if lost:
        raise UrialError(
            f"{done} instructions that the file of instructions does not have: {len(lost):,}, first {shorten(lost[0])}",
            path=files[lost[0]],
            fix=f"name the instructions that were {done} with --instructions FILE",
        )
    return known


def required_tags(
    instructions: Iterable[Instruction] | None, kind: TagKind, done: Literal["judged", "compared", "measured"]
) -> dict[str, set[str]]:
    """``by_tag`` of instructions that must be there. Raises UrialError where there are no instructions, or none of them has a tag."""
    if instructions is None:
        rows = {"judged": "judgments", "compared": "preferences", "measured": "measurements"}[done]
        raise UrialError(
            f"{rows} do not say the {kind} of an instruction",
            fix=f"name the instructions that were {done} with --instructions FILE",
        )
    tags = by_tag(instructions, kind)
    if not tags:
        raise UrialError(
            f"no instruction that was {done} has a {kind}",
            fix="name the set itself, which has tags, with --instructions, as in --instructions just_eval_instruct.jsonl; what was "
            "found in a file of judgments or answers has none",
        )
    return tags
