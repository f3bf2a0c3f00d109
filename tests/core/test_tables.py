"""Every writer of a table, with text that means harm."""

import csv
import doctest
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import urial.core.tables
from urial.core.tables import Table, escape, show, table_of
from urial.core.text import one_line

HOSTILE = '<script>\\input{x}|`*_\n\r\t\x00\x1b[31m\x9b2J\u202e\u2066\u200b\u2028\ufeff$%&#^~{}"=1+1'
HIDDEN = set("\x00\r\x1b\x7f\x85\x9b\u200b\u200e\u202e\u2028\u2066\ufeff\ud800")
TABLE = Table(HOSTILE, [HOSTILE, "n"], [[HOSTILE, 1], ["b", None]], HOSTILE)


def test_docstrings() -> None:
    found = doctest.testmod(urial.core.tables)
    assert found.attempted
    assert not found.failed


@pytest.mark.parametrize("writer", ["terminal", "markdown", "csv", "latex"])
def test_no_writer_lets_a_hidden_character_through(writer: str) -> None:
    text = getattr(TABLE, writer)()
    assert not set(text) & HIDDEN
    assert "\t" not in text
    assert "⟨U+202E⟩" in text


@given(st.text(), st.text(), st.text())
def test_no_text_breaks_a_row(title: str, column: str, cell: str) -> None:
    table = Table(title, [column, "n"], [[cell, 1], ["b", 2.5]], cell)
    assert table.terminal().count("\n") == 3
    assert len(table.terminal().splitlines()) == 3
    lines = table.markdown().splitlines()
    assert [len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines[2:6]] == [3] * 4
    assert [len(row) for row in csv.reader(io.StringIO(table.csv(), newline=""))] == [2] * 3
    rows = [line for line in table.latex().splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [1] * 3
    unescaped = re.sub(r"\\[#$%&_]", "", table.latex())
    assert unescaped.count("{") == unescaped.count("}")
    assert not re.search(r"[$#%_^~]", "".join(rows[1:]).replace(r"\textasciitilde", "").replace(r"\textasciicircum", "")
                         .replace("\\$", "").replace("\\#", "").replace("\\%", "").replace("\\_", ""))  # fmt: skip


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1+1", "@SUM(1)", "-2+3 [1]", " =1", "＝1", "=1\n"])
def test_no_spreadsheet_computes_a_text(text: str) -> None:
    (_, cell) = csv.reader(io.StringIO(Table("", ["text"], [[text]]).csv()))
    assert cell[0].startswith("'")
    assert cell[0][1:].strip() == one_line(text).strip()


def test_what_is_no_formula_is_left_as_it_is_in_csv() -> None:
    cells: list[str | float | None] = [
        "-",
        "a=b",
        "1-2",
        "\t=1",
        -1.5,
        None,
        "'quoted",
        "-1.61 [-1.71, -1.50] (p 0.0003)",
    ]
    (_, found) = csv.reader(io.StringIO(Table("", list("abcdefgh"), [cells]).csv()))
    assert found == ["-", "a=b", "1-2", "⇥=1", "-1.5", "", "'quoted", "-1.61 [-1.71, -1.50] (p 0.0003)"]


def test_terminal_columns_are_as_wide_as_what_a_terminal_shows() -> None:
    table = table_of([{"name": "世界", "n": 1, "text": "free"}, {"name": "a", "n": None, "text": ""}])
    assert table.terminal() == "name  n  text\n世界  1  free\na     –  \n"


def test_latex_of_a_small_table() -> None:
    assert Table("Costs", ["name", "%"], [["a_b", 1.234]], "All.").latex().split("\n")[4:10] == [
        r"\caption{Costs. All.}", r"\begin{tabular}{ll}", r"\hline", r"name & \% \\", r"\hline", r"a\_b & 1.23 \\",
    ]  # fmt: skip


def test_a_table_of_no_rows_has_no_columns() -> None:
    assert table_of([]).columns == []


@given(st.text("ab1_é .-*", max_size=12))
def test_markdown_shows_the_cell(text: str) -> None:
    shown = MarkdownIt("commonmark").render(f"x {escape(text)} x")
    assert "<em>" not in shown
    assert "<strong>" not in shown
    assert shown == f"<p>x {text} x</p>\n"


def test_a_name_is_shown_in_markdown_as_it_is() -> None:
    assert [escape(text) for text in ("gpt4_turbo_1", "a__b", "_a_", "x._y_")] == [
        "gpt4_turbo_1", "a__b", r"\_a\_", r"x.\_y\_",
    ]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), [(-0.004, "0.00"), (-0.0, "0.00"), (-0.006, "-0.01"), (None, "–")])
def test_what_rounds_to_zero_has_no_sign(value: float | None, text: str) -> None:
    assert show(value) == text
