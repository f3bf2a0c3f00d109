"""How often one system's answers are preferred to another's, with what became of every row."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from urial.records.estimate import Estimate
from urial.records.preference import Criterion, PreferenceStatus, Result
from urial.records.win_rates import LengthControl, WinRate
from urial.statistics.bootstrap import Bootstrap


class ComparedLike(Protocol):
    """What figures read of a preference, or of that of a later turn."""

    @property
    def status(self) -> PreferenceStatus: ...
    @property
    def results(self) -> Sequence[Result]: ...
    @property
    def characters(self) -> int | None: ...
    @property
    def baseline_characters(self) -> int | None: ...


def win_rate(
    criterion: Criterion,
    turn: int | None,
    rows: Sequence[Sequence[ComparedLike]],
    bootstrap: Bootstrap,
    length_control: LengthControl | str,
) -> WinRate:
    """The figures by one criterion: of each instruction the comparisons of the turn, or of all (None).

    Rows that were compared by other criteria alone do not count. ``length_control`` is that of the rows, or why there is none.
    """
    outcomes = Counter(outcome_of(criterion, row) for turns in rows for row in turns)
    del outcomes[None]
    preferences = [[preference_of(criterion, row) for row in turns] for turns in rows]
    known = [[value for value in turns if value is not None] for turns in preferences]
    values = np.array([value for turns in known for value in turns])
    mean = bootstrap.ratio([sum(turns) for turns in known], [len(turns) for turns in known])
    half = outcomes["tie"] + outcomes["inconsistent"]
    return WinRate(
        criterion=criterion,
        turn=turn,
        total=outcomes.total(),
        wins=outcomes["win"],
        ties=outcomes["tie"],
        losses=outcomes["loss"],
        inconsistent=outcomes["inconsistent"],
        invalid=outcomes["invalid"],
        no_completion=outcomes["no_completion"],
        no_baseline=outcomes["no_baseline"],
        win_rate=percent(mean),
        standard_error=100 * float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None,
        discrete_win_rate=_share(outcomes["win"] + half / 2, len(values)),
        win_share=_share(outcomes["win"], len(values)),
        loss_share=_share(outcomes["loss"], len(values)),
        characters=_mean([row.characters for turns in rows for row in turns]),
        baseline_characters=_mean([row.baseline_characters for turns in rows for row in turns]),
        length_control=length_control if isinstance(length_control, LengthControl) else None,
        no_length_control=length_control if isinstance(length_control, str) else None,
    )


def result_by(criterion: Criterion, row: ComparedLike) -> Result | None:
    """What follows for a criterion; None where the row was not compared by it."""
    return next((result for result in row.results if result.criterion == criterion), None)


def preference_of(criterion: Criterion, row: ComparedLike) -> float | None:
    """The preference for the system, mean over the orders; None: there is none."""
    result = result_by(criterion, row)
    return None if result is None else result.preference


def outcome_of(criterion: Criterion, row: ComparedLike) -> str | None:
    """The outcome, or why nothing was compared; None: compared by other criteria alone."""
    if row.status != "compared":
        return row.status
    result = result_by(criterion, row)
    return None if result is None else result.outcome


def percent(estimate: Estimate) -> Estimate:
    """A share in percent."""
    return Estimate(**{name: None if value is None else 100 * value for name, value in estimate.model_dump().items()})


def _share(part: float, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _mean(lengths: Sequence[int | None]) -> float | None:
    known = [length for length in lengths if length is not None]
    return sum(known) / len(known) if known else None
