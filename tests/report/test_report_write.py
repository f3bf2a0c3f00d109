"""The files of a report, and what `urial report` prints of them."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.report.conftest import empty_run, small_run, unjudged_run
from tests.report.shift_runs import served_run, two_contexts
from urial.core.store import read_json
from urial.records.metrics import Metrics
from urial.records.report import Report
from urial.report.branching_tables import branching_table
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.report.shift_tables import context_table
from urial.report.tables import answer_table, score_table, shift_table
from urial.report.write import write_report

TABLES = {
    "branching", "branching_by_position", "branching_by_tenth", "scores", "scores_by_tag", "shifted_log_odds", "shifted_tokens", "shifted_words", "token_shift",
    "token_shift_by_position", "token_shift_by_tag", "token_shift_by_tenth", "token_shift_coverage",
    "token_shift_labels", "token_shift_means", "log_ratio", "first_divergence", "landmarks", "landmarks_by_distance", "truncated", "thresholds",
}  # fmt: skip

SCORES = {"scores", "scores_by_tag"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("run", [small_run(), empty_run(), two_contexts(), served_run()])
def test_what_is_written_is_what_was_computed_and_the_same_bytes_again(run: ReportInputs, tmp_path: Path) -> None:
    write_report(run, tmp_path / "a")
    write_report(run, tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert read_json(tmp_path / "a/report.json", Report) == build_report(run)
    written = {path.stem for path in (tmp_path / "a/tables").iterdir()}
    assert written == TABLES | ({"token_shift_contexts"} if len(run.contexts) > 1 else set())
    assert len(list((tmp_path / "a/tables").iterdir())) == 2 * len(written)


def test_without_a_judge_there_are_answers_and_no_scores(tmp_path: Path) -> None:
    write_report(unjudged_run(), tmp_path / "report")
    report = read_json(tmp_path / "report/report.json", Report)
    base = report.systems["base"]
    assert (report.judge, base.aspects, base.helpfulness, base.average.mean) == (None, {}, None, None)
    # The words of an answer need no judge.
    assert (base.words.mean, base.instructions, base.ok) == (2.0, 6, 5)
    measured = read_json(tmp_path / "report/metrics.json", Metrics).measured["base"]
    assert (measured.scored, measured.safety, measured.average, measured.words) == (None, None, None, 2.0)
    assert {path.stem for path in (tmp_path / "report/tables").iterdir()} == (TABLES - SCORES) | {"answers"}
    scores = json.loads((tmp_path / "report/charts/scores.json").read_text("utf-8"))
    assert scores["usermeta"]["urial"]["missing"] == "the answers of this run are not judged"
    printed = invoke("report", "--data", tmp_path).output
    assert printed == "\n".join(
        table.markdown() for table in (answer_table(report), shift_table(report), branching_table(report.token_shift))
    )
    assert printed.startswith(
        "### Answers\n\n| system | prompt | words | answers/instructions | prompt too long | cut off | flagged |"
    )
    assert "| base | test/zero-shot | 2.00 [2.00, 2.00] | 5/6 | 1 | 0 | 0 |" in printed
    assert "Not judged: the run has no judge." in printed


def test_the_command_prints_scores_shift_and_comparison(tmp_path: Path) -> None:
    run = two_contexts()
    write_report(run, tmp_path / "report")
    printed = invoke("report", "--data", tmp_path)
    report = read_json(tmp_path / "report/report.json", Report)
    compared = context_table(report.context_comparisons)
    assert compared is not None
    tables = [score_table(report), shift_table(report), compared, branching_table(report.token_shift)]
    assert printed.output == "\n".join(table.markdown() for table in tables)
