"""Tables of the token distribution shift by part of the text, thinking or answer, and of the moves of reasoning."""

from collections.abc import Mapping, Sequence

from urial.core.tables import Cell, Table
from urial.records.shift_figures import KindFigures, ShiftFigures
from urial.records.token_shift import Move
from urial.report.inputs import ReportInputs
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.tables import interval
from urial.token_shift.figures.parts import part_curves
from urial.token_shift.figures.positions import CATEGORIES

Figures = Mapping[str, ShiftFigures]
_POINTS = ("mean", "low", "high")


def part_table(figures: Figures, named: str = "base context") -> Table | None:
    """Shares and KL of thinking, tags and answers; None where nothing but answers was measured."""
    rows: list[Sequence[Cell]] = [
        [
            name, part, of.positions, *(interval(getattr(of, category), 100) for category in CATEGORIES),
            interval(of.share_of_shifted, 100), interval(of.kl),
        ]
        for name, shift in figures.items()
        for part, of in shift.parts.items()
    ]  # fmt: skip
    columns = [named, "part", "tokens", *(f"{name} %" for name in CATEGORIES), "share of all shifted %", "KL (nats)"]
    caption = "Tags are the marks around the thinking, with the blanks behind them."
    return Table("Thinking and answers", columns, rows, caption) if rows else None


def move_table(figures: Figures, named: str = "base context") -> Table | None:
    """How much of each move of reasoning is shifted, in all and by part; None where no phrase announces one."""
    rows: list[Sequence[Cell]] = []
    for name, shift in figures.items():
        wholes: list[tuple[str, Mapping[Move, KindFigures]]] = [("all", shift.moves)]
        for part, moves in [*wholes, *((part, of.moves) for part, of in shift.parts.items() if part != "tag")]:
            rows += [
                [name, part, move, of.positions, interval(of.shifted, 100), interval(of.share_of_shifted, 100)]
                for move, of in moves.items()
            ]
    columns = [named, "part", "move", "tokens", "shifted %", "share of all shifted %"]
    return Table("Moves of reasoning, by the phrases that announce them", columns, rows) if rows else None


def part_curve_table(inputs: ReportInputs) -> Table | None:
    """Means by position counted from the first of the thinking, and of the answer; None where there is no thinking."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    rows: list[Sequence[Cell]] = [
        [
            name, part, point.index, point.answers,
            *(getattr(of, end) for of in (point.shifted, point.kl) for end in _POINTS), point.positions, point.kl_positions,
        ]
        for name, context in inputs.contexts.items()
        for part, points in part_curves(context.table, bootstrap).items()
        for point in points
    ]  # fmt: skip
    measures = [f"{measure}{end}" for measure in ("shifted", "kl") for end in ("", "_low", "_high")]
    columns = ["base context", "part", "position", "answers", *measures, "positions", "kl_positions"]
    return Table("Token distribution shift by position in thinking and answer", columns, rows) if rows else None
