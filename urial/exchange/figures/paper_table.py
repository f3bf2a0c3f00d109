"""Scores in the layout of the paper's table 1: a row a system, a column an aspect, the average, and the length."""

from collections.abc import Sequence

from urial.core.tables import Cell, Table
from urial.core.text import one_line
from urial.exchange.figures.published import Published, paper_name
from urial.records.judge import describe
from urial.records.judgment import ASPECTS
from urial.records.report import Report, SystemFigures

COLUMNS = ("system", "helpful", "clear", "factual", "deep", "engaging", "safe", "average", "length", "scored/total")


def paper_table(report: Report, known: Published | None) -> Table | None:
    """The table, with the paper's own rows below where they are wanted; None where the run is not judged on any aspect of it."""
    if report.judge is None or not any(set(ASPECTS) & set(system.aspects) for system in report.systems.values()):
        return None
    rows: list[Sequence[Cell]] = [_row(name, system) for name, system in report.systems.items()]
    caption = (
        f"Mean scores from 1 to 5 and mean length in words of the answers to regular instructions. Judge: {one_line(describe(report.judge))}. "
        "Scored: aspects with a score, of all; only those are in a mean. Average: the mean of the six aspects' means."
    )
    if known:
        rows += [
            [paper_name(row.system), *(getattr(row, aspect) for aspect in ASPECTS), row.average, row.words, None]
            for row in known.scores.rows
        ]
        caption += (
            f" Rows marked (paper) are of other models and another judge ({known.scores.judge}), on {known.scores.instructions}: "
            f"{known.scores.source}."
        )
    return Table("Scores", list(COLUMNS), rows, caption)


def _row(name: str, system: SystemFigures) -> list[Cell]:
    figures = [system.aspects.get(aspect) for aspect in ASPECTS]
    known = [judged for judged in figures if judged]
    scored = f"{sum(judged.scored for judged in known)}/{sum(judged.total for judged in known)}"
    means = [judged.mean if judged else None for judged in figures]
    return [name, *means, system.average.mean, system.words.mean, scored]
