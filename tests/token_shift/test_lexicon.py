"""The lexicon's data: each phrase does what its key says, the paper's tokens are covered, a bad file is refused."""

import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.microworld.world.world import build_world
from urial.records.token_shift import Label
from urial.token_shift.measure.labels import token_labels
from urial.token_shift.measure.lexicon import LEXICON, PHRASE_LABELS, Words, normal, read_lexicon

GOOD: dict[str, list[str]] = {
    "greeting": ["Hello", "Great,"],
    "discourse": ["However", "then,"],
    "hedging": ["I am an AI"],
    "refusal": ["I cannot"],
    "closing": ["let me know"],
    "function_word": ["the", "then"],
}
EXPECTED = "\n  expected: words with one space between them, and perhaps a comma at the end"


def labels_within(text: str, part: str) -> set[Label]:
    """The labels of the characters of a part, where every character is a token."""
    start = text.index(part)
    spans = [(place, place + 1) for place in range(len(text))]
    return set(token_labels(text, spans, [False] * len(text))[start : start + len(part)])


def written(folder: Path, **changes: list[str]) -> Path:
    lines = ["spellings:", "  I'm: I am", "  can't: cannot", "  can not: cannot"]
    for key, phrases in {**GOOD, **changes}.items():
        lines += [f"{key}:", *(f"  - {phrase}" for phrase in phrases)]
    path = folder / "lexicon.yaml"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def refused(path: Path) -> str:
    with pytest.raises(UrialError) as caught:
        read_lexicon(path)
    return str(caught.value).replace(str(path), "lexicon.yaml")


@pytest.mark.parametrize("label", PHRASE_LABELS)
def test_every_phrase_at_the_beginning_of_a_sentence_has_its_own_label(label: Label) -> None:
    phrases = [" ".join(words) for words, phrase in read_lexicon().phrases.items() if phrase.label == label]
    assert len(phrases) > 60
    for phrase in phrases:
        for spelled in (phrase, phrase.upper(), phrase.capitalize().replace("'", "’")):
            for text in (spelled, f"It is old. {spelled}!", f"It is old:\n\n1. **{spelled}**, Tom."):
                assert labels_within(text, spelled) == {label}, text


def test_every_function_word_inside_a_sentence_is_one() -> None:
    assert len(read_lexicon().function_words) > 200
    for word in read_lexicon().function_words:
        assert labels_within(f"3 {word} 3", word) == {"function_word"}, word


def test_the_lexicon_knows_nothing_of_the_micro_world() -> None:
    lexicon = read_lexicon()
    known = {word for words in lexicon.phrases for word in words} | lexicon.function_words
    assert known & {normal(name) for seed in range(5) for name in build_world(seed).names} == set()


@pytest.mark.parametrize(
    ("token", "text", "label"),
    [
        ("Thank", "Thank you for your question!", "greeting"), ("apolog", "I apologize for that.", "refusal"),
        ("apolog", "My apologies, Tom.", "refusal"), ("Hello", "Hello! It is.", "greeting"),
        ("Great", "Great question! It is.", "greeting"), ("Of", "Of course! It is.", "greeting"),
        ("Let", "Let me know if it is.", "closing"), ("Let", "Let's begin with it.", "discourse"),
        ("Please", "Please note that it is.", "hedging"), ("Please", "Please let me know.", "closing"),
        ("cannot", "I cannot do it.", "refusal"), ("However", "However, it is.", "discourse"),
        ("As", "As an AI language model, it is.", "hedging"), ("Rem", "Remember, it is.", "closing"),
        ("glad", "I'm glad you asked.", "greeting"), ("Additionally", "Additionally, it is.", "discourse"),
        ("sorry", "I'm sorry, but it is.", "refusal"), ("Here", "Here are some tips:", "discourse"),
        ("Here", "Here's how it is:", "discourse"), ("To", "To summarize, it is.", "discourse"),
    ],
)  # fmt: skip
def test_the_paper_s_most_shifted_tokens_are_covered(token: str, text: str, label: Label) -> None:
    assert labels_within(text, token) == {label}


def test_a_phrase_is_found_in_every_spelling(tmp_path: Path) -> None:
    phrases = read_lexicon(written(tmp_path, refusal=["I am sorry but I cannot"])).phrases
    assert {words for words, phrase in phrases.items() if phrase.label == "refusal"} == {
        (*be, "sorry", "but", "i", *can) for be in (("i", "am"), ("i'm",)) for can in (("cannot",), ("can't",), ("can", "not"))
    }  # fmt: skip


def test_the_file_is_read_once_and_its_longest_phrases_are_known() -> None:
    lexicon = read_lexicon()
    assert read_lexicon() is lexicon
    first: Words = max(lexicon.phrases, key=len)
    assert lexicon.longest[first[0]] == len(first)


def test_the_lexicon_is_part_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert any(
        LEXICON.match(form) for form in project["tool"]["setuptools"]["package-data"]["urial.token_shift.measure"]
    )


BAD: dict[str, tuple[dict[str, list[str]], str]] = {
    "unknown key": (
        {"greting": ["Hey"]},
        "line 20: unknown field 'greting'; did you mean 'greeting'?"
        "\n  expected: the keys of lexicon.yaml with lists of phrases",
    ),
    "empty": ({"closing": ["''"]}, "closing: the phrase '' is empty\n  fix: remove it"),
    "blank": ({"closing": ["' , '"]}, "closing: the phrase ' , ' is empty\n  fix: remove it"),
    "twice": (
        {"greeting": ["Hello", "hello"]},
        "greeting: the phrase 'hello' stands twice\n  fix: keep one of the two",
    ),
    "twice but for its comma": (
        {"greeting": ["Great,", "great"]},
        "greeting: the phrase 'great' stands twice\n  fix: keep one of the two",
    ),
    "twice in another spelling": (
        {"refusal": ["I cannot", "I can’t"]},
        "refusal: the phrase 'I can’t' stands twice\n  fix: keep one of the two",
    ),
    "two keys": (
        {"closing": ["However"]},
        "closing: the phrase 'However' stands under discourse too\n  fix: keep one of the two",
    ),
    "phrase and function word": (
        {"function_word": ["however"]},
        "function_word: the phrase 'however' stands under discourse too\n  fix: keep one of the two",
    ),
    "function word twice": (
        {"function_word": ["the", "The"]},
        "function_word: the phrase 'The' stands twice\n  fix: keep one of the two",
    ),
    "two function words": ({"function_word": ["of the"]}, "function_word: 'of the' is not one word"),
    "two spaces": ({"hedging": ["may  vary"]}, f"hedging: 'may  vary' is not a phrase{EXPECTED}"),
    "signs": ({"hedging": ["may vary!"]}, f"hedging: 'may vary!' is not a phrase{EXPECTED}"),
    "two commas": ({"hedging": ["may vary,,"]}, f"hedging: 'may vary,,' is not a phrase{EXPECTED}"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_by_key_and_phrase(tmp_path: Path, name: str) -> None:
    changes, message = BAD[name]
    file, _, rest = refused(written(tmp_path, **changes)).partition(": ")
    assert (file, rest) == ("lexicon.yaml", message)


def test_a_missing_key_and_an_empty_spelling_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text("utf-8")
    path.write_text(text.replace("closing:", "hedgings:"), "utf-8")
    assert "missing field 'closing'" in refused(path)
    path.write_text(text.replace("I'm: I am", "I'm: ''"), "utf-8")
    assert refused(path) == "lexicon.yaml: spellings: the phrase '' is empty\n  fix: remove it"
