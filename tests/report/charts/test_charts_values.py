"""Every figure's data, read back from its specification, are the numbers of the report and of its tables."""

import json
from collections import defaultdict
from math import fsum, log
from typing import Any

import pytest

from tests.report.charts.whole_run import whole_run
from tests.report.conftest import RUN, figures_of
from tests.report.site.further_runs import everything_run
from urial.core.tables import Table
from urial.records.report import Report
from urial.report.branching_tables import branching_curve_tables
from urial.report.build import build_report
from urial.report.charts.curves import MEASURES, RELATIVE
from urial.report.charts.figure import Missing, rows_of, specification, specification_bytes
from urial.report.charts.preferences import OUTCOMES
from urial.report.charts.safety import RATES
from urial.report.charts.shift import SHARES
from urial.report.inputs import ReportInputs
from urial.report.position_tables import landmark_curve_table
from urial.report.shift_tables import curve_tables
from urial.report.tables import tag_table

Row = dict[str, Any]
SHOWN = {title: share for share, title in SHARES.items()}
COUNTED = {title: outcome for outcome, (title, _) in OUTCOMES.items()}
MADE_OF_REPORT = {
    "scores",
    "radar",
    "words",
    "categories",
    "labels",
    "kinds",
    "preferences",
    "first_divergence",
    "rank_above",
    "kl_above",
}
MADE_OF_TABLES = {
    "tags",
    "radar_tasks",
    "radar_topics",
    *(f"curve_{name}" for name in MEASURES),
    *(f"tenth_{name}" for name in RELATIVE),
    "curve_branching",
    "tenth_branching",
    "landmark_shifted",
    "landmark_kl",
}


@pytest.fixture(scope="module")
def whole() -> ReportInputs:
    return whole_run()


@pytest.fixture(scope="module")
def report(whole: ReportInputs) -> Report:
    return build_report(whole)


@pytest.fixture(scope="module")
def rows(whole: ReportInputs) -> dict[str, list[Row]]:
    """The rows of every figure, from the bytes of its specification."""
    figures = figures_of(whole)
    missing = [name for name, figure in figures.items() if isinstance(figure, Missing)]
    # Nobody's answers are begun in it.
    assert missing == ["safety_rates", "safety_kl", "safety_rank"]
    return {
        name: rows_of(json.loads(specification_bytes(specification(figure, RUN))))
        for name, figure in figures.items()
        if name not in missing
    }


def test_rates_of_begun_answers_are_those_of_report_json() -> None:
    run = everything_run()
    figure = figures_of(run)["safety_rates"]
    assert not isinstance(figure, Missing)
    depth = build_report(run).safety_depth
    assert depth is not None
    rows = rows_of(json.loads(specification_bytes(specification(figure, RUN))))
    assert {row["system"] for row in rows} == {"aligned"}
    for row in rows:
        (rate,) = (name for name, title in RATES.items() if title == row["rate"])
        estimate = getattr(depth.systems["aligned"]["compliant"][str(row["tokens"])], rate)
        assert (row["mean"], row["low"], row["high"]) == (estimate.mean, estimate.low, estimate.high)
    assert {row["tokens"] for row in rows} == {0, 5}


def source(name: str, row: Row, report: Report) -> Any:
    """What of report.json a row is of."""
    if name in ("scores", "radar"):
        return report.systems[row["system"]].aspects[row["aspect"]]
    if name == "words":
        return report.systems[row["system"]].words
    shift = report.token_shift[row["context"]]
    if name == "categories":
        return getattr(shift, row["category"])
    if name == "first_divergence":
        assert shift.first_divergence is not None
        return shift.first_divergence.parted[row["position"]]
    if name in ("rank_above", "kl_above"):
        return getattr(shift, name)[f"{row['threshold']:g}"]
    kind = shift.labels[row["kind"].replace(" ", "_")] if name == "labels" else getattr(shift, row["kind"])
    assert row["positions"] == kind.positions
    return getattr(kind, SHOWN[row["share"]])


def test_every_figure_is_compared_here(rows: dict[str, list[Row]]) -> None:
    assert set(rows) == MADE_OF_REPORT | MADE_OF_TABLES | {"js_entropy"}


@pytest.mark.parametrize("name", sorted(MADE_OF_REPORT - {"preferences"}))
def test_the_values_of_a_figure_are_those_of_report_json(name: str, rows: dict[str, list[Row]], report: Report) -> None:
    again = Report.model_validate_json(report.model_dump_json())
    for row in rows[name]:
        estimate = source(name, row, again)
        assert (row["mean"], row["low"], row["high"]) == (estimate.mean, estimate.low, estimate.high)
        if name == "scores":
            assert (row["scored"], row["total"]) == (estimate.scored, estimate.total)


def test_no_system_context_or_aspect_is_left_out(rows: dict[str, list[Row]], report: Report) -> None:
    assert [row["system"] for row in rows["words"]] == list(report.systems)
    judged = [(name, aspect) for name, system in report.systems.items() for aspect in system.aspects]
    assert [(row["system"], row["aspect"]) for row in rows["scores"]] == judged
    assert {row["context"] for row in rows["categories"]} == set(report.token_shift)
    for context, shift in report.token_shift.items():
        named = {row["kind"].replace(" ", "_") for row in rows["labels"] if row["context"] == context}
        assert {label for label, kind in shift.labels.items() if kind.positions} <= named


def test_the_shares_of_a_bar_sum_to_one(rows: dict[str, list[Row]]) -> None:
    sums: dict[str, float] = defaultdict(float)
    for row in rows["categories"]:
        sums[row["context"]] += row["mean"]
    assert sums == pytest.approx(dict.fromkeys(sums, 1.0))


def test_preferences_are_the_counts_of_every_outcome(rows: dict[str, list[Row]], report: Report) -> None:
    totals: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows["preferences"]:
        compared = report.preferences[row["system"]]
        figures = compared.criteria[row["criterion"]]
        assert (row["baseline"], row["total"]) == (compared.baseline, figures.total)
        assert row["count"] == getattr(figures, COUNTED[row["outcome"]])
        totals[row["system"], row["criterion"]] += row["count"]
    assert totals == {
        (name, criterion): figures.total
        for name, compared in report.preferences.items()
        for criterion, figures in compared.criteria.items()
    }


@pytest.mark.parametrize(("kind", "place"), [("curve", "position"), ("tenth", "tenth")])
def test_curves_are_the_rows_of_their_tables(
    kind: str, place: str, rows: dict[str, list[Row]], whole: ReportInputs
) -> None:
    table = dict(zip(("curve", "tenth"), curve_tables(whole), strict=True))[kind]
    for measure in MEASURES if kind == "curve" else RELATIVE:
        picked = ["base context", place, measure, f"{measure}_low", f"{measure}_high", "answers"]
        shown = [
            [row[key] for key in ("context", place, "mean", "low", "high", "answers")]
            for row in rows[f"{kind}_{measure}"]
        ]
        assert shown == columns(table, picked)


@pytest.mark.parametrize("measure", ["shifted", "kl"])
def test_what_is_around_landmarks_is_the_rows_of_its_table(
    measure: str, rows: dict[str, list[Row]], whole: ReportInputs
) -> None:
    picked = ["base context", "landmark", "distance", measure, f"{measure}_low", f"{measure}_high", "answers"]
    shown = [
        [row[key] for key in ("context", "landmark", "distance", "mean", "low", "high", "answers")]
        for row in rows[f"landmark_{measure}"]
    ]
    assert shown == columns(landmark_curve_table(whole), picked)
    assert {row[1] for row in shown} == {"start"}


@pytest.mark.parametrize(("kind", "place"), [("curve", "position"), ("tenth", "tenth")])
def test_the_branching_factor_declines_from_context_to_context_to_the_aligned_model(
    kind: str, place: str, rows: dict[str, list[Row]], whole: ReportInputs
) -> None:
    table = dict(zip(("curve", "tenth"), branching_curve_tables(whole), strict=True))[kind]
    shown = [[row[key] for key in ("context", place, "mean", "low", "high")] for row in rows[f"{kind}_branching"]]
    assert shown == columns(table, ["system", place, "branching", "branching_low", "branching_high"])
    assert list(dict.fromkeys(row[0] for row in shown)) == ["base", "urial", "aligned"]


def columns(table: Table, names: list[str]) -> list[list[Any]]:
    places = [table.columns.index(name) for name in names]
    return [[row[place] for place in places] for row in table.rows]


def test_a_cell_of_the_heat_map_is_the_mean_of_its_aspects_means(
    rows: dict[str, list[Row]], whole: ReportInputs
) -> None:
    means: dict[tuple[str, ...], list[float | None]] = defaultdict(list)
    for kind, tag, system, mean in columns(tag_table(whole), ["kind", "tag", "system", "mean"]):
        means[kind, tag, system].append(mean)
    for row in rows["tags"]:
        known = means.pop((row["kind"], row["tag"], row["system"]))
        assert row["aspects"] == len(known)
        assert row["mean"] == (None if None in known else pytest.approx(fsum(map(float, known)) / len(known)))  # type: ignore[arg-type]
    assert not means
    for kind in ("task", "topic"):
        assert rows[f"radar_{kind}s"] == [
            row for row in rows["tags"] if row["kind"] == kind and row["mean"] is not None
        ]


def test_the_cells_of_the_density_hold_every_token_once(
    rows: dict[str, list[Row]], report: Report, whole: ReportInputs
) -> None:
    for name, shift in report.token_shift.items():
        cells = [row for row in rows["js_entropy"] if row["context"] == name]
        assert sum(row["tokens"] for row in cells) == shift.js.positions == shift.base_entropy.positions
        for token in whole.contexts[name].table.select(["js", "base_entropy"]).to_pylist():
            (cell,) = (
                row for row in cells
                if row["entropy_low"] <= token["base_entropy"] < row["entropy_high"] and row["js_low"] <= token["js"] < row["js_high"]
            )  # fmt: skip
            assert cell["js_high"] <= log(2) + 1e-6
