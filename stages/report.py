"""Stage report: all of data/ -> data/report/: figures, tables, charts and the page."""

from pathlib import Path

import click

from stages import record_environment, stage
from urial.core.progress import waiting
from urial.report.inputs import read_inputs
from urial.report.write import write_report
from urial.run.paths import REPORT_FOLDER
from urial.run.reader import RunReader, remove_former_files


@stage
def main() -> None:
    """Summarize the run."""
    run = RunReader()
    for path in remove_former_files(run):
        click.echo(f"removed {path}: of no system of this run; DVC's cache keeps it")
    with waiting("figures, tables, charts and the page"):
        write_report(read_inputs(run), Path(REPORT_FOLDER))
    record_environment("report")


if __name__ == "__main__":
    main()
