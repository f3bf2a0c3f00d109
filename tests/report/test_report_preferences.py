"""Preferences in the report: wins, ties, losses, inconsistent and invalid rows apart, and a win rate of those with a verdict."""

from dataclasses import replace

import pytest

from tests.report.conftest import small_run
from tests.report.preference_runs import compared_run
from tests.report.site.rendered import overview
from urial.core.errors import UrialError
from urial.records.judge import RulesIdentity
from urial.report.build import build_report, main_metrics
from urial.report.tables import preference_table, report_text


def test_every_comparison_has_its_place() -> None:
    report = build_report(compared_run())
    figures = report.preferences["base"].criteria["overall"]
    assert (figures.wins, figures.ties, figures.losses, figures.inconsistent, figures.invalid) == (1, 1, 1, 1, 1)
    assert (figures.no_completion, figures.no_baseline, figures.total) == (1, 0, 6)
    # 1, 0.5, 0.5 and 0: what has no verdict and what has no answer is in no mean.
    assert figures.mean == 50
    assert main_metrics(report).measured["base"].win_rate == 50
    assert main_metrics(report).measured["aligned"].win_rate is None


def test_rows_that_were_compared_by_other_criteria_do_not_count() -> None:
    depth = build_report(compared_run()).preferences["base"].criteria["depth"]
    assert (depth.wins, depth.ties, depth.inconsistent, depth.no_completion, depth.total) == (1, 1, 1, 1, 4)


def test_the_table_says_who_compared_with_whom() -> None:
    report = build_report(compared_run())
    table = preference_table(report.preferences, report.preference_judge)
    assert table is not None
    assert [row[:3] for row in table.rows] == [["base", "aligned", "overall"], ["base", "aligned", "depth"]]
    assert "Judge: rules/1 on no world." in table.markdown()
    # What `urial report` prints has the verdict on the whole alone.
    assert report_text(report).count("| base | aligned |") == 1


def test_the_page_shows_them() -> None:
    run = compared_run()
    page = overview(run)
    assert "Compared by: rules/1 on no world." in page.text
    assert {"data-pointer": "/preferences/base/criteria/overall/mean", "value": "50.0"}.items() <= max(
        page.numbers, key=lambda number: number["data-pointer"] == "/preferences/base/criteria/overall/mean"
    ).items()


def test_a_run_that_compares_nothing_says_nothing_of_it() -> None:
    run = small_run()
    report = build_report(run)
    assert (report.preferences, report.preference_judge) == ({}, None)
    assert preference_table(report.preferences, report.preference_judge) is None
    assert "preferences" not in overview(run).text.lower()


def test_where_nobody_compares_the_page_says_so() -> None:
    run = compared_run(judged=False)
    report = build_report(run)
    assert report.preferences["base"].criteria == {}
    assert preference_table(report.preferences, report.preference_judge) is None
    assert "The answers are not compared" in overview(run).text


def test_two_judges_are_refused() -> None:
    run = compared_run()
    rows = list(run.preferences["base"])
    rows[0] = rows[0].model_copy(update={"judge": RulesIdentity(kind="rules", version=2, world=None)})
    with pytest.raises(UrialError, match="compared by different judges"):
        build_report(replace(run, preferences={"base": rows}))
