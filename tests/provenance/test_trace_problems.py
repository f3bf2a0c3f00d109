"""`urial trace` of what was edited, is not here, or is no run."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.commands import invoke, no_project
from tests.provenance.tracing import edit, failed
from tests.provenance.written import write_lock, write_run
from tests.report.conftest import small_run
from urial.provenance.trace.records import Trace


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


def edited_files(output: str) -> list[str]:
    """Those beside which a tree says so."""
    return [
        line.split(":")[0].lstrip("│├└─ ") for line in output.splitlines() if line.endswith("differs from dvc.lock")
    ]


@pytest.mark.parametrize(
    ("path", "old", "new", "restored"),
    [
        ("data/judgments/base.jsonl", '"score":1,', '"score":5,', "data/judgments/base.jsonl"),
        ("data/generations/base.jsonl", "two words", "FORGED ANSWER", "data/generations/base.jsonl"),
        ("data/prompts/base.jsonl", '"text":"p"', '"text":"forged"', "data/prompts/base.jsonl"),
        ("data/plan/systems/base.json", "ab" * 32, "0" * 64, "data/plan"),
        ("data/plan/judge.json", '"name": "rules"', '"name": "other"', "data/plan"),
        ("data/models/aligned/manifest.json", '"files": {', '"files": {"forged": "sha256:' + "0" * 64 + '", ', "data/models/aligned"),
        ("data/instructions.jsonl", "Query r4?", "Forged?", "data/instructions.jsonl"),
    ],
)  # fmt: skip
def test_an_edit_that_leaves_the_number_is_shown_and_told(
    run: Path, path: str, old: str, new: str, restored: str
) -> None:
    edit(run / path, old, new)
    result = invoke("trace", "base.clarity")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: systems.base.clarity.mean: recomputed the same, but what is shown with it is not all as the pipeline "
        f"wrote it\n  where: {restored}: differs from dvc.lock, so it was edited since the pipeline wrote it\n"
        "  expected: every file as dvc.lock records it\n"
        f"  fix: bring back what was recorded: `dvc checkout --force {restored}`\n",
    )
    assert "recomputed: the same, to the last bit" in result.stdout
    shown = edited_files(result.stdout)
    assert path in shown
    assert all(item.startswith(restored) for item in shown)
    found = invoke("trace", "base.clarity", "--json")
    assert (found.exit_code, found.stderr) == (1, result.stderr)
    record = Trace.model_validate(json.loads(found.stdout), strict=False)
    assert record.edited == [restored]


def test_another_number_of_an_edited_report_is_told(run: Path) -> None:
    edit(run / "data/report/report.json", '"seed": 0', '"seed": 1')
    edit(run / "data/judgments/base.jsonl", '"rationale":"seen"', '"rationale":"forged"')
    result = invoke("trace", "base.clarity")
    assert (result.exit_code, result.stderr) == (
        1,
        "Error: systems.base.clarity.mean: recomputed the same, but what is shown with it is not all as the pipeline "
        "wrote it\n  where: data/judgments/base.jsonl, data/report/report.json: differs from dvc.lock, so it was edited "
        "since the pipeline wrote it\n  expected: every file as dvc.lock records it\n"
        "  fix: bring back what was recorded: `dvc checkout --force data/judgments/base.jsonl`; "
        "`git checkout -- data/report/report.json`, or `dvc repro --force report`\n",
    )
    assert edited_files(result.stdout) == ["data/judgments/base.jsonl", "data/report/report.json"]


def test_files_that_dvc_lock_does_not_name_are_told_apart(run: Path) -> None:
    lock = json.loads((run / "dvc.lock").read_bytes())
    lock["stages"] = {"judge@base": {**lock["stages"]["judge@base"], "deps": []}}
    (run / "dvc.lock").write_text(json.dumps(lock), "utf-8")
    result = invoke("trace", "base.clarity")
    assert (result.exit_code, result.stderr) == (0, "")
    states = [line.split(", ", 1)[1] for line in result.stdout.splitlines() if ": md5 " in line and "wrote" not in line]
    assert states == [*["not recorded in dvc.lock"] * 2, "as in dvc.lock", *["not recorded in dvc.lock"] * 7]


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
            "  expected: the record Judgment as in schemas/\n"
            "  fix: edited by hand or swapped: dvc checkout --force data/judgments/base.jsonl; to compute it again: "
            "dvc repro\n",
        ),
        (
            '"instruction_id":"r2"', '"instruction_id":"r9"',
            "Error: data/judgments/base.jsonl: 1 instruction has no row, first 'r2'\n"
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
        "  expected: the files that the value was computed from\n"
        "  fix: run `dvc pull data/judgments/base.jsonl data/prompts/base.jsonl`; or compute them: `dvc checkout --allow-missing`, then `dvc repro`\n"
    )


def test_all_files_that_are_not_here_are_named_at_once_also_without_a_plan(run: Path) -> None:
    shutil.rmtree(run / "data/plan")
    shutil.rmtree(run / "data/judgments")
    assert failed("base.helpfulness") == (
        "Error: data/plan/report.json: not here, and 4 more\n"
        "  expected: the files that the value was computed from\n"
        "  fix: run `dvc pull data/plan/report.json data/judgments/base.jsonl data/plan/instructions.json "
        "data/plan/judge.json data/plan/systems/base.json`; or compute them: `dvc checkout --allow-missing`, then `dvc repro`\n"
    )
    # The systems of a measurement are then known by report and dvc.lock.
    assert failed("token_shift.base.kl").splitlines()[-1] == (
        "  fix: run `dvc pull data/plan/report.json data/plan/instructions.json data/plan/judge.json "
        "data/plan/systems/aligned.json data/plan/systems/base.json`; or compute them: `dvc checkout --allow-missing`, then `dvc repro`"
    )


def test_a_folder_without_a_run_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert failed("seed") == no_project(tmp_path)
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    assert failed("seed") == (
        "Error: data/report/report.json: no report yet\n"
        "  fix: run `dvc repro`, or `git checkout` and `dvc pull` of a run that has one\n"
    )


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{" * 100_000, b'{"systems": 1}', b"null"])
def test_a_report_that_is_none_says_so(run: Path, data: bytes) -> None:
    (run / "data/report/report.json").write_bytes(data)
    said = failed("seed")
    assert said.startswith("Error: data/report/report.json: ")
    assert said.endswith(
        "  fix: edited by hand or swapped: git checkout data/report/report.json; to compute it again: dvc repro\n"
    )


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("data/plan/report.json", "base.clarity.low"),
        ("data/plan/systems/base.json", "base.prompt"),
        ("data/plan/instructions.json", "base.clarity"),
        ("data/plan/judge.json", "base.clarity"),
        ("data/models/base/manifest.json", "base.clarity"),
        ("data/instructions.jsonl", "base.clarity"),
        ("data/generations/base.jsonl", "base.clarity"),
        ("data/prompts/base.jsonl", "base.clarity"),
        ("data/token_shift/base.coverage.jsonl", "token_shift.base.shifted"),
        ("data/token_shift/base.parquet", "token_shift.base.shifted"),
    ],
)
def test_an_output_in_another_encoding_is_brought_back_and_not_saved_anew(run: Path, path: str, pointer: str) -> None:
    file = run / path
    file.write_bytes(b"\xff\xfe" + file.read_bytes())
    said = failed(pointer)
    assert said.startswith(f"Error: {path}"), said
    assert said.endswith(
        f"\n  fix: edited by hand or swapped: dvc checkout --force {path}; to compute it again: dvc repro\n"
    )


def test_a_removed_system_is_no_witness_against_files(run: Path) -> None:
    # DVC leaves its stages in the lock, and what they read was of another plan.
    lock = json.loads((run / "dvc.lock").read_text("utf-8"))
    stages: dict[str, object] = {}
    for name, stage in lock["stages"].items():
        loop, _, key = name.partition("@")
        looped = {"foreach": ["aligned", "base"], "do": {"cmd": f"{loop} ${{item}}"}}
        stages[loop] = looped if key else {"cmd": stage["cmd"]}
    (run / "dvc.yaml").write_text(json.dumps({"stages": stages}), "utf-8")
    (run / "params.yaml").write_text("run: {}\n", "utf-8")
    former = {"path": "data/plan/judge.json", "hash": "md5", "md5": "0" * 32, "size": 1}
    lock["stages"]["judge@former"] = {"cmd": "judge former", "deps": [former]}
    (run / "dvc.lock").write_text(json.dumps(lock), "utf-8")
    result = invoke("trace", "base.helpfulness")
    assert result.exit_code == 0, result.output
    assert edited_files(result.output) == []
