"""Model text cannot act on the terminal, and columns keep to their width whatever stands in them."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from urial.cli.chat.terminal import compared
from urial.core.text import visible

ANY = st.text(max_size=80)


def columns(line: str) -> int:
    zero = ("Mn", "Me", "Cf")
    return sum(
        0 if unicodedata.category(char) in zero else 1 + (unicodedata.east_asian_width(char) in "WF") for char in line
    )


@given(st.lists(st.tuples(st.just("base"), ANY), min_size=1, max_size=3), st.integers(100, 200))
def test_no_line_is_wider_than_the_terminal_and_no_word_is_lost(answers: list[tuple[str, str]], width: int) -> None:
    lines = compared(answers, width).split("\n")
    assert all(columns(line) <= width for line in lines)
    if len(answers) == 1:
        told = "".join("".join(lines[2:]).split())
        assert told == "".join(visible(answers[0][1]).split())


def test_wide_terminals_show_answers_side_by_side() -> None:
    answers = [("base, x/zero-shot", "Karmost."), ("base, x/urial-k3", "Hello there. " * 3 + "\n\n1. a\n2. \x1b[1mb"), ("aligned", "漢字" * 10)]  # fmt: skip
    assert compared(answers, 100) == "\n".join(
        [
            "base, x/zero-shot               | base, x/urial-k3                | aligned",
            "------------------------------- | ------------------------------- | -------------------------------",
            "Karmost.                        | Hello there. Hello there. Hello | 漢字漢字漢字漢字漢字漢字漢字漢",
            "                                | there.                          | 字漢字漢字",
            "                                |                                 |",
            "                                | 1. a                            |",
            "                                | 2. ␛[1mb                        |",
        ]
    )


def test_narrow_terminals_show_answers_one_below_the_other() -> None:
    assert compared([("base", "a\nb"), ("aligned", "c")], 99) == (
        f"--- base {'-' * 51}\na\nb\n\n--- aligned {'-' * 48}\nc"
    )


def test_a_word_wider_than_its_column_is_broken() -> None:
    lines = compared([("base", "x" * 250)], 100).split("\n")
    assert lines[2:] == ["x" * 100, "x" * 100, "x" * 50]
