"""What the site's panel says of a number is what `urial trace` says of it: how it is made, by which function, of which files."""

from pathlib import Path

import pytest

from tests.provenance.written import write_run
from tests.report.known_runs import known_run
from tests.report.preference_runs import compared_run
from tests.report.shift_runs import served_run
from tests.report.site.rendered import Page, rendered
from tests.report.test_report_turns import later, with_later
from urial.core.store import read_json
from urial.provenance.trace.pointers import resolve
from urial.provenance.trace.rows import TraceReader
from urial.provenance.trace.tracing import figure_of
from urial.records.report import Report
from urial.report.inputs import ReportInputs
from urial.run.lockfile import Lock


@pytest.mark.parametrize("run", [with_later(compared_run(), [later("more")]), served_run(), known_run()])
def test_the_panel_says_of_every_number_what_trace_says(run: ReportInputs, tmp_path: Path) -> None:
    write_run(run, tmp_path)
    report = read_json(tmp_path / "data/report/report.json", Report)
    pages, data = rendered(run, charts={})
    lock, reader, document = Lock.read(tmp_path), TraceReader(tmp_path / "data"), report.model_dump(mode="json")
    numbers = [number["data-pointer"] for html in pages.values() for number in Page(html).numbers]
    assert len(numbers) > 100
    for pointer in dict.fromkeys(numbers):
        origin = data["origins"][data["numbers"][pointer]]
        figure = figure_of(reader, lock, report, resolve(document, pointer))
        assert data["texts"][origin["how"]] == figure.how(), pointer
        assert data["texts"][origin["function"]] == figure.function, pointer
        assert [data["texts"][place] for place in origin["files"]] == list(figure.files), pointer
