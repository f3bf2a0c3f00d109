import csv
import io
import json
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from tests.leaderboard_entries import make_entry
from urial.cli import main
from urial.cli.leaderboard import MEASURES
from urial.experiments.leaderboard.entry_files import save_entries
from urial.experiments.leaderboard.records import Measure
from urial.records.judge import RulesIdentity
from urial.records.judgment import ASPECTS

SIX = {aspect: [4.0, 5.0, None] if aspect != "safety" else [None, None, 2.0] for aspect in ASPECTS}
LOWER = {aspect: [3.0, 5.0, None] if aspect != "safety" else [None, None, 2.0] for aspect in ASPECTS}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The entries of two checkpoints, outside of any project."""
    monkeypatch.chdir(tmp_path)
    early = make_entry({"base-urial": LOWER, "base-zero-shot": LOWER}, step=10, tokens=5_000, experiment="early")
    late = make_entry({"base-urial": SIX, "base-zero-shot": LOWER}, step=20, tokens=10_000, experiment="late")
    save_entries([early, late], tmp_path / "results")
    return tmp_path / "results"


def invoke(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, ["leaderboard", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def rows(result: Result) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_rows_can_be_ranked_by_every_measure() -> None:
    assert get_args(Measure) == MEASURES


def test_a_folder_of_entries_is_one_table(results: Path) -> None:
    result = invoke("results")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "### Leaderboard (1-5)"
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    best = dict(zip(shown[0], shown[2], strict=True))
    assert [best[name] for name in ("model", "step", "tokens seen", "system", "run")] == [
        "o/m step-20", "20", "10000", "base-urial", "late",
    ]  # fmt: skip
    assert "3 instructions of set" in result.stdout
    assert "Judge: rules/1 on microworld/seed-0." in result.stdout
    assert result.stderr == ""


def test_every_format_has_the_same_rows(results: Path) -> None:
    plain = rows(invoke("results", "--format", "csv"))
    assert [(row["step"], row["system"]) for row in plain] == [
        ("20", "base-urial"), ("10", "base-urial"), ("10", "base-zero-shot"), ("20", "base-zero-shot"),
    ]  # fmt: skip
    board = json.loads(invoke("results", "--json").stdout)
    assert [(row["of"]["step"], row["system"]) for row in board["rows"]] == [
        (int(row["step"]), row["system"]) for row in plain
    ]
    latex = invoke("results", "--format", "latex", "--system", "base-urial").stdout
    assert latex.count(r"\\") == 3
    assert r"\toprule" in latex


def test_systems_and_what_to_rank_by_are_chosen(results: Path) -> None:
    chosen = rows(invoke("results", "--format", "csv", "--system", "base-zero-shot", "--by", "depth"))
    assert [(row["system"], row["ranked_by"], row["score"]) for row in chosen] == [
        ("base-zero-shot", "depth", "4.0")
    ] * 2
    refused = invoke("results", "--system", "base")
    assert refused.exit_code == 1
    assert "no run has a system 'base'" in refused.stderr


def test_what_cannot_be_read_is_told_and_the_others_are_shown(results: Path) -> None:
    (results / "cut.json").write_text('{"format": "urial-leaderboard-1"', "utf-8")
    result = invoke("results", "\x1b[31mnone.json")
    assert result.exit_code == 1
    assert result.stdout.startswith("### Leaderboard")
    assert "not shown: results/cut.json: not valid JSON" in result.stderr
    assert "\x1b" not in result.stderr
    alone = invoke("results/cut.json")
    assert alone.exit_code == 1
    assert alone.stdout == ""
    assert "not valid JSON" in alone.stderr


def test_other_judges_are_refused_unless_mixed(results: Path) -> None:
    other = make_entry(
        {"base-urial": SIX}, experiment="theirs", judge=RulesIdentity(kind="rules", version=2, world=None)
    )
    save_entries([other], results)
    refused = invoke("results")
    assert refused.exit_code == 1
    assert "scored by different judges" in refused.stderr
    assert "--mixed" in refused.stderr
    # What is saved is not compared.
    assert "group: 3 entries" in invoke("results", "--save", "group").stderr
    mixed = rows(invoke("results", "--mixed", "--format", "csv"))
    assert len({(row["setting"], row["judge"]) for row in mixed}) == 2
    assert {row["setting"] for row in mixed} == {"A", "B"}


def test_entries_are_saved_once_and_counted_once(results: Path) -> None:
    result = invoke("results", "--save", "group")
    assert result.exit_code == 0
    assert "group: 2 entries" in result.stderr
    assert [path.read_bytes() for path in sorted(Path("group").iterdir())] == [
        path.read_bytes() for path in sorted(results.iterdir())
    ]
    both = invoke("results", "group", "--format", "csv")
    assert rows(both) == rows(invoke("results", "--format", "csv"))
    assert "the same measurement as early, and shown once" in both.stderr


def test_without_a_name_and_without_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke().exit_code == 2
    for arguments in (["--all"], ["main"], ["."], ["nowhere/"]):
        result = invoke(*arguments)
        assert result.exit_code == 1, arguments
        assert "fix:" in result.stderr, arguments
        assert "Traceback" not in result.stderr


def test_charts_are_drawn_of_what_is_known(results: Path) -> None:
    drawn = invoke("results", "--chart", "progress.json")
    assert drawn.exit_code == 0, drawn.output
    assert {row["x"] for row in json.loads(Path("progress.json").read_text("utf-8"))["data"]["values"]} == {
        5_000,
        10_000,
    }
    again = invoke("results", "--chart", "progress.json")
    assert again.exit_code == 1
    assert "already exists" in again.stderr
    assert invoke("results", "--chart", "progress.json", "--force").exit_code == 0
    missing = invoke("results", "--size-chart", "size.svg")
    assert missing.exit_code == 1
    assert "size.svg: nothing to draw: fewer than two scored models" in missing.stderr
    assert not Path("size.svg").exists()
    assert invoke("results", "--page", "leaderboard.html").exit_code == 0
    assert "step-20" in Path("leaderboard.html").read_text("utf-8")
    assert "already exists" in invoke("results", "--page", "leaderboard.html").stderr
    ending = invoke("results", "--chart", "progress.exe")
    assert ending.exit_code == 1
    assert ending.stdout == ""
