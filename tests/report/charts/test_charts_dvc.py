"""What `dvc plots show` draws is, but for the rows that it puts in for itself, the specification of the stage report."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.imports import ROOT
from tests.report.charts.whole_run import whole_run
from tests.report.conftest import RUN, empty_run, figures_of
from urial.report.charts.every import NAMES, write_charts
from urial.report.charts.figure import DVC_MARK
from urial.report.inputs import ReportInputs

PLOTS = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text("utf-8"))["plots"]


def test_dvc_yaml_has_each_figure_with_the_column_that_it_shows() -> None:
    figures = figures_of(whole_run())
    path = "data/report/charts/{}.json"
    expected = [
        {name: {"template": path.format(name), "y": {path.format(name): figures[name].value}}} for name in NAMES
    ]
    assert expected == PLOTS


@pytest.mark.parametrize("run", [whole_run(), empty_run()], ids=["whole", "empty"])
def test_dvc_plots_show_draws_the_same(run: ReportInputs, tmp_path: Path) -> None:
    write_charts(list(figures_of(run).values()), RUN, tmp_path / "data/report/charts")
    with (tmp_path / "dvc.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump({"plots": PLOTS}, stream)
    subprocess.run(["dvc", "init", "--quiet", "--no-scm"], cwd=tmp_path, check=True)
    shown = subprocess.run(["dvc", "plots", "show"], cwd=tmp_path, check=True, capture_output=True, text=True)
    assert shown.stderr == ""
    page = (tmp_path / "dvc_plots/index.html").read_text("utf-8")
    drawn = {}
    for text in re.findall(r"^ *var spec = (.*);$", page, re.MULTILINE):
        made = json.loads(text)
        assert made["usermeta"]["dvc"][0]["rev"] == "workspace"
        made["usermeta"]["dvc"] = DVC_MARK
        drawn[made["usermeta"]["urial"]["name"]] = made
    folder = tmp_path / "data/report/charts"
    assert drawn == {path.stem: json.loads(path.read_text("utf-8")) for path in folder.iterdir()}
    assert sorted(drawn) == sorted(NAMES)
