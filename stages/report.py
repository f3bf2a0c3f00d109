"""Stage report: all of data/ -> data/report/: figures, tables, charts and the page."""

from stages import DATA, record_environment, stage
from urial.report.inputs import read_inputs
from urial.report.write import write_report


@stage
def main() -> None:
    """Summarize the run."""
    write_report(read_inputs(DATA), DATA / "report")
    record_environment("report")


if __name__ == "__main__":
    main()
