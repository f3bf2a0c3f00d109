"""The lexicon: the words and phrases by which a token is labeled, read from lexicon.yaml and checked.

A word is letters and digits with the marks on them, and the apostrophes, hyphens and joiners between them. In scripts
that are written without spaces every character is a word.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import regex

from urial.core.errors import UrialError, shorten
from urial.core.yaml_files import parse_yaml_record
from urial.records.base import Record
from urial.records.token_shift import Label

LEXICON = Path(__file__).with_name("lexicon.yaml")
PHRASE_LABELS: tuple[Label, ...] = ("discourse", "greeting", "closing", "hedging", "refusal")
"""The labels that phrases have, the weakest first."""

_SPACELESS = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_LETTER = rf"[\p{{L}}\p{{N}}--[{_SPACELESS}]]"
_RUN = rf"{_LETTER}[\p{{L}}\p{{N}}\p{{M}}--[{_SPACELESS}]]*+"
# Hyphens, apostrophes, soft hyphen, and the two joiners that Persian and the scripts of India write inside words.
_INNER = r"['’ʼ\-‐‑\u00ad\u200c\u200d]"
# Greedy without backtracking, so that the time stays proportional to the text.
WORD = regex.compile(rf"[{_SPACELESS}]\p{{M}}*+|{_RUN}(?:{_INNER}{_RUN})*+", regex.V1)

Words = tuple[str, ...]
"""A phrase as `normal` words."""


class LexiconFile(Record):
    """lexicon.yaml; its comments say what belongs under each key."""

    spellings: dict[str, str]
    greeting: tuple[str, ...]
    discourse: tuple[str, ...]
    hedging: tuple[str, ...]
    refusal: tuple[str, ...]
    closing: tuple[str, ...]
    function_word: tuple[str, ...]


@dataclass(frozen=True)
class Phrase:
    """What a phrase is labeled, and whether a punctuation mark, a line break or the end must follow it."""

    label: Label
    stopped: bool


@dataclass(frozen=True)
class Lexicon:
    """The phrases ready for looking up; `longest` is the number of words of the longest by its first word."""

    phrases: dict[Words, Phrase]
    longest: dict[str, int]
    function_words: frozenset[str]


def normal(word: str) -> str:
    """A word as it is compared: no upper case, one kind of apostrophe."""
    return word.replace("’", "'").replace("ʼ", "'").casefold()


@lru_cache
def read_lexicon(path: Path = LEXICON) -> Lexicon:
    """The lexicon of a file.

    Raises UrialError that names file, key and phrase: an unknown or missing key; a phrase that is empty, stands twice or
    under two keys, or is not whole words with one space between them.
    """
    try:
        file = parse_yaml_record(path, LexiconFile)
    except UrialError as error:
        raise error.but(expected="the keys of lexicon.yaml with lists of phrases") from error
    phrases = _phrases(path, file)
    longest: dict[str, int] = {}
    for words in phrases:
        longest[words[0]] = max(len(words), longest.get(words[0], 0))
    function_words: set[str] = set()
    for text in file.function_word:
        words = phrase_words(path, "function_word", text)
        if len(words) > 1 or text.endswith(","):
            raise UrialError(f"function_word: {shorten(text)} is not one word", path=path)
        if words[0] in function_words:
            raise _repeated(path, "function_word", text, "function_word")
        other = phrases.get(words)
        # With a comma the two never meet: the phrase is one where a mark follows, the function word everywhere else.
        if other is not None and not other.stopped:
            raise _repeated(path, "function_word", text, other.label)
        function_words.add(words[0])
    return Lexicon(phrases, longest, frozenset(function_words))


def _phrases(path: Path, file: LexiconFile) -> dict[Words, Phrase]:
    spellings = spellings_of(path, file.spellings)
    phrases: dict[Words, Phrase] = {}
    for label in PHRASE_LABELS:
        for text in getattr(file, label):
            for words in spelled(phrase_words(path, label, text), spellings):
                if words in phrases:
                    raise _repeated(path, label, text, phrases[words].label)
                phrases[words] = Phrase(label, text.endswith(","))
    return phrases


def spellings_of(path: Path, spellings: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of words in full and in another spelling, each with a space at either end."""
    return [(_spelling(path, full), _spelling(path, short)) for short, full in spellings.items()]


def _spelling(path: Path, text: str) -> str:
    return f" {' '.join(phrase_words(path, 'spellings', text))} "


def phrase_words(path: Path, key: str, text: str) -> Words:
    """The words of a phrase as the file has it. Raises UrialError for what is no phrase."""
    if not text.strip(" ,"):
        raise UrialError(f"{key}: the phrase {shorten(text)} is empty", path=path, fix="remove it")
    phrase = text.removesuffix(",")
    words = WORD.findall(phrase)
    if " ".join(words) != phrase:
        raise UrialError(
            f"{key}: {shorten(text)} is not a phrase",
            path=path,
            expected="words with one space between them, and perhaps a comma at the end",
        )
    return tuple(map(normal, words))


def spelled(words: Words, spellings: Sequence[tuple[str, str]]) -> Iterator[Words]:
    """A phrase in every spelling (I am glad, I'm glad). A spelling has a space at either end, and so ends with a word."""
    found = {f" {' '.join(words)} "}
    for full, short in spellings:
        found |= {text.replace(full, short) for text in found}
    return (tuple(text.split()) for text in sorted(found))


def _repeated(path: Path, key: str, text: str, other: Label) -> UrialError:
    where = "twice" if other == key else f"under {other} too"
    return UrialError(f"{key}: the phrase {shorten(text)} stands {where}", path=path, fix="keep one of the two")
