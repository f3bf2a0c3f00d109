"""`urial trace` of what was edited, is not here, or is no run."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.provenance.tracing import edit, failed
from tests.provenance.written import write_lock, write_run
from tests.report.conftest import small_run


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small run, in which the command is run."""
    monkeypatch.chdir(tmp_path)
    return write_run(small_run(), tmp_path)


def test_an_edited_judgment_is_a_mismatch_that_names_its_file(run: Path) -> None:
    edit(run / "data/judgments/base.jsonl", '"score":1,', '"score":5,')
    assert failed("base.helpfulness") == (
        "Error: systems.base.helpfulness.mean: the report says 2.0, its rows give 3.3333333333333335\n"
        "  where: data/judgments/base.jsonl: differs from dvc.lock, so it was edited since the pipeline wrote it\n"
        "  expected: the same value, to the last bit\n"
        "  fix: bring back what was recorded: `dvc checkout --force data/judgments/base.jsonl`\n"
    )
    # Its other scores are the same, and the edit is shown.
    assert "data/judgments/base.jsonl: md5" in invoke("trace", "base.clarity").stdout
    assert ", differs from dvc.lock\n" in invoke("trace", "base.clarity").stdout


def test_an_edited_report_is_a_mismatch(run: Path) -> None:
    path = run / "data/report/report.json"
    report = json.loads(path.read_bytes())
    report["systems"]["base"]["clarity"]["mean"] = 2.0000000000000004
    path.write_text(json.dumps(report), "utf-8")
    assert failed("base.clarity") == (
        "Error: systems.base.clarity.mean: the report says 2.0000000000000004, its rows give 2.0\n"
        "  where: data/report/report.json: differs from dvc.lock, so it was edited since the pipeline wrote it\n"
        "  expected: the same value, to the last bit\n"
        "  fix: bring back what was recorded: `git checkout -- data/report/report.json`, or "
        "`dvc repro --force report`\n"
    )


def test_an_edited_plan_is_a_mismatch_that_names_its_folder(run: Path) -> None:
    edit(run / "data/plan/report.json", '"confidence": 0.95', '"confidence": 0.5')
    message = failed("aligned.helpfulness.low")
    assert "  where: data/plan: differs from dvc.lock, so it was edited since the pipeline wrote it\n" in message


def test_rows_and_lock_edited_together_are_still_a_mismatch(run: Path) -> None:
    edit(run / "data/judgments/base.jsonl", '"score":1,', '"score":5,')
    write_lock(run, ["aligned", "base"], ["base"])
    assert failed("base.helpfulness") == (
        "Error: systems.base.helpfulness.mean: the report says 2.0, its rows give 3.3333333333333335\n"
        "  where: the files are those of dvc.lock: they were made by other code or library versions, or edited together\n"
        "  expected: the same value, to the last bit\n"
        "  fix: run `urial verify`, and `dvc status` to see what changed since\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            '"score":1,', '"score":"five",',
            "Error: data/judgments/base.jsonl, line 1: field 'scores.0.score': input should be a valid number, got 'five'\n"
            "  expected: the record Judgment as in schemas/\n",
        ),
        (
            '"instruction_id":"r2"', '"instruction_id":"r9"',
            "Error: data/judgments/base.jsonl: 1 instructions have no row, first 'r2'\n"
            "  expected: one row an instruction, in their order\n  fix: run `dvc repro`\n",
        ),
    ],
)  # fmt: skip
def test_rows_that_are_none_say_where(run: Path, old: str, new: str, message: str) -> None:
    edit(run / "data/judgments/base.jsonl", old, new)
    assert failed("base.helpfulness") == message


def test_files_that_are_not_here_can_be_pulled(run: Path) -> None:
    shutil.rmtree(run / "data/judgments")
    (run / "data/prompts/base.jsonl").unlink()
    assert failed("base.helpfulness") == (
        "Error: data/judgments/base.jsonl: not here, and 1 more\n"
        "  where: .\n"
        "  expected: the files that the value was computed from\n"
        "  fix: run `dvc pull data/judgments/base.jsonl data/prompts/base.jsonl`, or compute them with `dvc repro`\n"
    )


def test_a_folder_without_a_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert failed("seed") == "Error: .: no run: it has no dvc.yaml\n  fix: go to the top folder of the project\n"
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    assert failed("seed") == (
        "Error: data/report/report.json: no report yet\n"
        "  fix: run `dvc repro`, or `git checkout` and `dvc pull` of a run that has one\n"
    )


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{" * 100_000, b'{"systems": 1}', b"null"])
def test_a_report_that_is_none_says_so(run: Path, data: bytes) -> None:
    (run / "data/report/report.json").write_bytes(data)
    assert failed("seed").startswith("Error: data/report/report.json: ")
