"""Text of strangers, as it is shown."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

import urial.core.text
from urial.core.text import cut, one_line, visible

HIDDEN = "\x00\x07\x1b\x7f\x85\u200b\u200e\u202e\u2028\u2066\ufeff\ud800"


def test_docstrings() -> None:
    found = doctest.testmod(urial.core.text)
    assert found.attempted
    assert not found.failed


def test_hidden_characters_get_signs() -> None:
    assert visible(HIDDEN).isprintable()
    assert visible("\u202e") == "⟨U+202E⟩"


def test_ordinary_text_stays() -> None:
    text = "Grüße,\t世界 👩‍🚀 می‌خواهم\u00a0!\n"
    assert visible(text) == text


@given(st.text())
def test_one_line_is_one_printable_line(text: str) -> None:
    assert len(one_line(text).splitlines()) <= 1
    assert not set(one_line(text)) & set(HIDDEN)
    assert visible(visible(text)) == visible(text)


@given(st.text(), st.integers(1, 20))
def test_cut_accounts_for_every_character(text: str, limit: int) -> None:
    shown, left_out = cut(text, limit)
    assert len(shown.removesuffix("…") if left_out else shown) + left_out == len(text)
