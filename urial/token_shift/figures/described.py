"""How the values of ShiftFigures are made, in words: from the declarations that they are computed by."""

from collections.abc import Mapping
from typing import TypeVar

from urial.token_shift.figures.further import further_figure
from urial.token_shift.figures.greedy import divergence_how
from urial.token_shift.figures.positions import Path, PositionFigure
from urial.token_shift.figures.summary import ANSWER_FIGURES, POSITION_FIGURES
from urial.token_shift.figures.tokens import LISTS, PRIOR_TOTAL

Declared = TypeVar("Declared")


def declared(path: Path, figures: Mapping[Path, Declared]) -> Declared | None:
    """The figure at a path within ShiftFigures, or of the estimate that the value there is a part of."""
    return next((figures[path[:end]] for end in range(len(path), 0, -1) if path[:end] in figures), None)


def position_figure(path: Path) -> PositionFigure | None:
    """The figure of positions at a path within ShiftFigures; None: it is of none."""
    return declared(path, POSITION_FIGURES) or further_figure(path)


def shift_how(path: Path) -> str:
    """How the value at a path within ShiftFigures is made."""
    if declared(path, ANSWER_FIGURES):
        return f"count of the answers, by {'.'.join(path)} in their coverage"
    if path[0] == "first_divergence":
        return divergence_how(*path[1:3])
    if figure := position_figure(path):
        return figure.how
    if path[0] not in LISTS:
        return "a constant of the function"
    column, field = LISTS[path[0]]
    if field == "text" and path[-1] in ("z", "log_odds"):
        return (
            f"{'its z, of the' if path[-1] == 'z' else 'the'} weighted log-odds ratio of the {column}, shifted against "
            f"unshifted (Monroe et al. 2008), with a prior of {PRIOR_TOTAL:g} pseudo-counts in proportion to all {column}s"
        )
    return f"positions with the {column}, counted; the list has those that are shifted most"
