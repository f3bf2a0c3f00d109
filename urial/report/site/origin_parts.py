"""Parts of an origin: the rows that a number is of in words, its files, and what a link to the rows asks the viewers for."""

from typing import cast
from urllib.parse import urlencode

from urial.records.judgment import Aspect
from urial.records.report import TurnFigures
from urial.records.shift_figures import LogOdds, ShiftedToken, ShiftedWord
from urial.run import paths


def turn_rows(figures: TurnFigures, kind: str, turn: int | None, aspect: str | None) -> str:
    """The answers that a figure of turns is of; of the instructions with several turns, all."""
    if aspect is None:
        return f"{figures.instructions:,} instructions"
    of = figures.by_turn[str(turn)] if kind == "by_turn" else figures.pooled
    counted = of[cast("Aspect", aspect)]
    return f"{counted.scored:,} of {counted.total:,} answers"


def occurrences(entry: ShiftedToken | ShiftedWord | LogOdds) -> int:
    """How often the text of an entry is there; a marginal token is in no log-odds ratio."""
    if isinstance(entry, LogOdds):
        return entry.shifted + entry.unshifted
    return entry.positions if isinstance(entry, ShiftedToken) else entry.occurrences


def files_of(*files: str, plan: bool = False) -> list[str]:
    """The files of a figure, in the order of `urial trace`; ``plan``: the bootstrap's parameters are read from there."""
    first, *others = files
    around = [paths.REPORT_PLAN.path()] * plan
    if first.startswith(paths.SYSTEM_PLAN.folder):
        return [*around, first, paths.INSTRUCTIONS.path(), *others]
    return [*around, paths.INSTRUCTIONS.path(), *files]


def tokens_of(path: tuple[str, ...], context: str) -> dict[str, str]:
    """What the token viewer is asked to show of a figure of a measurement: the kind, label, part or move that it is of."""
    if path[0] == "first_divergence":
        return {"sort": f"parted:{context}"}
    if path[0] in ("labels", "parts", "moves"):
        return {path[0].removesuffix("s"): path[1]} | (tokens_of(path[2:], context) if path[2:] else {})
    return {"kind": path[0]} if path[0] in ("style", "knowledge") else {}


def link(page: str, named: str, /, **state: str) -> dict[str, str]:
    """A link of this name to a page that shows the rows, in this state."""
    return {"label": named, "href": f"{page}#{urlencode(state)}"}
