"""What is the same in several runs, row by row: its figures do not differ, and nothing is to be tested."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from urial.provenance.compare.records import Same
from urial.report.inputs import ContextInputs, ReportInputs, SystemInputs

Part = TypeVar("Part")


def same_in_all(runs: Sequence[ReportInputs]) -> Same:
    """The names of systems, comparisons with a baseline and base contexts whose rows no run has otherwise."""
    first, *others = runs
    if any(run.instructions != first.instructions for run in others):
        return Same()
    return Same(
        systems=_same([run.systems for run in runs], _same_rows),
        preferences=_same([run.preferences for run in runs], lambda one, other: list(one) == list(other)),
        token_shift=_same([run.contexts for run in runs], _same_measurement),
    )


def _same(runs: Sequence[Mapping[str, Part]], alike: Callable[[Part, Part], bool]) -> tuple[str, ...]:
    first, *others = runs
    return tuple(
        name for name, part in first.items() if all(name in other and alike(part, other[name]) for other in others)
    )


def _same_rows(one: SystemInputs, other: SystemInputs) -> bool:
    rows = ((list(side.prompts), list(side.completions), list(side.judgments)) for side in (one, other))
    return one.plan.prompt_label == other.plan.prompt_label and next(rows) == next(rows)


def _same_measurement(one: ContextInputs, other: ContextInputs) -> bool:
    return list(one.coverage) == list(other.coverage) and one.table.equals(other.table)
