"""Figures of several measurements, in one record: several aligned models over one base, or several contexts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from urial.core.errors import UrialError, shorten
from urial.records.instruction import Instruction
from urial.statistics.bootstrap import PERMUTATIONS, Bootstrap
from urial.statistics.paired import with_holm
from urial.token_shift.figures.paired import compare, pair
from urial.token_shift.figures.records import ShiftSummary, TagShift
from urial.token_shift.figures.summary import summarize
from urial.token_shift.figures.tags import TagKind, by_tag, tag_shifts
from urial.token_shift.figures.tokens import TOP_SHIFTED
from urial.token_shift.files.measurements import Measurement


@dataclass(frozen=True)
class ShiftOptions:
    """What a summary of measurements shows."""

    by: TagKind | None = None
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
    same = [item for item in others if _same_answers(first, item)]
    by = options.by
    tagged = {} if by is None else by_tag(_known(measurements, instructions, by), by)
    compared = [compare((first.name, item.name), (first.table, item.table), bootstrap) for item in same]
    return ShiftSummary(
        confidence=bootstrap.confidence,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
        permutations=PERMUTATIONS,
        measurements={item.name: summarize(item.table, item.coverage, bootstrap, options.top) for item in measurements},
        by=by,
        groups=_groups(measurements, tagged, bootstrap),
        untagged=0 if by is None else len(_ids(measurements).keys() - set().union(*tagged.values())),
        comparisons=with_holm(tuple(compared)),
        other_answers=tuple(item.name for item in others if item.name not in {found.name for found in same}),
    )


def _same_answers(first: Measurement, second: Measurement) -> bool:
    """Whether no position that both measured has another token, and there is such a position."""
    both = pair(first.table, second.table)
    return not both.different and len(both.first) > 0


def _ids(measurements: Sequence[Measurement]) -> dict[str, Measurement]:
    """The measured instructions, each with a measurement that has it."""
    return {name: item for item in reversed(measurements) for name in item.table["instruction_id"].unique().to_pylist()}


def _known(
    measurements: Sequence[Measurement], instructions: Sequence[Instruction] | None, by: TagKind
) -> list[Instruction]:
    """The measured instructions. Raises UrialError where they are not known, or none has a tag."""
    if instructions is None:
        raise UrialError(
            f"measurements do not say the {by} of an instruction",
            fix="name the instructions that were measured with --instructions FILE",
        )
    known = {row.id: row for row in instructions}
    measured = _ids(measurements)
    lost = [(name, item) for name, item in measured.items() if name not in known]
    if lost:
        raise UrialError(
            f"{lost[0][1].path}: measured instructions that the file of instructions does not have: {len(lost):,}, "
            f"first {shorten(lost[0][0])}",
            fix="name the instructions that were measured with --instructions FILE",
        )
    found = [known[name] for name in measured]
    if not any(getattr(row, by) for row in found):
        raise UrialError(f"no instruction that was measured has a {by}", fix="name a file of instructions with tags")
    return found


def _groups(
    measurements: Sequence[Measurement], tagged: Mapping[str, set[str]], bootstrap: Bootstrap
) -> dict[str, dict[str, TagShift]]:
    shifts = {item.name: tag_shifts(item.table, tagged, bootstrap) for item in measurements}
    return {tag: {name: found[tag] for name, found in shifts.items()} for tag in tagged}
