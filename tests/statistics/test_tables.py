"""Figures as people read them in every table."""

import pytest

from tests.report.conftest import small_run
from tests.report.shift_runs import served_run
from urial.records.estimate import Estimate
from urial.records.judgment import ASPECTS, Aspect
from urial.records.report import AspectFigures
from urial.report.build import build_report
from urial.statistics.tables import ScoreRow, difference_text, interval, score_table, shift_table

UP = Estimate(mean=0.25, low=0.1, high=0.4)


@pytest.mark.parametrize(
    ("estimate", "options", "text"),
    [
        (UP, {}, "+0.25 [0.10, 0.40]"),
        (UP, {"scale": 100, "n": 1_234}, "+25.00 [10.00, 40.00] (n 1,234)"),
        (UP.model_copy(update={"mean": -0.25}), {}, "-0.25 [0.10, 0.40]"),
        (Estimate(mean=0.0, low=None, high=None), {"n": 2}, "0.00 (n 2)"),
        (Estimate(mean=0.004, low=-0.1, high=0.2), {}, "0.00 [-0.10, 0.20]"),
        (Estimate(mean=0.004, low=-0.1, high=0.2), {"scale": 100}, "+0.40 [-10.00, 20.00]"),
        (Estimate(mean=None, low=None, high=None), {"n": 0}, "–"),
    ],
)
def test_a_difference_has_its_sign_interval_and_count(estimate: Estimate, options: dict[str, int], text: str) -> None:
    assert difference_text(estimate, None, **options) == text


def test_a_difference_has_its_p_value_where_there_is_one() -> None:
    assert difference_text(UP, 0.0123, n=40) == "+0.25 [0.10, 0.40] (n 40, p 0.0123)"
    assert difference_text(UP, 0.0123) == "+0.25 [0.10, 0.40] (p 0.0123)"


def test_an_aspect_that_was_not_asked_about_is_missing_and_words_are_shown_where_any_row_has_them() -> None:
    system = build_report(small_run()).systems["aligned"]
    asked: dict[Aspect, AspectFigures] = {
        aspect: figures for aspect, figures in system.aspects.items() if aspect != "safety"
    }
    rows = [ScoreRow(["a"], asked, system.average), ScoreRow(["b"], asked, system.average, system.words, [7])]
    assert list(score_table(["system"], rows[:1]).columns) == ["system", *ASPECTS, "average", "scored/total"]
    table = score_table(["system"], rows[1:], more=["more"])
    assert list(table.columns) == ["system", *ASPECTS, "average", "words", "scored/total", "more"]
    assert [table.rows[0][6], *table.rows[0][8:]] == [None, "2.00 [2.00, 2.00]", "15/20", 7]


def test_a_bound_of_kl_is_never_shown_as_its_mean() -> None:
    shift = build_report(served_run(kl_lower_bound=0.5)).token_shift["base"]
    (row,) = shift_table(["base context"], [(["base"], shift)], ["positions", "answers"]).rows
    assert str(row[4]).startswith("at least 0.50")
    assert list(row[5:]) == [shift.positions, shift.measured]


def test_an_interval_that_rounds_to_zero_has_no_sign() -> None:
    assert interval(Estimate(mean=-0.0004, low=-0.006, high=0.0)) == "0.00 [-0.01, 0.00]"
    assert interval(Estimate(mean=-0.0004, low=-0.006, high=0.0), 100) == "-0.04 [-0.60, 0.00]"
