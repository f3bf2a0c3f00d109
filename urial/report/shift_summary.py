"""A summary of measurements as text: what `urial token-shift summarize` prints."""

from collections.abc import Sequence
from dataclasses import dataclass

from urial.core.tables import Cell, Table
from urial.report.part_tables import move_table, part_table
from urial.report.position_tables import position_tables
from urial.report.shift_tables import MEASUREMENT, context_table, label_table, log_odds_table, shifted_tables
from urial.statistics.tables import interval, interval_caption, shift_table
from urial.token_shift.figures.positions import CATEGORIES
from urial.token_shift.figures.summary import ShiftSummary


@dataclass(frozen=True)
class ShownTables:
    """Which tables are shown besides the shares."""

    labels: bool = False
    tokens: bool = False
    positions: bool = False


def shift_summary_text(summary: ShiftSummary, shown: ShownTables) -> str:
    """The tables of a summary, with what is needed to read them."""
    figures = summary.measurements
    more = ["base probability", "positions", "measured/instructions"]
    tables: list[Table | None] = [shift_table([MEASUREMENT], (([name], figures[name]) for name in figures), more)]
    if shown.labels:
        tables += [label_table(figures, MEASUREMENT), move_table(figures, MEASUREMENT)]
    tables.append(part_table(figures, MEASUREMENT))
    if shown.tokens:
        tables += [*shifted_tables(figures, MEASUREMENT), log_odds_table(figures, MEASUREMENT)]
    if shown.positions:
        tables += position_tables(figures, MEASUREMENT).values()
    tables.append(context_table(summary.comparisons, MEASUREMENT))
    for tag, shifts in (summary.groups if summary.by else {}).items():
        rows: list[Sequence[Cell]] = [
            [name, *(interval(getattr(shift, key), 100) for key in CATEGORIES), shift.positions, shift.answers]
            for name, shift in shifts.items()
        ]
        columns = [MEASUREMENT, *(f"{name} %" for name in CATEGORIES), "positions", "answers"]
        tables.append(Table(f"Token distribution shift: {summary.by} {tag}", columns, rows))

    lines = []
    if uncovered := [name for name, shift in figures.items() if shift.no_answer is None]:
        lines.append(f"No coverage lies beside {', '.join(uncovered)}: what was not measured is not known.")
    lines += [f"{name} is of the answers of {answers}." for name, answers in summary.given.items()]
    if summary.other_answers:
        lines.append(
            f"Measured on other answers than {next(iter(figures))}, and so not compared with it: "
            f"{', '.join(summary.other_answers)}."
        )
    if any(shift.kl_lower_bound.positions for shift in figures.values()):
        lines.append("At least: KL is not known there, only that it is no less.")
    lines.append(interval_caption(summary.confidence, summary.resamples, summary.seed, "answers"))
    if summary.by and summary.untagged:
        lines.append(f"Measured instructions without a {summary.by}, in none of its tables: {summary.untagged:,}.")
    return "\n".join([*(table.markdown() for table in tables if table), "\n\n".join(lines) + "\n"])
