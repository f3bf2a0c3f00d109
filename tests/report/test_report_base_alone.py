"""The report of a study without an aligned model: what there is, and why the rest is not."""

import json
from dataclasses import replace
from pathlib import Path

from tests.cli.commands import invoke
from tests.report.conftest import small_run, unjudged_run
from tests.report.site.rendered import Page, render
from tests.report.test_report_write import SCORES
from urial.core.store import read_json
from urial.records.left_out import LeftOut
from urial.records.metrics import Metrics
from urial.records.report import Report
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.report.tables import answer_table, score_table
from urial.report.write import write_report

SENTENCE = (
    "Left out, since the study pair has no aligned model: the system aligned; the token shift under base; the preferences of "
    "base over aligned (set preferences.baseline to a system of the base model or to published outputs)."
)
LEFT_OUT = LeftOut(systems=("aligned",), base_systems=("base",), compared=("base",), baseline="aligned")


def base_alone(run: ReportInputs) -> ReportInputs:
    plan = run.plan.model_copy(update={"systems": ("base",), "base_systems": (), "left_out": LEFT_OUT})
    return replace(
        run, plan=plan, models={"base": run.models["base"]}, systems={"base": run.systems["base"]}, contexts={}
    )


def drawn(folder: Path) -> set[str]:
    """The figures that are no excuse for a missing one."""
    found = {path.stem: json.loads(path.read_text("utf-8")) for path in folder.iterdir()}
    return {name for name, made in found.items() if "missing" not in made["usermeta"]["urial"]}


def test_there_are_scores_and_no_figure_of_what_is_left_out(tmp_path: Path) -> None:
    write_report(base_alone(small_run()), tmp_path / "report")
    report = read_json(tmp_path / "report/report.json", Report)
    assert (list(report.models), list(report.systems), report.left_out) == (["base"], ["base"], LEFT_OUT)
    assert (report.token_shift, report.context_comparisons, report.preferences) == ({}, (), {})
    # As in the run that has both models.
    assert report.systems["base"] == build_report(small_run()).systems["base"]
    assert {path.stem for path in (tmp_path / "report/tables").iterdir()} == SCORES
    # No safety answer has a score, so that no tag has a mean of all aspects.
    assert drawn(tmp_path / "report/charts") == {"radar", "scores", "words"}
    (measured,) = read_json(tmp_path / "report/metrics.json", Metrics).measured.values()
    assert (measured.unshifted, measured.win_rate, measured.words) == (None, None, 2.0)
    assert invoke("report", "--data", tmp_path).output == score_table(report).markdown()
    assert SENTENCE in (tmp_path / "report/tables/scores.md").read_text("utf-8")


def test_without_a_judge_there_are_answers_and_a_chart_of_their_lengths(tmp_path: Path) -> None:
    write_report(base_alone(unjudged_run()), tmp_path / "report")
    report = read_json(tmp_path / "report/report.json", Report)
    assert {path.stem for path in (tmp_path / "report/tables").iterdir()} == {"answers"}
    assert drawn(tmp_path / "report/charts") == {"words"}
    printed = invoke("report", "--data", tmp_path).output
    assert printed == answer_table(report).markdown()
    assert SENTENCE in printed


def test_the_page_says_why_and_shows_nothing_of_the_token_shift() -> None:
    for run in (small_run(), unjudged_run()):
        pages = render(base_alone(run))
        assert not {"shift.html", "tokens.html"} & pages.keys()
        page = Page(pages["index.html"])
        assert f"A base model alone. {SENTENCE}" in page.text
        assert "What a prompt makes of a base model" in page.text
        assert "An aligned model is" not in page.text
        assert not {"shift.html", "tokens.html"} & {item["href"].partition("#")[0] for item in page.all("a")}
        assert "aligned model" not in page.text.replace(SENTENCE, "")


def test_a_run_of_both_models_says_nothing_of_it() -> None:
    assert "left_out" not in json.loads(build_report(small_run()).model_dump_json())
    page = Page(render(small_run())["index.html"])
    assert "Left out" not in page.text
    assert "What alignment changed" in page.text


def test_a_pair_whose_token_shift_is_not_measured_has_no_page_of_it() -> None:
    run = small_run()
    pages = render(replace(run, plan=run.plan.model_copy(update={"base_systems": ()}), contexts={}))
    assert not {"shift.html", "tokens.html"} & pages.keys()
    page = Page(pages["index.html"])
    assert "This run measured no token distribution shift" in page.text
    assert "This page shows how well the base model answers the same 6 instructions" in page.text
    assert "of the aligned model" in page.text, "the prompt of its system"
