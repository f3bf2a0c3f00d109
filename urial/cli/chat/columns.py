"""Answers side by side on a terminal."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from urial.core.text import visible, width

# Narrower terminals show answers one below the other.
SIDE_BY_SIDE = 100
GAP = " | "


def compared(answers: Sequence[tuple[str, str]], columns: int) -> str:
    """(system, answer) pairs in columns of a terminal where it is wide enough, else one below the other."""
    shown = [(visible(system), visible(answer).expandtabs(4)) for system, answer in answers]
    if columns < SIDE_BY_SIDE:
        return "\n\n".join(f"{_heading(system, columns)}\n{answer}" for system, answer in shown)
    room = (columns - len(GAP) * (len(shown) - 1)) // len(shown)
    cells = [[*_wrapped(system, room), "-" * room, *_wrapped(answer, room)] for system, answer in shown]
    rows = zip_longest(*cells, fillvalue="")
    return "\n".join(GAP.join(cell + " " * (room - width(cell)) for cell in row).rstrip() for row in rows)


def _heading(system: str, columns: int) -> str:
    return f"--- {system} ".ljust(min(columns, 60), "-")


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Lines of at most ``room`` columns, broken at spaces where there are any."""
    for line in text.split("\n"):
        rest = line
        while (fitting := _fitting(rest, room)) < len(rest):
            # The space itself may stand just after the edge.
            space = rest.rfind(" ", 1, fitting + 1)
            end = space if space > 0 else fitting
            yield rest[:end].rstrip(" ")
            rest = rest[end:].lstrip(" ")
        yield rest


def _fitting(text: str, room: int) -> int:
    """How many characters fit; at least one, so that wrapping comes to an end."""
    used = 0
    for index, character in enumerate(text):
        used += width(character)
        if used > room:
            return max(index, 1)
    return len(text)
