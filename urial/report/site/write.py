"""Writes the site: the pages, the assets they use, and the data files that their scripts load."""

from collections.abc import Mapping
from pathlib import Path

from urial.core.store import write_bytes, write_text
from urial.core.tables import Table
from urial.records.report import Report
from urial.report.charts.every import Picture
from urial.report.inputs import ReportInputs
from urial.report.shift_tables import TagShifts
from urial.report.site.data import write_data_files
from urial.report.site.data_files import as_json, write_data
from urial.report.site.pages import render_pages

ASSETS = Path(__file__).parent / "assets"


def write_site(
    inputs: ReportInputs,
    report: Report,
    charts: Mapping[str, Picture],
    tagged: TagShifts,
    *,
    scores_by_tag: Table | None,
    folder: Path,
) -> None:
    """All files of the site under ``folder``. ``charts`` are those of charts.every.write_charts."""
    pages, origins = render_pages(inputs, report, charts, tagged, scores_by_tag)
    for name, html in pages.items():
        write_text(folder / name, html)
    write_data(folder, "origins", as_json(origins))
    for asset in sorted(ASSETS.iterdir()):
        write_bytes(folder / "assets" / asset.name, asset.read_bytes())
    write_data_files(folder, inputs, report)
