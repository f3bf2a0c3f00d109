"""How one system's scores change between two runs, on the instructions of both."""

from collections.abc import Sequence

from urial.provenance.compare.records import ComparedSystem, ScoreDifference
from urial.records.judgment import ASPECTS, Judgment
from urial.statistics.bootstrap import Bootstrap, holm
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


def with_holm(systems: Sequence[ComparedSystem]) -> tuple[ComparedSystem, ...]:
    """The systems with p-values corrected for all tests of all of them."""
    corrected = iter(holm([item.p for system in systems for item in system.differences]))
    return tuple(
        system.model_copy(
            update={
                "differences": tuple(item.model_copy(update={"p_holm": next(corrected)}) for item in system.differences)
            }
        )
        for system in systems
    )


def _columns(rows: Sequence[Judgment]) -> Columns:
    return {aspect: scores_of(aspect, rows) for aspect in ASPECTS}
