"""Figures of several measurements, in one record: several aligned models over one base, or several contexts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from urial.records.instruction import Instruction
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import PERMUTATIONS, with_holm
from urial.statistics.tags import known_instructions, required_tags
from urial.token_shift.figures.paired import compare_measurements, pair
from urial.token_shift.figures.records import ShiftSummary
from urial.token_shift.figures.summary import summarize, tag_shifts
from urial.token_shift.figures.tokens import TOP_SHIFTED
from urial.token_shift.files.measurements import Measurement


@dataclass(frozen=True)
class ShiftOptions:
    """What a summary of measurements shows."""

    by: Literal["task", "topic"] | None = None
    # Tokens and words in each list, at most.
    top: int = TOP_SHIFTED


def summarize_measurements(
    measurements: Sequence[Measurement],
    instructions: Sequence[Instruction] | None,
    options: ShiftOptions,
    bootstrap: Bootstrap,
) -> ShiftSummary:
    """Figures of each measurement, and the first against every other one of the same answers.

    ``instructions`` are needed for tags; None: there are none. Raises UrialError where they are missing.
    """
    first, *others = measurements
    same = [other for other in others if _same_answers(first, other)]
    compared = [compare_measurements((first.name, other.name), (first.table, other.table), bootstrap) for other in same]
    files = {name: measurement.path for measurement in reversed(measurements) for name in measurement.instruction_ids}
    tagged: dict[str, set[str]] = {}
    if options.by:
        known = None if instructions is None else known_instructions(files, instructions, "measured")
        tagged = required_tags(None if known is None else [known[name] for name in files], options.by, "measured")
    shifts = {measurement.name: tag_shifts(measurement.table, tagged, bootstrap) for measurement in measurements}
    return ShiftSummary(
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
        measurements={
            measurement.name: summarize(measurement.table, measurement.coverage, bootstrap, options.top)
            for measurement in measurements
        },
        by=options.by,
        groups={tag: {name: by_name[tag] for name, by_name in shifts.items()} for tag in tagged},
        untagged=len(files.keys() - set().union(*tagged.values())) if options.by else 0,
        comparisons=with_holm(tuple(compared)),
        other_answers=tuple(other.name for other in others if other not in same),
    )


def _same_answers(first: Measurement, second: Measurement) -> bool:
    """Whether no position that both measured has another token, and there is such a position."""
    both = pair(first.table, second.table)
    return not both.different and len(both.first) > 0
