"""Writes a report's files."""

from pathlib import Path

from urial.core.store import write_json, write_text
from urial.core.tables import Table
from urial.report import shift_tables, tables
from urial.report.build import build_report, main_metrics
from urial.report.charts import write_charts
from urial.report.inputs import ReportInputs
from urial.report.site import render_site


def write_report(inputs: ReportInputs, out: Path) -> None:
    """report.json, metrics.json, tables/, charts/ and site/index.html under ``out``."""
    report = build_report(inputs)
    by_position, by_tenth = shift_tables.curve_tables(inputs)
    shift, tagged = report.token_shift, shift_tables.shifts_by_tag(inputs)
    tokens, words = shift_tables.shifted_tables(shift)
    written: dict[str, Table | None] = {
        "scores": tables.score_table(report),
        "scores_by_tag": tables.tag_table(inputs),
        "later_turns": tables.later_turns_table(report),
        "token_shift": tables.shift_table(report),
        "token_shift_means": shift_tables.divergence_table(shift),
        "token_shift_coverage": shift_tables.coverage_table(shift),
        "token_shift_contexts": shift_tables.context_table(report.context_comparisons),
        "token_shift_labels": shift_tables.label_table(shift),
        "token_shift_by_tag": shift_tables.shift_tag_table(tagged),
        "token_shift_by_position": by_position,
        "token_shift_by_tenth": by_tenth,
        "shifted_tokens": tokens,
        "shifted_words": words,
        "shifted_log_odds": shift_tables.log_odds_table(shift),
    }
    write_json(out / "report.json", report)
    write_json(out / "metrics.json", main_metrics(report))
    for name, table in written.items():
        if table is not None:
            write_text(out / "tables" / f"{name}.csv", table.csv())
            write_text(out / "tables" / f"{name}.md", table.markdown())
    charts = write_charts(report, (by_position, by_tenth), out / "charts")
    write_text(out / "site" / "index.html", render_site(inputs, report, charts, tagged))
