"""A run that has every figure, as the stage report wrote it, and its files for a paper."""

from pathlib import Path

import pytest

from tests.report.charts.whole_run import whole_run
from urial.exchange.figures.files import Chosen, Written, write_figures
from urial.report.write import write_report


@pytest.fixture(scope="package")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the run's outputs, of which only the report is there."""
    folder = tmp_path_factory.mktemp("run") / "data"
    write_report(whole_run(), folder / "report")
    return folder


@pytest.fixture(scope="package")
def paper(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Written]:
    """All figures and tables, with the paper's own rows; what was written."""
    folder = tmp_path_factory.mktemp("paper")
    return folder, write_figures(data, folder, Chosen(reference=True))
