"""How one system's scores change between two runs, on the instructions of both."""

from collections.abc import Sequence

from urial.provenance.compare.records import ScoreDifference
from urial.records.judgment import ASPECTS, Judgment
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import Columns, paired_differences
from urial.statistics.scores import scores_of


def score_differences(
    judgments: tuple[Sequence[Judgment], Sequence[Judgment]],
    places: Sequence[tuple[int, int]],
    run: str,
    bootstrap: Bootstrap,
) -> list[ScoreDifference]:
    """The second run minus the first on every aspect and on the average; p-values are not yet corrected.

    ``places`` are those of the same instruction in both.
    """
    first, here = (_columns([rows[pair[side]] for pair in places]) for side, rows in enumerate(judgments))
    # The first of the two names is what the second is subtracted from.
    found = paired_differences({"here": here, "first": first}, bootstrap)
    return [
        ScoreDifference(
            run=run, aspect=item.aspect, n=item.n, mean=item.mean, low=item.low, high=item.high, p=item.p, p_holm=None
        )
        for item in found
    ]  # fmt: skip


def _columns(rows: Sequence[Judgment]) -> Columns:
    return {aspect: scores_of(aspect, rows) for aspect in ASPECTS}
