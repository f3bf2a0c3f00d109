"""Stage report: all of data/ -> data/report/: figures, tables, charts and the page."""

from pathlib import Path

from stages import record_environment, stage
from urial.report.inputs import read_inputs
from urial.report.write import write_report
from urial.run.paths import REPORT_FOLDER
from urial.run.reader import RunReader


@stage
def main() -> None:
    """Summarize the run."""
    write_report(read_inputs(RunReader()), Path(REPORT_FOLDER))
    record_environment("report")


if __name__ == "__main__":
    main()
