"""The tables of the branching factor: figures of the report, and honest about what is not known."""

from math import exp

import pytest

from tests.report.conftest import empty_run, small_run
from tests.report.shift_runs import served_run, two_contexts
from urial.core.tables import show
from urial.report.branching_tables import branching_curve_tables, branching_table
from urial.report.build import build_report, main_metrics
from urial.token_shift.figures.branching import NOT_KNOWN

DASH = show(None)


def test_a_row_has_both_models_factors() -> None:
    report = build_report(two_contexts(base_entropy=0.0))
    table = branching_table(report.token_shift)
    first, second = table.rows
    aligned = report.token_shift["base"].branching["aligned"]
    assert first[0] == "base"
    assert str(first[2]).startswith(f"{aligned.mean:.2f} [")
    assert second[:2] == ["urial", "1.00 [1.00, 1.00]"]
    assert NOT_KNOWN not in str(table.caption)
    # What `dvc exp show` has of the systems that are contexts.
    measured = main_metrics(report).measured
    assert (measured["base"].branching, measured["aligned"].branching) == (
        report.token_shift["base"].branching["base"].mean, None,
    )  # fmt: skip


def test_what_a_server_does_not_tell_is_a_dash_with_the_reason() -> None:
    table = branching_table(build_report(served_run()).token_shift)
    assert table.rows == [["base", DASH, DASH, 12]]
    assert str(table.caption).endswith(f"Not known: {NOT_KNOWN}.")
    assert [part.rows for part in branching_curve_tables(served_run())] == [[], []]


def test_one_side_can_be_known_alone() -> None:
    run = served_run(aligned_entropy=1.0)
    table = branching_table(build_report(run).token_shift)
    assert table.rows[0][1:3] == [DASH, "2.72 [2.72, 2.72]"]
    by_position, _ = branching_curve_tables(run)
    assert {row[0] for row in by_position.rows} == {run.plan.answer_system}
    assert all(row[3] == pytest.approx(exp(1)) for row in by_position.rows)


def test_nothing_measured_is_no_number_and_needs_no_reason() -> None:
    table = branching_table(build_report(empty_run()).token_shift)
    assert [row[1:] for row in table.rows] == [[DASH, DASH, 0]]
    assert NOT_KNOWN not in str(table.caption)


def test_the_aligned_model_is_there_once_last() -> None:
    for table in branching_curve_tables(small_run()):
        assert list(dict.fromkeys(row[0] for row in table.rows)) == ["base", "aligned"]
