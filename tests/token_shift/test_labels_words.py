"""The words that tokens are part of."""

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_models import tiny_tokenizer
from tests.token_shift.cuts import spans_of
from urial.local_models.decoding.answer_text import token_spans
from urial.token_shift.measure.labels import MAX_WORD, words

PIECES = st.lists(st.one_of(st.text(max_size=8), st.text(" \n.-'’aé\u0301中ก1😀\u200d\u00ad", max_size=8)), max_size=12)


def words_of(*pieces: str) -> list[tuple[int, str] | None]:
    return words("".join(pieces), spans_of(list(pieces)))


def test_pieces_of_a_word_have_its_index_and_the_whole_of_it() -> None:
    assert words_of("Kar", "most", " is", "\n", "here", "!") == [
        (0, "Karmost"), (0, "Karmost"), (1, "is"), None, (2, "here"), None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  ... 😀 **", []),
        ("Don't, don’t; rock-'n'-roll.", ["Don't", "don’t", "rock", "n", "roll"]),
        ("'quoted' James' well-known -x- a--b", ["quoted", "James", "well-known", "x", "a", "b"]),
        ("3.14 1990s COVID-19 snake_case", ["3", "14", "1990s", "COVID-19", "snake", "case"]),
        ("cafe\u0301 nai\u0308ve \u0301x", ["cafe\u0301", "nai\u0308ve", "x"]),
        ("می\u200cخواهم שָׁלוֹם नमस्ते co\u00adop", ["می\u200cخواهم", "שָׁלוֹם", "नमस्ते", "co\u00adop"]),
        ("中文and ไทย", ["中", "文", "and", "ไ", "ท", "ย"]),
        ("1️⃣ x\u200d y", ["1️⃣", "x", "y"]),
    ],
)
def test_what_a_word_is(text: str, expected: list[str]) -> None:
    found = [word for word in words_of(*text) if word is not None]
    assert list(dict.fromkeys(found)) == list(enumerate(expected))


def test_a_token_in_two_words_is_part_of_the_first() -> None:
    assert words_of("a of", " the", "se rivers", "s") == [(0, "a"), (2, "these"), (2, "these"), (3, "riverss")]


def test_a_token_without_characters_is_part_of_a_word_only_where_a_character_can_be_split() -> None:
    assert words("né", [(0, 1), (1, 2), (2, 2)]) == [(0, "né")] * 3
    assert words("n", [(0, 1), (1, 1)]) == [(0, "n"), None]
    assert words("no", [(0, 1), (1, 1), (1, 2)]) == [(0, "no"), None, (0, "no")]
    assert words("n😀", [(0, 1), (1, 2), (2, 2)]) == [(0, "n"), None, None]
    assert words("", [(0, 0)]) == [None]


def test_an_end_token_is_part_of_no_word_where_the_caller_names_it() -> None:
    spans = [(0, 2), (2, 2)]
    assert words("né", spans) == [(0, "né"), (0, "né")]
    assert words("né", spans, [False, True]) == [(0, "né"), None]


def test_bytes_of_a_real_tokenizer_are_part_of_the_word_around_them() -> None:
    tokenizer, text = tiny_tokenizer(), "naïve 中"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    found = words(text, token_spans(tokenizer, [1], ids))
    assert set(found) - {None} == {(0, "naïve"), (1, "中")}
    assert found[-3:] == [(1, "中")] * 3


def test_what_is_too_long_is_no_word_and_not_counted() -> None:
    longest, longer = "a" * MAX_WORD, "b" * (MAX_WORD + 1)
    assert words_of(longer, " ", longest, " c") == [None, None, (0, longest), (1, "c")]


@pytest.mark.parametrize("unit", ["a", "a-", "a ", "中", "\u0301", "a\u0301\u200d", "'", "😀"])
def test_long_hostile_text_comes_to_an_end(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    assert len(words_of(*text)) == 100_000


@given(PIECES)
def test_words_partition_the_letters_and_digits(pieces: list[str]) -> None:
    text = "".join(pieces)
    found = words_of(*text)
    inside = [word for word in found if word is not None]
    # Each word has as many characters as say that they are part of it, and the words are numbered without gaps.
    assert [index for index, _ in dict.fromkeys(inside)] == list(range(len(set(inside))))
    assert all(len(word[1]) == inside.count(word) for word in set(inside))
    assert inside == sorted(inside, key=lambda word: word[0])
    for character, word in zip(text, found, strict=True):
        assert word is not None or not regex.match(r"[\p{L}\p{N}]", character)


@given(PIECES)
def test_a_token_has_the_first_word_of_its_characters(pieces: list[str]) -> None:
    single = words_of(*"".join(pieces))
    for (start, end), word in zip(spans_of(pieces), words_of(*pieces), strict=True):
        if start < end:
            assert word == next((found for found in single[start:end] if found is not None), None)
