"""The sentences of a system text."""

import re

# A sentence ends with its line, or with . ? or ! before a space.
_END = re.compile(r"(?<=[.?!])[ \t]+|[ \t]*\r?\n\s*")


def first_sentences(text: str, count: int) -> str:
    """The text to the end of its sentence number ``count``; all of it where it has no more.

    >>> first_sentences("Be kind. Be e.g. brief!\\nNow", 2)
    'Be kind. Be e.g.'
    """
    ends = [match.start() for match in _END.finditer(text) if text[: match.start()].strip()]
    return text if len(ends) < count else text[: ends[count - 1]]


def sentence_count(text: str) -> int:
    """How many sentences ``first_sentences`` can tell apart.

    >>> sentence_count("Be kind. Be brief.")
    2
    """
    return 1 + sum(bool(text[: match.start()].strip() and text[match.end() :].strip()) for match in _END.finditer(text))
