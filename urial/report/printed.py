"""A report's main tables as the command line prints them and the README shows them."""

from urial.records.report import Report
from urial.report.shift_tables import context_table
from urial.report.tables import later_turns_table, score_table, shift_table


def report_text(report: Report) -> str:
    """What `urial report` prints: Markdown tables, each with its heading."""
    tables = [
        score_table(report),
        later_turns_table(report),
        shift_table(report),
        context_table(report.context_comparisons),
    ]
    return "\n".join(table.markdown() for table in tables if table)
