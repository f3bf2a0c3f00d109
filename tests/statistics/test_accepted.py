"""Accepted answers are found as SQuAD's and TriviaQA's evaluations find them, in any language."""

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.statistics.accepted import Comparable, match, words_of

WORDS = st.lists(
    st.sampled_from(["karmost", "selwen", "moss", "42", "-3", "3.5", "straße", "हिन्दी", "首", "서"]),
    min_size=1,
    max_size=4,
)


def found(accepted: str, answer: str) -> str:
    return match(Comparable.of(accepted), Comparable.of(answer))


@pytest.mark.parametrize(
    ("accepted", "answer", "expected"),
    [
        ("Karmost", "Karmost.", "exact"),
        ("Karmost", "  KARMOST\n", "exact"),
        ("Karmost", "The capital of Ardovia is Karmost, on the Selwen.", "contained"),
        ("Karmost", "Karmostia", "missed"),
        ("Karmost", "", "missed"),
        ("moss", "mosses", "missed"),
        ("the Eiffel Tower", "Eiffel tower!", "exact"),
        ("Eiffel Tower", "It is an Eiffel of a tower", "missed"),
        ("New York", "york new york", "contained"),
        # Punctuation is space, as in TriviaQA, and that of any script.
        ("O'Neill", "o’neill", "exact"),
        ("Selwen", "Karmost/Selwen—or not", "contained"),
        ("Italie", "l’Italie", "contained"),
        ("karmost", "snake_karmost_case", "contained"),
        ("Karmost", "“Karmost”…", "exact"),
        # What has only an article, or no word, is compared as it is.
        ("A", "The answer is A.", "contained"),
        ("A", "a", "exact"),
        ("The Who", "Who?", "exact"),
        ("+", "2 + 3", "contained"),
        ("+", "2 - 3", "missed"),
        ("\N{SLIGHTLY SMILING FACE}", "ok \N{SLIGHTLY SMILING FACE}", "contained"),
        # Numbers.
        ("3.5", "It is 3.5.", "contained"),
        ("3.5", "35", "missed"),
        ("35", "3.5", "missed"),
        ("1,000", "1000", "exact"),
        ("1000000", "1,000,000", "exact"),
        ("5", "-5", "missed"),
        ("-5", "\N{MINUS SIGN}5", "exact"),
        ("1995", "1990-1995", "contained"),
        ("19", "covid-19", "contained"),
        ("19", "covid19", "missed"),
        ("5", "$5", "exact"),
        ("10000", "1,0000", "missed"),
        # One letter, however it is written.
        ("Zürich", unicodedata.normalize("NFD", "ZÜRICH"), "exact"),
        ("straße", "STRASSE", "exact"),
        ("42", "４２", "exact"),
        ("cooperate", "co\N{SOFT HYPHEN}operate", "exact"),
        ("fine", "ﬁne", "exact"),
        # Scripts without spaces, or with endings that are written on.
        ("北京", "中国的首都是北京。", "contained"),
        ("北京", "北\N{IDEOGRAPHIC SPACE}京", "exact"),
        ("京北", "北京", "missed"),
        ("東京", "日本の首都は東京です", "contained"),
        ("서울", "수도는 서울입니다", "contained"),
        ("กรุงเทพ", "เมืองหลวงคือกรุงเทพ", "contained"),
        # Marks belong to their letters.
        ("हिन्दी", "यह हिन्दी है", "contained"),
        ("क", "की", "missed"),
        ("ก", "กี", "missed"),
    ],
)
def test_an_accepted_answer_is_found(accepted: str, answer: str, expected: str) -> None:
    assert found(accepted, answer) == expected


@given(st.text())
def test_a_text_is_an_exact_answer_to_itself_unless_it_is_blank(text: str) -> None:
    blank = not "".join(unicodedata.normalize("NFKC", text).split())
    assert found(text, text) == ("missed" if blank else "exact")


@given(before=WORDS, words=WORDS, after=WORDS)
def test_whole_words_are_found_wherever_they_stand(before: list[str], words: list[str], after: list[str]) -> None:
    accepted, answer = " ".join(words), " ".join([*before, *words, *after])
    assert found(accepted, answer) == "contained"
    assert found(accepted, accepted.upper()) == "exact"


@given(st.text(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_words_are_the_same_however_a_text_is_composed(text: str, form: str) -> None:
    composed = unicodedata.normalize(form, text)  # type: ignore[arg-type]
    assert words_of(unicodedata.normalize("NFKC", composed)) == words_of(unicodedata.normalize("NFKC", text))


@given(st.text(alphabet=string.ascii_letters + string.punctuation.replace("-", "") + " \t\n"))
def test_letters_and_punctuation_of_ascii_are_as_in_trivia_qa(text: str) -> None:
    reference = "".join(" " if letter in string.punctuation else letter for letter in text.lower()).split()
    assert words_of(text) == reference
    without = [word for word in reference if word not in ("a", "an", "the")]
    assert Comparable.of(text).without_articles.split() == without


@given(st.text(), st.text())
def test_contained_is_no_less_than_exact(accepted: str, answer: str) -> None:
    assert found(accepted, f"{answer} {accepted}") in (("exact", "contained") if accepted.strip() else ("missed",))


def test_a_long_answer_takes_no_more_than_its_length() -> None:
    for text in ("1," * 50_000 + "a", "1.1" * 50_000 + "x", "-" * 100_000, "\u0301" * 100_000, "1" * 100_000 + "a"):
        words_of(text)
