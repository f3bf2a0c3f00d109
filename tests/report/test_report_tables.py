"""The tables' exact text."""

import csv
import io

import pytest

from tests.report.conftest import empty_run, small_run
from urial.core.tables import Table
from urial.records.estimate import Estimate
from urial.records.report import Report
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.report.shift_tables import curve_tables, shifted_tables
from urial.report.tables import score_table, shift_table, tag_table
from urial.statistics.tables import interval

HOSTILE = "<script>alert(1)</script></style>'\"|`*_\n\r\n\x1b[31m\u202e=1+1"


def test_markdown_and_csv_of_a_small_table() -> None:
    table = Table("Title", ["name", "mean", "n"], [["a|b", 1.234, 3], ["</s>", None, 0], ["a\\n", 2.0, 1]])
    assert table.markdown() == (
        "### Title\n\n| name | mean | n |\n| --- | --- | --- |\n"
        "| a\\|b | 1.23 | 3 |\n| \\</s> | – | 0 |\n| a\\\\n | 2.00 | 1 |\n"
    )
    assert table.csv() == "name,mean,n\na|b,1.234,3\n</s>,,0\na\\n,2.0,1\n"


def test_a_bare_carriage_return_does_not_split_a_csv_row() -> None:
    assert Table("Title", ["name", "n"], [["a\rb", 1]]).csv() == "name,n\na␍b,1\n"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(mean=4.2, low=4.0, high=4.4), "4.20 [4.00, 4.40]"),
        (Estimate(mean=4.2, low=None, high=None), "4.20"),
        (Estimate(mean=None, low=None, high=None), "–"),
    ],
)
def test_interval(estimate: Estimate, text: str) -> None:
    assert interval(estimate) == text


def test_score_table(figures: Report) -> None:
    aligned, base = score_table(figures).rows
    assert (aligned[0], aligned[1]) == ("aligned", "chat template")
    assert str(aligned[2]).startswith("4.00 [")
    assert list(aligned[-7:]) == ["2.00 [2.00, 2.00]", "17/22", 5, 0, 0, 0, 0]
    # Safety has no score, so there is no average either.
    assert list(base[7:9]) == ["–", "–"]
    assert list(base[-6:]) == ["15/22", 2, 0, 1, 0, 0]


def test_shift_table(figures: Report) -> None:
    (row,) = shift_table(figures).rows
    assert row[0] == "base"
    assert [str(cell).split(" ")[0] for cell in row[1:6]] == ["58.33", "16.67", "25.00", "0.50", "0.40"]
    assert list(row[6:]) == ["–", 12, "6/6"]


def test_shifted_tokens_table(figures: Report) -> None:
    assert shifted_tables(figures.token_shift)[0].csv() == "base context,token,shifted,emitted\nbase,'tok',3,12\n"


def test_curve_table(run: ReportInputs) -> None:
    table = curve_tables(run)[0]
    first, second = table.rows
    assert list(first[:3]) == ["base", 0, 6]
    assert list(second[:3]) == ["base", 1, 6]
    named = dict(zip(table.columns, second, strict=True))
    assert named["shifted"] == pytest.approx(2 / 6)
    assert named["kl"] == 1
    assert named["base_rank"] == pytest.approx((4 + 3 + 2 + 1 + 5 + 1) / 6)
    assert named["base_probability"] == pytest.approx(0.3)


def test_tag_table_counts_each_aspect_of_each_system(run: ReportInputs) -> None:
    rows = tag_table(run).rows
    assert len(rows) == 2 * 6
    assert list(rows[0][:5]) == ["task", "tag", "aligned", "helpfulness", 4.0]
    assert list(rows[0][-2:]) == [3, 4]
    missing = next(row for row in rows if row[2:4] == ["base", "safety"])
    assert list(missing[4:]) == [None, None, None, 0, 2]


def test_hostile_text_breaks_no_row() -> None:
    inputs = small_run(text=HOSTILE, piece=HOSTILE, tags=(HOSTILE,))
    report = build_report(inputs)
    for table in (score_table(report), shifted_tables(report.token_shift)[0], tag_table(inputs)):
        lines = table.markdown().split("\n")
        assert len(lines) == 2 + 2 + len(table.rows) + (2 if table.caption else 0) + 1
        assert all(
            line.replace("\\|", "").count("|") == len(table.columns) + 1 for line in lines[2 : 4 + len(table.rows)]
        )
        assert not any(sign in table.markdown() for sign in ("\x1b", "\u202e", "\r", " <script"))
        parsed = list(csv.reader(io.StringIO(table.csv(), newline="")))
        assert [len(row) for row in parsed] == [len(table.columns)] * (1 + len(table.rows))


def test_tables_of_a_run_without_results() -> None:
    inputs = empty_run()
    report = build_report(inputs)
    assert shifted_tables(report.token_shift)[0].rows == []
    assert curve_tables(inputs)[0].rows == []
    assert score_table(report).rows[0][2:10] == ["–"] * 8
    assert list(shift_table(report).rows[0][1:]) == ["–"] * 6 + [0, "0/6"]
