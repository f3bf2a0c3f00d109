"""How text that a model or a stranger wrote is shown: nothing invisible, nothing endless."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

# Joiners shape real words (Persian, emoji); every other format character can hide or reorder text.
_JOINERS = "\u200c\u200d"
_CUT_SIGN = "…"


def visible(text: str) -> str:
    """The text with a sign in place of every character that has no shape; line ends and tabs stay.

    >>> visible("a\\x1b[31m\\u202eb")
    'a␛[31m⟨U+202E⟩b'
    """
    # Nearly every text and every line is printable, which Python knows at once; a site has millions of characters.
    if text.isprintable():
        return text
    return "\n".join(line if line.isprintable() else "".join(map(_sign, line)) for line in text.split("\n"))


def one_line(text: str) -> str:
    """``visible`` with signs for line ends and tabs as well.

    >>> one_line("a\\n\\tb")
    'a↵⇥b'
    """
    return visible(text.replace("\n", "↵").replace("\t", "⇥"))


def cut(text: str, limit: int) -> tuple[str, int]:
    """At most the first ``limit`` characters, and the number of characters left out.

    >>> cut("abcdef", 4), cut("abc", 4)
    (('abcd…', 2), ('abc', 0))
    """
    left_out = max(0, len(text) - limit)
    return (text[:limit] + _CUT_SIGN, left_out) if left_out else (text, 0)


def and_more(texts: Iterable[str], most: int, separator: str = ", ") -> str:
    """The first ``most`` texts, each on one line, and the number of those left out.

    >>> and_more(["a", "b", "c"], 2), and_more(["a", "b"], 2), and_more("abc", 2, "; ")
    ('a, b and 1 more', 'a, b', 'a; b; and 1 more')
    """
    lines = list(map(one_line, texts))
    left_out = f"{' ' if separator == ', ' else separator}and {len(lines) - most:,} more" if len(lines) > most else ""
    return separator.join(lines[:most]) + left_out


def counted(count: int, one: str, several: str | None = None) -> str:
    """A number of things in words, ``several`` where an s at the end of ``one`` is not their plural.

    >>> counted(1, "token"), counted(1_000, "token"), counted(0, "reply", "replies")
    ('1 token', '1,000 tokens', '0 replies')
    """
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def counted_between(lowest: int, highest: int, one: str) -> str:
    """A range of numbers of things in words, of which the ends can be one.

    >>> counted_between(26, 26, "token"), counted_between(1, 2_600, "token")
    ('26 tokens', '1 to 2,600 tokens')
    """
    return counted(highest, one) if lowest == highest else f"{lowest:,} to {counted(highest, one)}"


def shared_length(first: Sequence[object], second: Sequence[object]) -> int:
    """How much two texts, bytes or lists have in common from their beginning on.

    >>> shared_length("abc", "abd"), shared_length([1, 2], [1, 2, 3])
    (2, 2)
    """
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(first), len(second)))


def width(text: str) -> int:
    """The number of columns that a terminal gives the text, which has no control characters.

    >>> width("abc"), width("世界")
    (3, 4)
    """
    return sum(
        0 if unicodedata.category(character) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(character) in ("W", "F")
        else 1
        for character in text
    )  # fmt: skip


def as_name(text: str) -> str:
    """A name that records take: every other sign than letters, digits, '.', '_' and '-' becomes '-'; empty where nothing is left.

    >>> as_name("OpenHermes-2.5-Mistral (7B)"), as_name("K=0//Llama.json"), as_name("//")
    ('OpenHermes-2.5-Mistral-7B', 'K-0-Llama.json', '')
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:100]


def _sign(character: str) -> str:
    if character in "\n\t" or character in _JOINERS or character.isprintable():
        return character
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    # Other spaces have a width; line and paragraph separators would break a line unseen.
    return character if unicodedata.category(character) == "Zs" else f"⟨U+{code:04X}⟩"
