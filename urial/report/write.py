"""Writes a report's files."""

from pathlib import Path

from urial.report.build import build_report, main_metrics
from urial.report.charts import write_charts
from urial.report.inputs import ReportInputs
from urial.report.site import render_site
from urial.report.tables import (
    curve_table,
    later_turns_table,
    score_table,
    shift_table,
    shifted_tokens_table,
    tag_table,
)
from urial.store import write_json, write_text


def write_report(inputs: ReportInputs, out: Path) -> None:
    """report.json, metrics.json, tables/, charts/ and site/index.html under ``out``."""
    report = build_report(inputs)
    curve = curve_table(inputs)
    tables = {
        "scores": score_table(report),
        "token_shift": shift_table(report),
        "shifted_tokens": shifted_tokens_table(report),
        "token_shift_by_position": curve,
        "scores_by_tag": tag_table(inputs),
    }
    if (later := later_turns_table(report)) is not None:
        tables["later_turns"] = later
    write_json(out / "report.json", report)
    write_json(out / "metrics.json", main_metrics(report))
    for name, table in tables.items():
        write_text(out / "tables" / f"{name}.csv", table.csv())
        write_text(out / "tables" / f"{name}.md", table.markdown())
    charts = write_charts(report, curve, out / "charts")
    write_text(out / "site" / "index.html", render_site(inputs, report, charts))
