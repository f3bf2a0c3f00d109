"""Every figure of the report is declared once, and the declaration is what the report has."""

import importlib

import pytest

from tests.report.conftest import small_run
from urial.records.judgment import EVERY_ASPECT
from urial.records.report import SystemFigures
from urial.records.shift_figures import ContextComparison, EndCounts, KindFigures, ShiftFigures
from urial.report.build import system_figures
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.figures import SYSTEM_FIGURES, SystemFigure, function_name, number_of_rows
from urial.token_shift.figures.further import FURTHER_FIGURES
from urial.token_shift.figures.paired import PAIRED_FIGURES
from urial.token_shift.figures.summary import ANSWER_FIGURES, POSITION_FIGURES
from urial.token_shift.figures.tokens import LISTS

PLANNED = {"model", "prompt", "prompt_hash", "decoding"}
BOOTSTRAP = Bootstrap(100, 0.95, 0)


def test_the_fields_of_a_system_are_planned_declared_or_aspects() -> None:
    assert set(SystemFigures.model_fields) == PLANNED | set(SYSTEM_FIGURES) | set(EVERY_ASPECT) | {
        "turns",
        "known_answers",
    }


def test_the_fields_of_token_shift_are_declared_lists_or_a_constant() -> None:
    declared = {path[0] for path in (*ANSWER_FIGURES, *POSITION_FIGURES, *FURTHER_FIGURES)}
    # Of each answer, and of each way of truncating.
    declared |= {"first_divergence", "truncated"}
    assert set(ShiftFigures.model_fields) == declared | set(LISTS) | {"log_odds_prior"}
    assert {path[1] for path in ANSWER_FIGURES if path[0] == "ends"} == set(EndCounts.model_fields)
    assert {path[1] for path in POSITION_FIGURES if path[0] == "style"} == set(KindFigures.model_fields)


def test_the_fields_of_a_comparison_are_declared_but_for_names_and_what_is_not_paired() -> None:
    others = {"first", "second", "answers", "only_first", "only_second"}
    assert set(ContextComparison.model_fields) == set(PAIRED_FIGURES) | others


@pytest.mark.parametrize("name", SYSTEM_FIGURES)
def test_a_figure_of_a_report_is_its_declared_function_of_the_rows_that_count(name: str) -> None:
    run, figure = small_run(), SYSTEM_FIGURES[name]
    system = run.systems["base"]
    rows = getattr(system, figure.rows)
    counted = [row for row, asked in zip(rows, run.instructions, strict=True) if figure.counts(row, asked)]
    reported = getattr(system_figures(system, run.instructions, [], BOOTSTRAP), name)
    assert reported == figure.function(rows, counted, BOOTSTRAP)
    if figure.function is number_of_rows:
        assert reported == len(counted)


@pytest.mark.parametrize("figure", SYSTEM_FIGURES.values())
def test_a_function_is_named_so_that_it_can_be_found(figure: SystemFigure) -> None:
    function = figure.function
    module, _, name = function_name(function).rpartition(".")
    assert getattr(importlib.import_module(module), name) is function
