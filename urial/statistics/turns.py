"""Figures by turn and over all turns, of instructions that have several.

Two means over turns are in use, and they differ where a turn has scores that are missing: *pooled*, the mean of all scores of
all turns, is what MT-Bench publishes as its average; the *mean of turns* is the mean of the turns' own means.
"""

from collections.abc import Sequence
from typing import Protocol

from urial.records.estimate import Estimate
from urial.records.judgment import EVERY_ASPECT, Aspect
from urial.records.report import AspectFigures, TurnFigures
from urial.statistics.bootstrap import ESTIMATED, Bootstrap
from urial.statistics.scores import JudgmentLike, aspect_score, category_of, counted, counts_of

Column = Sequence[float | None]


class ConversationLike(JudgmentLike, Protocol):
    """What figures of turns read of a Judgment."""

    @property
    def later_turns(self) -> Sequence[JudgmentLike]: ...


def turns_of(row: ConversationLike) -> list[JudgmentLike]:
    """The judgment of each turn, the first one's first."""
    return [row, *row.later_turns]


def turn_how(kind: str, turn: int | None, aspect: Aspect | None, field: str) -> str:
    """How a value of TurnFigures is made, in words: ``turn`` of figures by turn, ``aspect`` of all but the number of instructions."""
    if aspect is None:
        return "number of instructions of several turns"
    which = "all turns, pooled" if turn is None else f"turn {turn}"
    if kind == "mean_of_turns":
        text = "mean of the means of each turn's scores"
    elif field in ESTIMATED:
        text = f"mean of the scores over the scored answers of {which}"
    else:
        return f"number of answers of {which}" + ("" if field == "total" else f" with the status {field}")
    return f"{text}, of the {category_of(aspect)} instructions of several turns"


def turn_figures(
    rows: Sequence[ConversationLike],
    categories: Sequence[str],
    bootstrap: Bootstrap,
    not_applicable: int | None = None,
) -> TurnFigures | None:
    """Figures of the rows with later turns, whose instructions have these categories; None: there are none.

    ``not_applicable``: the score that not applicable counts as; None: it is left out.
    """
    several = [(turns_of(row), category) for row, category in zip(rows, categories, strict=True) if row.later_turns]
    if not several:
        return None
    by_turn: dict[str, dict[Aspect, AspectFigures]] = {}
    pooled: dict[Aspect, AspectFigures] = {}
    mean_of_turns: dict[Aspect, Estimate] = {}
    for aspect in EVERY_ASPECT:
        own = [turns for turns, category in several if category == category_of(aspect)]
        if not any(aspect_score(aspect, turn) for turns in own for turn in turns):
            continue
        columns = [
            [_score(aspect, turns, number, not_applicable) for turns in own] for number in range(max(map(len, own)))
        ]
        for number, column in enumerate(columns):
            asked = [turns[number] for turns in own if len(turns) > number]
            scores = [score for turns, score in zip(own, column, strict=True) if len(turns) > number]
            by_turn.setdefault(str(number + 1), {})[aspect] = counted(aspect, asked, scores, bootstrap)
        every = [turn for turns in own for turn in turns]
        pooled[aspect] = AspectFigures(**pooled_mean(columns, bootstrap).model_dump(), **counts_of(aspect, every))
        mean_of_turns[aspect] = bootstrap.mean_of_means(columns)
    return TurnFigures(instructions=len(several), by_turn=by_turn, pooled=pooled, mean_of_turns=mean_of_turns)


def pooled_mean(columns: Sequence[Column], bootstrap: Bootstrap) -> Estimate:
    """Mean of all the scores that there are; a column has one value or None an instruction, and a turn one column.

    What is drawn are instructions with any score, with all of their turns: turns of one conversation are not independent.
    """
    known = [[score for score in row if score is not None] for row in zip(*columns, strict=True)]
    sums = [(sum(scores), float(len(scores))) for scores in known if scores]
    return bootstrap.ratio([total for total, _ in sums], [count for _, count in sums])


def _score(aspect: Aspect, turns: Sequence[JudgmentLike], number: int, not_applicable: int | None) -> float | None:
    score = aspect_score(aspect, turns[number]) if number < len(turns) else None
    if score is None:
        return None
    return not_applicable if score.status == "not_applicable" else score.score
