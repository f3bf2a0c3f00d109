"""A summary of measurements as Markdown for people."""

from urial.core.tables import Table
from urial.report.shift_tables import (
    context_table,
    group_tables,
    label_table,
    log_odds_table,
    shifted_tokens_table,
    shifted_words_table,
)
from urial.statistics.tables import interval_caption, shift_table
from urial.token_shift.figures.records import ShiftSummary

NAMED = "measurement"


def shift_summary_text(summary: ShiftSummary, labels: bool, tokens: bool) -> str:
    """The tables of a summary, with what is needed to read them; those of labels and of tokens where asked for."""
    figures = summary.measurements
    more = ["base probability", "positions", "measured/instructions"]
    tables: list[Table | None] = [shift_table([NAMED], (([name], shift) for name, shift in figures.items()), more)]
    if labels:
        tables.append(label_table(figures, NAMED))
    if tokens:
        tables += [shifted_tokens_table(figures, NAMED), shifted_words_table(figures, NAMED)]
        tables.append(log_odds_table(figures, NAMED))
    tables.append(context_table(summary.comparisons, NAMED))
    if summary.by:
        tables += group_tables(summary.groups, summary.by, NAMED)
    return "\n".join([table.markdown() for table in tables if table] + [f"{_caption(summary)}\n"])


def _caption(summary: ShiftSummary) -> str:
    lines = []
    uncovered = [name for name, shift in summary.measurements.items() if shift.no_answer is None]
    if uncovered:
        lines.append(f"No coverage lies beside {', '.join(uncovered)}: what was not measured is not known.")
    if summary.other_answers:
        lines.append(
            f"Measured on other answers than {next(iter(summary.measurements))}, and so not compared with it: "
            f"{', '.join(summary.other_answers)}."
        )
    if any(shift.kl_lower_bound.positions for shift in summary.measurements.values()):
        lines.append("At least: KL is not known there, only that it is no less.")
    lines.append(interval_caption(summary.confidence, summary.resamples, summary.seed, "answers"))
    if summary.by and summary.untagged:
        lines.append(f"Measured instructions without a {summary.by}, in none of its tables: {summary.untagged:,}.")
    return "\n\n".join(lines)
