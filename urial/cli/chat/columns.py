"""Model text on a terminal: nothing in it acts on the terminal, and answers stand side by side."""

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest

# Narrower terminals show answers one below the other.
SIDE_BY_SIDE = 100
GAP = " | "
# Joiners are format characters too, and scripts and emoji need them.
_HARMLESS = "\n\t\u200c\u200d"
_INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")


def visible(text: str) -> str:
    """The text with control and format characters, which can move the cursor or reorder a line, spelled out.

    >>> visible("a\x1b[2Jb")
    'a\\\\x1b[2Jb'
    """
    return "".join(_spelled(char) for char in text)


def compared(answers: Sequence[tuple[str, str]], width: int) -> str:
    """(system, answer) pairs in columns where the width allows, else one below the other."""
    shown = [(visible(system), visible(answer).expandtabs(4)) for system, answer in answers]
    if width < SIDE_BY_SIDE:
        return "\n\n".join(f"{_heading(system, width)}\n{answer}" for system, answer in shown)
    room = (width - len(GAP) * (len(shown) - 1)) // len(shown)
    columns = [[*_wrapped(system, room), "-" * room, *_wrapped(answer, room)] for system, answer in shown]
    rows = zip_longest(*columns, fillvalue="")
    return "\n".join(GAP.join(_padded(cell, room) for cell in row).rstrip() for row in rows)


def _heading(system: str, width: int) -> str:
    return f"--- {system} ".ljust(min(width, 60), "-")


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Lines of at most ``room`` columns, broken at spaces where there are any."""
    for line in text.split("\n"):
        rest = line
        while (fitting := _fitting(rest, room)) < len(rest):
            # The space itself may stand just behind the edge.
            space = rest.rfind(" ", 1, fitting + 1)
            end = space if space > 0 else fitting
            yield rest[:end].rstrip(" ")
            rest = rest[end:].lstrip(" ")
        yield rest


def _fitting(text: str, room: int) -> int:
    """How many characters fit; at least one, so that wrapping comes to an end."""
    used = 0
    for place, char in enumerate(text):
        used += _columns(char)
        if used > room:
            return max(place, 1)
    return len(text)


def _padded(text: str, room: int) -> str:
    return text + " " * (room - sum(map(_columns, text)))


def _columns(char: str) -> int:
    """How many columns a terminal gives a character."""
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _spelled(char: str) -> str:
    if char in _HARMLESS or unicodedata.category(char) not in _INVISIBLE:
        return char
    return char.encode("unicode_escape").decode("ascii")
