"""The tables of the token shift, computed by hand from the run in conftest."""

import csv
import dataclasses
import io
from typing import Any

import pytest

from tests.report.conftest import IDS, empty_run, make_coverage, small_run
from tests.report.shift_runs import served_run, two_contexts
from urial.core.tables import Table
from urial.records.report import Report
from urial.records.token_shift import LABELS
from urial.report.build import build_report
from urial.report.inputs import ReportInputs
from urial.report.shift_tables import (
    context_table,
    coverage_table,
    curve_tables,
    divergence_table,
    label_table,
    log_odds_table,
    shift_tag_table,
    shifted_tables,
    shifts_by_tag,
)
from urial.report.tables import shift_table
from urial.statistics.tables import kl_text, measured_text

HOSTILE = ["a|b", "<script>alert(1)</script>", "\x1b[31m", "\x00", "\u202eabc", "שלום", "", "`*_\r\n"]


def named(table: Table, row: int = 0) -> dict[str, Any]:
    return dict(zip(table.columns, table.rows[row], strict=True))


def start(cell: object) -> str:
    """A cell without its interval."""
    return str(cell).split(" [")[0]


@pytest.fixture(scope="module")
def contexts() -> Report:
    return build_report(two_contexts())


def test_means_say_over_how_many_positions_they_are(figures: Report) -> None:
    table = divergence_table(figures.token_shift)
    rows = {str(row[1]): row for row in table.rows}
    assert table.columns == ["base context", "measure", "mean", "low", "high", "known", "positions"]
    assert [rows["kl"][2], *rows["kl"][5:]] == [0.5, 12, 12]
    assert [rows["kl_reverse"][2], rows["js"][2]] == [1.0, 0.125]
    assert [rows["base_entropy"][2], rows["aligned_entropy"][2]] == [1.5, 0.5]
    assert list(rows["kl_lower_bound"][2:]) == [None, None, None, 0, 12]


def test_coverage_table() -> None:
    run = small_run()
    base = run.contexts["base"]
    coverage = [
        make_coverage("r1", 2, end="base", retokenized=True, unmatched=4),
        *(make_coverage(name, 2, end="dropped") for name in IDS[1:5]),
        make_coverage("s2", 2),
    ]
    changed = dataclasses.replace(run, contexts={"base": dataclasses.replace(base, coverage=coverage)})
    row = named(coverage_table(build_report(changed).token_shift))
    assert row == {
        "base context": "base", "measured": 6, "no answer": 0, "too long": 0, "unsupported": 0, "retokenized": 1,
        "positions": 12, "unmatched tokens": 4, "end as it is": 0, "end as the base's own": 1, "end dropped": 4,
        "no end": 1, "shared vocabulary": 300,
    }  # fmt: skip


def test_counts_that_no_coverage_tells_are_missing(figures: Report) -> None:
    unknown = ("no_answer", "too_long", "unsupported", "retokenized", "unmatched", "ends", "vocabulary")
    bare = figures.token_shift["base"].model_copy(update=dict.fromkeys(unknown))
    row = list(coverage_table({"x": bare}).rows[0])
    assert row == ["x", 6, None, None, None, None, 12, None, None, None, None, None, None]
    assert measured_text(bare) == "6/?"


def test_label_table_has_every_label(figures: Report) -> None:
    table = label_table(figures.token_shift)
    assert [row[1] for row in table.rows] == list(LABELS)
    content = named(table, LABELS.index("content_word"))
    assert (content["tokens"], start(content["shifted %"]), start(content["share of all shifted %"])) == (
        12, "25.00", "100.00",
    )  # fmt: skip
    # Some resamples have no shifted token at all: there is no interval.
    assert list(table.rows[LABELS.index("end")][2:]) == [0, "–", "0.00"]


def test_words_and_tokens_are_quoted(figures: Report) -> None:
    assert shifted_tables(figures.token_shift)[1].csv() == "base context,word,shifted,emitted\nbase,'tok',3,12\n"


def test_log_odds_table() -> None:
    run = small_run()
    base = run.contexts["base"]
    rows = [
        {**row, "token": "Hi", "word": "hi"} if row["category"] == "shifted" else row for row in base.table.to_pylist()
    ]
    table = type(base.table).from_pylist(rows, schema=base.table.schema)
    changed = dataclasses.replace(run, contexts={"base": dataclasses.replace(base, table=table)})
    found = log_odds_table(build_report(changed).token_shift)
    assert [(row[1], row[2], *row[5:]) for row in found.rows] == [("token", "'Hi'", 3, 0), ("word", "'hi'", 3, 0)]
    assert all(isinstance(row[3], float) and row[3] > 0 for row in found.rows)
    assert found.caption is not None
    assert "of 500 pseudo-counts in all; z is the ratio over its standard error (Monroe" in found.caption


def test_context_table(contexts: Report) -> None:
    table = context_table(contexts.context_comparisons)
    assert table is not None
    row = named(table)
    assert (row["base context"], row["against"], row["positions"], row["answers"]) == ("urial", "base", 12, 6)
    # 7 of 12 are unshifted before and 11 after; 3 are shifted before and none after.
    assert (start(row["unshifted, points"]), start(row["shifted, points"])) == ("+33.33", "-25.00")
    assert start(row["KL (nats)"]) == "-0.25"
    assert (start(row["explained %"]), row["introduced %"]) == ("100.00", "–")
    # Answers with a difference, all of one sign: 4, 3 and 6. So p is 2/16, 2/8 and 2/64, times 2, 1 and 3.
    p_values = [str(row[name]).partition("] ")[2] for name in ("unshifted, points", "shifted, points", "KL (nats)")]
    assert p_values == ["(p 0.2500)", "(p 0.2500)", "(p 0.0938)"]
    assert table.caption is not None
    assert "corrected for the 3 tests of the table (Holm)" in table.caption


def test_one_context_has_no_table_of_contexts(figures: Report) -> None:
    assert figures.context_comparisons == ()
    assert context_table(figures.context_comparisons) is None


def test_tenths_are_counted_from_one(run: ReportInputs) -> None:
    table = curve_tables(run)[1]
    # Two tokens an answer: the middle of the first quarter and of the third.
    assert [list(row[:3]) for row in table.rows] == [["base", 3, 6], ["base", 8, 6]]
    row = named(table, 1)
    assert (row["shifted"], row["kl"], row["positions"], row["kl_positions"]) == (pytest.approx(2 / 6), 1.0, 6, 6)


def test_curves_count_what_is_known() -> None:
    by_position, _ = curve_tables(served_run())
    row = named(by_position)
    assert (row["kl"], row["kl_low"], row["kl_positions"]) == (None, None, 0)
    assert (row["base_rank"], row["base_rank_positions"], row["positions"]) == (1.0, 5, 6)


def test_shift_by_tag(run: ReportInputs) -> None:
    table = shift_tag_table(shifts_by_tag(run))
    row = named(table)
    assert [row[name] for name in ("kind", "tag", "base context", "answers", "positions")] == [
        "task",
        "tag",
        "base",
        6,
        12,
    ]
    assert (row["unshifted"], row["marginal"], row["shifted"]) == (7 / 12, 2 / 12, 3 / 12)
    assert len(table.rows) == 1


def test_a_tag_without_measured_answers_has_no_share() -> None:
    assert shifts_by_tag(empty_run()) == {}
    run = small_run()
    tagged = [*run.instructions[:5], run.instructions[5].model_copy(update={"topic": ("sea",)})]
    base = run.contexts["base"]
    less = dataclasses.replace(base, table=base.table.slice(0, 10))
    found = shifts_by_tag(dataclasses.replace(run, instructions=tagged, contexts={"base": less}))
    row = named(shift_tag_table(found), 1)
    assert (row["tag"], row["answers"], row["positions"], row["unshifted"], row["shifted_high"]) == (
        "sea",
        0,
        0,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "at least 0.50 [0.50, 0.50]"),
        ({"kl_lower_bound": None}, "–"),
    ],
)
def test_a_bound_is_never_a_bare_number(changes: dict[str, Any], text: str) -> None:
    report = build_report(served_run(**changes))
    assert kl_text(report.token_shift["base"]) == text
    assert shift_table(report).rows[0][4] == text


def test_a_mean_over_some_positions_says_so() -> None:
    run = served_run()
    base = run.contexts["base"]
    rows = base.table.to_pylist()
    rows[0] |= {"kl": 2.0, "kl_lower_bound": None}
    rows[1] |= {"kl_lower_bound": None}
    table = type(base.table).from_pylist(rows, schema=base.table.schema)
    changed = dataclasses.replace(run, contexts={"base": dataclasses.replace(base, table=table)})
    shift = build_report(changed).token_shift["base"]
    assert kl_text(shift) == "2.00 over 1 positions; at least 0.50 [0.50, 0.50] over 10 positions"


def test_hostile_tokens_and_tags_break_no_row() -> None:
    for text in HOSTILE:
        run = two_contexts(piece=text)
        tagged = [row.model_copy(update={"task": (text or "|",)}) for row in run.instructions]
        run = dataclasses.replace(run, instructions=tagged)
        report = build_report(run)
        tables = (
            shifted_tables(report.token_shift)[0], shifted_tables(report.token_shift)[1],
            log_odds_table(report.token_shift), label_table(report.token_shift), shift_tag_table(shifts_by_tag(run)),
        )  # fmt: skip
        for table in tables:
            lines = table.markdown().split("\n")
            assert len(lines) == 2 + 2 + len(table.rows) + (2 if table.caption else 0) + 1
            body = lines[2 : 4 + len(table.rows)]
            assert all(line.replace("\\|", "").count("|") == len(table.columns) + 1 for line in body)
            assert not any(sign in table.markdown() for sign in ("\x1b", "\u202e", "\r", "\x00", " <script"))
            parsed = list(csv.reader(io.StringIO(table.csv(), newline="")))
            assert [len(row) for row in parsed] == [len(table.columns)] * (1 + len(table.rows))


def test_tables_of_a_run_without_results() -> None:
    report = build_report(empty_run())
    shift = report.token_shift
    assert shifted_tables(shift)[1].rows == log_odds_table(shift).rows == []
    assert [row[2] for row in divergence_table(shift).rows] == [None] * 7
    assert {tuple(row[2:]) for row in label_table(shift).rows} == {(0, "–", "–")}
    assert list(coverage_table(shift).rows[0]) == ["base", 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, None]
    assert curve_tables(empty_run())[1].rows == []
    assert log_odds_table({}).caption is not None
