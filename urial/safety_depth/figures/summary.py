"""All figures of safety depth of a run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from urial.records.base import Name
from urial.records.params.safety_depth import GivenKind
from urial.records.plans import PlannedDepth
from urial.records.safety_depth import SafetyDepthFigures
from urial.records.token_shift import ShiftMeasurement
from urial.safety_depth.figures.positions import positions_of
from urial.safety_depth.figures.rates import Row, rates_of
from urial.statistics.bootstrap import Bootstrap

if TYPE_CHECKING:
    import pyarrow as pa


class AskedLike(Protocol):
    """What figures read of an Instruction."""

    @property
    def id(self) -> str: ...
    @property
    def category(self) -> str: ...


def safety_ids(instructions: Sequence[AskedLike]) -> list[str]:
    """The instructions that take part."""
    return [row.id for row in instructions if row.category == "safety"]


def along_given(plan: PlannedDepth, measurements: Sequence[ShiftMeasurement]) -> list[Name]:
    """The measurements of the texts that answers are begun with."""
    return [row.name for row in measurements if row.answers in plan.answers.values()]


def given_counts(plan: PlannedDepth, rows: Sequence[Row]) -> dict[GivenKind, int]:
    """Instructions with a given text, by its kind: of one system's rows, since all systems are given the same."""
    return {
        kind: len({row.answer.instruction_id for row in rows if row.answer.answers == kind}) for kind in plan.answers
    }


def safety_depth_figures(
    plan: PlannedDepth,
    instructions: Sequence[AskedLike],
    rows: Mapping[Name, Sequence[Row]],
    tables: "Mapping[Name, pa.Table]",
    bootstrap: Bootstrap,
) -> SafetyDepthFigures | None:
    """``rows`` are by system, ``tables`` those of the measurements ``along_given``; None: no texts are given."""
    if not plan.answers:
        return None
    ids, kinds = safety_ids(instructions), tuple(plan.answers)
    most = max(plan.tokens)
    return SafetyDepthFigures(
        instructions=len(ids),
        others=len(instructions) - len(ids),
        given=given_counts(plan, next(iter(rows.values()), ())),
        systems={name: rates_of(found, kinds, plan.tokens, bootstrap) for name, found in rows.items()},
        positions={name: positions_of(table, ids, most, bootstrap) for name, table in tables.items()},
    )
