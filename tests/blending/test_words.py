"""Where words of the helper end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_models import tiny_tokenizer
from urial.blending.words import MOST_TOKENS, TokenTexts, Word


class Texts(TokenTexts):
    """Given texts, a token each."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def __getitem__(self, token: int) -> str:
        return self.texts[token]


def words(texts: list[str]) -> list[str]:
    """The words that the tokens make, one after the other."""
    found: list[str] = []
    word = None
    for token, text in enumerate(texts):
        if word is None or not word.takes(token):
            word = Word(Texts(texts))
            found.append("")
        word.add(token)
        found[-1] += text
    return found


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([], []),
        (["Sure", ",", " here", " it", " is", "."], ["Sure,", " here", " it", " is."]),
        ([" ", " ", "a", "b", " c"], ["  ab", " c"]),
        (["\n\n", "Here", "\n", "1", ".", " a"], ["\n\nHere", "\n1.", " a"]),
        # A token that goes on beyond the end of the word ends it.
        (["end", ".\n\n", "Next"], ["end.\n\n", "Next"]),
        (["a b", "c"], ["a b", "c"]),
        # Control tokens have no text.
        (["", "a", "", " b"], ["a", " b"]),
        (["漢"] * 18, ["漢" * MOST_TOKENS, "漢" * 2]),
        ([" "] * 17, [" " * MOST_TOKENS, " "]),
    ],
)
def test_words(tokens: list[str], expected: list[str]) -> None:
    assert words(tokens) == expected


@given(st.lists(st.text(alphabet=" \nab.\u3000", max_size=3), max_size=40))
def test_words_are_all_of_the_text_and_begin_with_white_space_but_for_cuts(tokens: list[str]) -> None:
    found = words(tokens)
    assert "".join(found) == "".join(tokens)
    for word in found:
        assert len(word.split()) <= 3  # One, and what its last token has beyond it.


@given(st.text(alphabet="a b.\n", max_size=30))
def test_texts_of_tokens_make_the_text(text: str) -> None:
    tokenizer = tiny_tokenizer()
    texts = TokenTexts(tokenizer)
    assert "".join(texts[token] for token in tokenizer(text, add_special_tokens=False)["input_ids"]) == text
    assert texts[tokenizer.eos_token_id] == ""


def test_a_space_at_the_beginning_of_a_token_is_seen() -> None:
    tokenizer = tiny_tokenizer()
    (token,) = tokenizer(" the", add_special_tokens=False)["input_ids"]
    assert TokenTexts(tokenizer)[token] == " the"
