"""The tables for a paper: the report's numbers in the layout of table 1, with the paper's own rows marked, and safe in every form."""

import csv
from pathlib import Path

import altair as alt
import pytest

from tests.report.conftest import RUN, figures_of, small_run, unjudged_run
from urial.core.store import read_json
from urial.core.tables import Table
from urial.exchange.figures.files import Written
from urial.exchange.figures.latex import booktabs
from urial.exchange.figures.paper_table import paper_table
from urial.exchange.figures.published import published, published_category_figure, published_score_figure
from urial.records.judgment import ASPECTS
from urial.records.report import Report
from urial.report.build import build_report
from urial.report.charts.figure import Figure, Missing, specification
from urial.report.site.index import identifier

GOLDEN = r"""% urial run sha256:1 of the study pair
% \usepackage{booktabs}
\begin{table}
\centering
\small
\caption{50\% of it. a\_b}
\label{tab:shares}
\begin{tabular}{lrr}
\toprule
who & share & n \\
\midrule
\textbackslash{}input\textbraceleft{}x\textbraceright{} \& co & 0.50 & 3 \\
plain & -- & 4 \\
\bottomrule
\end{tabular}
\end{table}
"""


def test_latex_is_for_booktabs_and_text_in_it_is_text() -> None:
    table = Table("50% of it", ["who", "share", "n"], [[r"\input{x} & co", 0.5, 3], ["plain", None, 4]], "a_b")
    assert booktabs(table, "shares", "urial run sha256:1 of the study pair") == GOLDEN


def test_table_1_has_the_numbers_of_the_report() -> None:
    report = build_report(small_run())
    table = paper_table(report, None)
    assert table is not None
    assert [row[0] for row in table.rows] == list(report.systems)
    for row, system in zip(table.rows, report.systems.values(), strict=True):
        aspects = [system.aspects[aspect] for aspect in ASPECTS]
        assert row[1:9] == [*(aspect.mean for aspect in aspects), system.average.mean, system.words.mean]
        assert row[9] == f"{sum(part.scored for part in aspects)}/{sum(part.total for part in aspects)}"
    assert "(paper)" not in (table.caption or "")
    assert paper_table(build_report(unjudged_run()), None) is None


def test_the_papers_rows_stand_below_and_are_marked() -> None:
    report, known = build_report(small_run()), published()
    table = paper_table(report, known)
    assert table is not None
    own, theirs = table.rows[: len(report.systems)], table.rows[len(report.systems) :]
    assert [row[0] for row in own] == list(report.systems)
    assert len(theirs) == len(known.scores.rows) == 17
    assert all(str(row[0]).endswith(" (paper)") for row in theirs)
    assert list(theirs[0]) == ["Vicuna-7b (SFT) (paper)", 4.43, 4.85, 4.33, 4.04, 4.51, 4.6, 4.46, 184.8, None]
    assert "another judge (gpt-4-0314; safety: gpt-3.5-turbo-0613)" in (table.caption or "")
    assert "arXiv 2312.01552" in (table.caption or "")


def test_a_published_average_is_the_mean_of_its_aspects() -> None:
    # Of rounded figures: half a unit of the second digit either way.
    for row in published().scores.rows:
        mean = sum(getattr(row, aspect) for aspect in ASPECTS) / 6
        assert row.average == pytest.approx(mean, abs=0.0101), row.system
    for pair in published().token_shift.rows:
        assert pair.unshifted + pair.marginal + pair.shifted == pytest.approx(100, abs=0.11)


def test_published_rows_are_added_to_the_runs_own_and_change_none() -> None:
    run, known = small_run(), published()
    report, own = build_report(run), figures_of(run)
    for name, beside in (
        ("scores", published_score_figure(report, known)),
        ("categories", published_category_figure(report, known)),
    ):
        figure = own[name]
        assert isinstance(figure, Figure)
        assert isinstance(beside, Figure)
        assert [
            {key: row[key] for key in before} for before, row in zip(figure.rows, beside.rows, strict=False)
        ] == list(figure.rows)
        added = beside.rows[len(figure.rows) :]
        assert added
        assert all(str(row["system" if name == "scores" else "context"]).endswith(" (paper)") for row in added)
        assert all(row["low"] is None for row in added)
        assert "(paper) are of other models" in beside.caption
    assert isinstance(published_score_figure(build_report(unjudged_run()), known), Missing)


def test_published_figures_are_valid_vega_lite() -> None:
    report = build_report(small_run())
    for beside in (published_score_figure, published_category_figure):
        alt.Chart.from_dict(specification(beside(report, published()), RUN), validate=True)


def test_csv_has_every_digit_and_names_its_run(paper: tuple[Path, Written], data: Path) -> None:
    report = read_json(data / "report/report.json", Report)
    with (paper[0] / "tables/paper_table_1.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["run"] for row in rows} == {identifier(report)}
    for row in rows[: len(report.systems)]:
        mean = report.systems[row["system"]].aspects["helpfulness"].mean
        assert row["helpful"] == ("" if mean is None else str(mean))
