"""Whether an answer is an accepted one, or has one in it, word by word.

The rules are those of the evaluations of SQuAD (Rajpurkar et al. 2016) and TriviaQA (Joshi et al. 2017): letters are lower case,
punctuation is space (TriviaQA), the articles a, an and the are left out, and of white space no more than one is left. They are for
ASCII; here they are for any text:

- letters of one kind are one letter: NFKC, then case folding; format characters, such as soft hyphens, are left out;
- punctuation and symbols are those of Unicode;
- a number keeps its sign and its point, and loses commas between thousands: 3.5 is not 35, and 1,000 is 1000;
- in scripts that put no space between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese), or words and their endings into one
  (Korean), each character is a word, as in MLQA (Lewis et al. 2020) for Chinese;
- what has no word without its articles keeps them, and what has no word at all, such as +, is compared as it is.
"""

import re
import unicodedata
from dataclasses import dataclass, fields
from typing import Literal

Match = Literal["exact", "contained", "missed"]

_ARTICLES = frozenset({"a", "an", "the"})
_MINUS = "\N{MINUS SIGN}"
# What may be in a number, or end a sentence.
_IN_NUMBERS = f".,-{_MINUS}"
# A number that is no part of a word; else anything between spaces and these.
_WORD = re.compile(
    rf"((?<!\S)[-{_MINUS}])?(\d{{1,3}}(?:,\d{{3}})+|\d+)((?:\.\d+)*)(?![^\s.,{_MINUS}-])|[^\s.,{_MINUS}-]+"
)
_UNSPACED = re.compile(
    "["
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u3040-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"  # Chinese characters
    "\uac00-\ud7a3"  # Korean
    "]"
)


class _Kept(dict[int, str | None]):
    """What is left of a character, by its number: itself, a space, or nothing; made when it is met first."""

    def __missing__(self, number: int) -> str | None:
        character = chr(number)
        category = unicodedata.category(character)
        kept = character if category[0] in "LMN" or character in _IN_NUMBERS else None if category == "Cf" else " "
        self[number] = kept
        return kept


_KEPT = _Kept()


@dataclass(frozen=True)
class Comparable:
    """A text as it is compared: the first of these forms that an accepted answer has, with a space around each word."""

    without_articles: str
    words: str
    characters: str

    @classmethod
    def of(cls, text: str) -> "Comparable":
        """The forms of a text; one without any word is empty."""
        words = words_of(text)
        return cls(
            _spaced([word for word in words if word not in _ARTICLES]), _spaced(words), "".join(_folded(text).split())
        )


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared, articles included.

    >>> words_of("The U.S. has 1,000 rivers -- l\\u2019Oise\\u2026")
    ['the', 'u', 's', 'has', '1000', 'rivers', 'l', 'oise']
    """
    words = []
    for found in _WORD.finditer(_folded(text).translate(_KEPT)):
        sign, whole, decimals = found.groups()
        if whole is not None:
            words.append(f"{'-' if sign else ''}{whole.replace(',', '')}{decimals}")
        else:
            words += _pieces(found[0])
    return words


def match(accepted: Comparable, answer: Comparable) -> Match:
    """``exact``: the whole answer is the accepted one; ``contained``: the accepted one stands in it as whole words."""
    for form in fields(Comparable):
        wanted, given = getattr(accepted, form.name), getattr(answer, form.name)
        if wanted:
            return "exact" if wanted == given else "contained" if wanted in given else "missed"
    return "missed"


def _folded(text: str) -> str:
    """The text with letters of one kind made one; folding can take a composed letter apart, hence twice."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", folded)


def _pieces(word: str) -> list[str]:
    """The word, or each character of it that is one by itself; a mark belongs to the character before it, if there is one."""
    if word.isascii():
        return [word]
    pieces: list[str] = []
    for character in word:
        is_mark = unicodedata.category(character).startswith("M")
        if pieces and (is_mark or not (_UNSPACED.match(character) or _UNSPACED.match(pieces[-1]))):
            pieces[-1] += character
        elif not is_mark:
            pieces.append(character)
    return pieces


def _spaced(words: list[str]) -> str:
    return f" {' '.join(words)} " if words else ""
