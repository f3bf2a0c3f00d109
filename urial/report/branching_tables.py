"""The tables of the branching factor: of each base context and of the aligned model, in all and along the answers."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from urial.core.tables import Cell, Table, show
from urial.records.base import Role
from urial.records.shift_figures import ShiftFigures
from urial.report.inputs import ReportInputs
from urial.report.shift_tables import CONTEXT, Figures
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.tables import interval
from urial.token_shift.figures.branching import (
    NOT_KNOWN,
    BranchingPoint,
    branching_curve,
    relative_branching_curve,
)

if TYPE_CHECKING:
    import pyarrow as pa

EXPLAINED = (
    "exp of the mean entropy a token: how many equally likely next tokens have the same entropy. All along the measured "
    "answers, which both models read; a model that goes on from its prompt by itself (arXiv 2506.17871) branches along another text."
)


def branching_table(figures: Figures, named: str = CONTEXT) -> Table:
    """The factor of the base model behind each context's prompt, and of the aligned model."""
    rows: list[Sequence[Cell]] = [
        [name, *(branching_text(shift, role) for role in ("base", "aligned")), shift.positions]
        for name, shift in figures.items()
    ]
    unknown = any(shift.positions and len(shift.branching) < 2 for shift in figures.values())
    missing = f" Not known: {NOT_KNOWN}." if unknown else ""
    title, columns = "Branching factor", [named, "base model", "aligned model", "positions"]
    return Table(title, columns, rows, f"Branching factor: {EXPLAINED}{missing}")


def branching_text(shift: ShiftFigures, role: Role) -> str:
    """A factor with its interval; of how many positions, where not of all."""
    factor = shift.branching.get(role)
    if factor is None:
        return show(None)
    over = "" if factor.positions == shift.positions else f" over {factor.positions:,} positions"
    return f"{interval(factor)}{over}"


def branching_curve_tables(inputs: ReportInputs) -> tuple[Table, Table]:
    """The factor by position in the answer, and by tenth of it, the first of which is 1: of each context, then of the aligned
    model, as measured beside the first context of the same answers that knows its entropies.
    """
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    columns = ["answers", "branching", "branching_low", "branching_high", "positions"]

    def table(
        title: str, place: str, points_of: Callable[["pa.Table", Role, Bootstrap], Sequence[BranchingPoint]], first: int
    ) -> Table:
        rows: list[Sequence[Cell]] = [
            [
                name, first + point.index, point.answers, point.branching.mean, point.branching.low, point.branching.high,
                point.positions,
            ]
            for name, measured, role in _distributions(inputs)
            for point in points_of(measured, role, bootstrap)
        ]  # fmt: skip
        return Table(f"Branching factor by {title}", ["system", place, *columns], rows)

    return (
        table("position", "position", branching_curve, 0),
        table("tenth of the answer", "tenth", relative_branching_curve, 1),
    )


def _distributions(inputs: ReportInputs) -> Iterator[tuple[str, "pa.Table", Role]]:
    """The system that each distribution is of, the table with its entropies, and its model."""
    for name, context in inputs.contexts.items():
        yield name, context.table, "base"
    given, done = {row.name for row in inputs.plan.given}, set[tuple[str, str]]()
    for name, context in inputs.contexts.items():
        answers, system = read = inputs.plan.read.get(name, ("", "aligned"))
        if read not in done and context.table["aligned_entropy"].null_count < len(context.table):
            done.add(read)
            yield (f"{system}, {name}" if name in given and answers != system else system), context.table, "aligned"
