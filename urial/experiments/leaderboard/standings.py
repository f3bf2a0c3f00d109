"""Where each system of a setting stands: its rank, how sure that is, and from which others it cannot be told apart."""

from collections.abc import Sequence

import numpy as np

from urial.experiments.leaderboard.groups import letters
from urial.experiments.leaderboard.pairs import Scores, holm_of_pairs
from urial.experiments.leaderboard.ranks import Ranks, ranked
from urial.experiments.leaderboard.records import Measure, Standing
from urial.records.judgment import ASPECTS
from urial.records.leaderboard_entry import EntrySystem, scores_in
from urial.statistics.bootstrap import Bootstrap, Floats


def standings(systems: Sequence[EntrySystem], by: Measure, bootstrap: Bootstrap) -> list[Standing | None]:
    """The standing of each system of one setting; None for one without the score ``by``, and where no other has it.

    All scores are of the same instructions in the same order, by the same judge. Two systems differ where the corrected p-value of their
    test is below 1 - ``bootstrap.confidence``.
    """
    columns = [_columns(system, by) for system in systems]
    places = [place for place, values in enumerate(columns) if values is not None]
    found: list[Standing | None] = [None] * len(systems)
    if len(places) < 2:
        return found
    scores = Scores(_stacked([values for values in columns if values is not None]), pooled=by == "overall_pooled")
    ranks = ranked(scores, bootstrap)
    order = np.argsort(ranks.rank, kind="stable")
    level = 1 - bootstrap.confidence
    different = holm_of_pairs(scores, level, bootstrap.seed) < level
    for number, group in zip(order, letters(different[np.ix_(order, order)]), strict=True):
        found[places[number]] = _standing(ranks, int(number), group)
    return found


def _standing(ranks: Ranks, number: int, group: str) -> Standing:
    interval = ranks.interval
    return Standing(
        rank=int(ranks.rank[number]),
        low=None if interval is None else int(interval.low[number]),
        high=None if interval is None else int(interval.high[number]),
        best=None if interval is None else float(interval.best[number]),
        group=group,
    )


def _columns(system: EntrySystem, by: Measure) -> Floats | None:
    """The scores that a system is ranked by, (columns, instructions), NaN where there is none; None where a mean is over nothing."""
    if by == "overall_pooled":
        turns = [turn.get("overall") for turn in system.scores]
        texts = turns if len(turns) > 1 else []
    else:
        first = system.scores[0] if system.scores else {}
        texts = [first.get(aspect) for aspect in (ASPECTS if by == "average" else (by,))]
    if not texts or None in texts:
        return None
    values = np.array([scores_in(text) for text in texts if text is not None], float)
    known = ~np.isnan(values)
    return values if (known.any() if by == "overall_pooled" else known.any(axis=1).all()) else None


def _stacked(columns: Sequence[Floats]) -> Floats:
    """(systems, columns, instructions): a conversation can have fewer turns than another one."""
    most = max(len(values) for values in columns)
    stacked = np.full((len(columns), most, columns[0].shape[1]), np.nan)
    for place, values in enumerate(columns):
        stacked[place, : len(values)] = values
    return stacked
