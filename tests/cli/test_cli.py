import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import ROOT, make_query, run_python
from urial import __version__
from urial.cli import main, runs
from urial.core.store import write_jsonl
from urial.provenance.crate import METADATA
from urial.run.paths import REPORT

COMMAND = Path(sys.executable).with_name("urial")
HEAVY = (
    "torch",
    "transformers",
    "pandas",
    "datasets",
    "pyarrow",
    "altair",
    "vl_convert",
    "scipy",
    "huggingface_hub",
    "numpy",
)


@pytest.fixture(autouse=True)
def in_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def urial(*arguments: str) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def real(*arguments: str | bytes, cwd: Path = ROOT) -> "subprocess.CompletedProcess[bytes]":
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    return subprocess.run([COMMAND, *arguments], capture_output=True, timeout=60, cwd=cwd, env=environment, check=False)


def test_help_comes_at_once() -> None:
    # CPU time, which a machine that others use as well does not change much.
    before = os.times()
    done = real("--help")
    after = os.times()
    assert done.returncode == 0
    assert b"\n  prompts " in done.stdout
    assert after.children_user + after.children_system - before.children_user - before.children_system < 1.5


@pytest.mark.parametrize(
    "arguments", [["--help"], ["prompts", "list"], ["validate", "params.yaml"], ["schemas", "check"]]
)
def test_light_commands_load_no_heavy_library(arguments: list[str]) -> None:
    code = f"""
import sys
from urial.cli import main
try:
    main({arguments!r})
except SystemExit as stop:
    print(stop.code, sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)
"""
    assert run_python(code).stderr == "0 []\n"


def test_the_version_is_printed() -> None:
    assert urial("--version").output == f"urial, version {__version__}\n"


def test_python_m_urial_is_the_command() -> None:
    def module(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "urial", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    shown = module("--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Usage: python -m urial [OPTIONS] COMMAND [ARGS]...\n")
    assert all(f"\n  {name} " in shown.stdout for name in main.commands)
    refused = module("validate", "no-such-file.yaml")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("no-such-file.yaml: ")
    assert module("promts").returncode == 2


def test_an_unknown_command_is_a_usage_error() -> None:
    result = urial("promts")
    assert result.exit_code == 2
    assert "No such command 'promts'." in result.output


def test_good_files_are_counted(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "instructions.jsonl", [make_query("a"), make_query("b")])
    result = urial("validate", "params.yaml", f"{tmp_path}/instructions.jsonl", "prompts/general/zero-shot.yaml")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        f"params.yaml: 1 valid params\n{tmp_path}/instructions.jsonl: 2 valid instruction\n"
        "prompts/general/zero-shot.yaml: 1 valid prompt\n"
    )


def test_one_bad_file_fails_and_the_others_are_still_reported(tmp_path: Path) -> None:
    (tmp_path / "instructions.jsonl").write_text('{"id":"a"}\n')
    result = urial("validate", f"{tmp_path}/instructions.jsonl", "params.yaml")
    assert (result.exit_code, result.stdout) == (1, "params.yaml: 1 valid params\n")
    assert result.stderr == (
        f"{tmp_path}/instructions.jsonl, line 1: missing field 'turns'; missing field 'category'; "
        "missing field 'source'\n  expected: the record Instruction as in schemas/\n"
    )


def test_validation_as_json(tmp_path: Path) -> None:
    result = urial("validate", "--json", "params.yaml", f"{tmp_path}/none.yaml")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == [
        {"file": "params.yaml", "schema": "params", "records": 1, "error": None},
        {
            "file": f"{tmp_path}/none.yaml",
            "schema": None,
            "records": None,
            "error": f"{tmp_path}/none.yaml: cannot be read: No such file or directory\n  fix: check the path",
        },
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.json"], "x.json: its place does not tell what it holds\n  fix: name a schema with --schema\n"),
        (["prompts"], "prompts: its place does not tell what it holds\n  fix: name a schema with --schema\n"),
        (["prompts", "--schema", "prompt"], "prompts: cannot be read: Is a directory\n  fix: check the path\n"),
        (["x", "--schema", "promt"], "unknown schema 'promt'\n  fix: did you mean 'prompt'?\n"),
    ],
)
def test_what_cannot_be_validated_says_why(arguments: list[str], message: str) -> None:
    result = urial("validate", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


@pytest.mark.parametrize("data", [b"", b"\xff\xfe\0", b"\0" * 100_000, b"{" * 1_000, b"PAR1", "\u2028".encode()])
@pytest.mark.parametrize("name", ["x.yaml", "instructions.jsonl", "manifest.json", "token_shift/x.parquet"])
def test_hostile_files_never_end_in_a_traceback(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    result = urial("validate", str(path))
    assert result.exit_code == (0 if (name, data) == ("instructions.jsonl", b"") else 1)
    assert (result.stderr or result.stdout).startswith(str(path))
    assert len(result.output) < 1_000


def test_no_file_is_a_usage_error() -> None:
    assert urial("validate").exit_code == 2


def test_a_report_without_a_run_says_what_to_do(tmp_path: Path) -> None:
    result = urial("report", "--data", str(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: {tmp_path}/report/report.json: no report yet\n"
        "  fix: run `dvc repro`, or `dvc pull` where a remote has one\n"
    )


def test_schemas_are_exported_and_drift_fails(tmp_path: Path) -> None:
    assert urial("schemas", "export", "--dir", str(tmp_path)).exit_code == 0
    assert urial("schemas", "check", "--dir", str(tmp_path)).stdout == f"{tmp_path}: up to date\n"
    (tmp_path / "prompt.json").write_text("{}")
    result = urial("schemas", "check", "--dir", str(tmp_path))
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {tmp_path}/prompt.json: differs from Prompt\n  fix: run `urial schemas export` and commit the result\n"
    )


def test_names_that_take_too_long_to_import_are_the_library_s() -> None:
    assert (runs.REPORT.as_posix(), runs.CRATE) == (REPORT.path(), METADATA)
