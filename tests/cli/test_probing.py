"""`urial probe` on the run of record, and on what is no run."""

import csv
import io
import json
from pathlib import Path

import pytest

import urial
from tests.cli.commands import invoke
from tests.clones import Clone
from urial.experiments.probing.tables import COLUMNS
from urial.records.probing import Probing
from urial.records.report import Report


@pytest.fixture
def record(record_clone: Clone, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(record_clone.folder)
    return record_clone.folder


def test_the_run_of_record_has_other_prompts_beside_one(record: Path, tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    done = invoke("probe", "--against", "base-urial", "--json", "--chart", chart)
    assert done.exit_code == 0, done.output
    probing = Probing.model_validate_json(done.stdout)
    (prompt,) = probing.prompts
    found = {variant.label: variant for variant in prompt.variants}
    assert set(found) == {
        "full prompt", "zero-shot", "vanilla-k3", "retrieval-k3", "urial-k3-b", "urial-k0", "urial-k1", "urial-k8",
    }  # fmt: skip
    report = Report.model_validate_json((record / "data/report/report.json").read_bytes())
    for label, name in (("full prompt", "base-urial"), ("zero-shot", "base-zero-shot")):
        figures = report.systems[name]
        for measure in ("average", "words"):
            shown, wanted = found[label].measures[measure], getattr(figures, measure)
            assert (shown.mean, shown.low, shown.high) == (wanted.mean, wanted.low, wanted.high)
    (explained,) = [comparison.explained for comparison in report.context_comparisons]
    measured = found["full prompt"].measures["explained"]
    assert (measured.mean, measured.low, measured.high) == (explained.mean, explained.low, explained.high)
    # Without examples style is lost, and nothing known.
    none = found["urial-k0"].differences
    assert (none["depth"].high or 0) < -2
    assert none["depth"].p_holm is not None
    assert none["depth"].p_holm < 0.01
    assert none["factuality"].p_holm == 1.0
    assert chart.read_bytes().startswith(b"<svg")
    assert "already exists" in invoke("probe", "--against", "base-urial", "--chart", chart).output


def test_csv_and_a_data_frame_have_the_same_rows_of_the_same_run_in_a_folder(record: Path) -> None:
    read = list(csv.DictReader(io.StringIO(invoke("probe", record, "--against", "base-urial", "--csv").stdout)))
    table = urial.probe(against="base-urial")
    assert list(read[0]) == list(table.columns) == list(COLUMNS)
    assert [row["measure"] for row in read] == list(table.measure)
    assert [float(row["mean"]) for row in read if row["mean"]] == list(table["mean"].dropna())
    assert r"\begin{table*}" in invoke("probe", "--against", "base-urial", "--latex").stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no prompt of the run has several variants, and no system has several samples"),
        (("--against", "base-urail"), "the run has no system 'base-urail'\n  fix: did you mean 'base-urial'?"),
        (("nowhere",), "nowhere"),
        (("--json", "--csv"), "Name one of --json, --csv and --latex."),
        (("--chart", "x.jpg"), "'x.jpg': no format of a chart"),
    ],
)
def test_what_cannot_be_shown_is_said(record: Path, arguments: tuple[str, ...], message: str) -> None:
    done = invoke("probe", *arguments)
    assert done.exit_code != 0
    assert message in done.output
    assert record.is_dir()
    assert "Traceback" not in done.output


def test_a_systems_json_is_read_back_whole(record: Path) -> None:
    found = json.loads(invoke("probe", "--against", "base-urial-k0", "--json", "--aspect", "depth").stdout)
    assert (found["aspect"], found["prompts"][0]["prompt"]) == ("depth", "microworld/urial-k0")
    assert record.is_dir()
