"""The figures of a system that is compared with a baseline, each declared once: which comparisons it counts."""

from collections.abc import Mapping, Sequence

from urial.records.preference import CRITERIA, Criterion, LaterPreference, Preference
from urial.records.report import ComparedFigures, PreferenceFigures
from urial.statistics.bootstrap import ESTIMATED, Bootstrap
from urial.statistics.win_rates import outcome_of, preference_of, win_rate

# Of each count, the outcome that it counts.
OUTCOME_OF: Mapping[str, str] = {
    "wins": "win",
    "ties": "tie",
    "losses": "loss",
    "inconsistent": "inconsistent",
    "invalid": "invalid",
    "no_completion": "no_completion",
    "no_baseline": "no_baseline",
}
NOT_LENGTH_CONTROLLED = "the report holds no lengths equal; `urial win-rates` does"


def preference_how(system: str, baseline: str, criterion: str, field: str) -> str:
    """How a field of PreferenceFigures is made, in words."""
    compared = f"comparisons of {system} with {baseline} by {criterion}"
    if field in ESTIMATED:
        return f"mean preference, in percent, over the {compared} that have one"
    return f"number of {compared}" if field == "total" else f"number of {compared} that are {field}"


def compared_figures(baseline: str, rows: Sequence[Preference], bootstrap: Bootstrap) -> ComparedFigures:
    """The figures of a system by every criterion that it was compared by."""
    compared = {result.criterion for row in rows for turn in turns_of(row) for result in turn.results}
    criteria = {name: preference_figures(name, rows, bootstrap) for name in CRITERIA if name in compared}
    return ComparedFigures(baseline=baseline, criteria=criteria)


def preference_figures(criterion: Criterion, rows: Sequence[Preference], bootstrap: Bootstrap) -> PreferenceFigures:
    """The win rate by one criterion over all turns, instructions being drawn, and what became of every comparison."""
    found = win_rate(criterion, None, [turns_of(row) for row in rows], bootstrap, NOT_LENGTH_CONTROLLED)
    counts = {name: getattr(found, name) for name in (*OUTCOME_OF, "total")}
    return PreferenceFigures(**found.win_rate.model_dump(), **counts)


def counts_in(figure: str, criterion: Criterion, row: Preference) -> str | None:
    """Why no turn of a row counts in a figure; None: one does. ``figure`` is a field of PreferenceFigures."""
    outcomes = [outcome_of(criterion, turn) for turn in turns_of(row)]
    if figure in OUTCOME_OF:
        counts = OUTCOME_OF[figure] in outcomes
    elif figure == "total":
        counts = any(outcome is not None for outcome in outcomes)
    else:
        counts = any(preference_of(criterion, turn) is not None for turn in turns_of(row))
    return None if counts else outcomes[0] or "compared by other criteria"


def turns_of(row: Preference) -> tuple[Preference | LaterPreference, ...]:
    """The comparisons of every turn."""
    return (row, *row.later_turns)
