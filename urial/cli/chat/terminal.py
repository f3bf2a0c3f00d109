"""The terminal of a conversation: answers go to standard output, everything else to standard error."""

import shutil
import sys
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from itertools import accumulate, zip_longest
from typing import TextIO

from urial.core.errors import UrialError
from urial.core.text import visible, width
from urial.records.instruction import MAX_TURN_CHARACTERS

PROMPT = "> "
# Enough for the longest query, with a command before it.
MAX_LINE_BYTES = 4 * MAX_TURN_CHARACTERS + 100
# Narrower terminals show answers one below the other.
SIDE_BY_SIDE = 100
GAP = " | "


class Terminal:
    """Reads lines and shows answers; also where there is no terminal, in a pipe."""

    def __init__(self) -> None:
        # None where the caller closed it.
        self.interactive = sys.stdin is not None and sys.stdin.isatty()
        self._edits = self.interactive and sys.stdout.isatty()
        self._within_line = False
        if self._edits:
            # Importing it is what gives `input` arrow keys and a history, on systems that have it.
            with suppress(ImportError):
                import_module("readline")

    @property
    def width(self) -> int:
        """Columns of the terminal; what is no terminal has few."""
        return shutil.get_terminal_size().columns if sys.stdout.isatty() else 80

    def line(self) -> str | None:
        """The next line without its end; None after the last one. Raises UrialError for what is no text."""
        if sys.stdin is None:
            return None
        try:
            if self._edits:
                return input(PROMPT)
            if self.interactive:
                _write(sys.stderr, PROMPT)
            data = sys.stdin.buffer.readline(MAX_LINE_BYTES)
            if len(data) == MAX_LINE_BYTES and not data.endswith(b"\n"):
                while (rest := sys.stdin.buffer.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
                    pass
                raise UrialError(f"the line has more than {MAX_LINE_BYTES:,} bytes; it was not sent")
            return data.decode("utf-8") if data else None
        except EOFError:
            _write(sys.stderr, "\n")
            return None
        except UnicodeDecodeError as error:
            raise UrialError("the line is not valid UTF-8; it was not sent", fix="save the input as UTF-8") from error

    def piece(self, text: str) -> None:
        """A piece of an answer."""
        _write(sys.stdout, visible(text))
        self._within_line = bool(text) or self._within_line

    def end(self) -> None:
        """End the line that an answer left open."""
        if self._within_line:
            _write(sys.stdout, "\n")
        self._within_line = False

    def answer(self, text: str) -> None:
        """A whole answer, already fit to be shown."""
        _write(sys.stdout, f"{text}\n")

    def note(self, text: str) -> None:
        """Something to know about the conversation."""
        self.end()
        _write(sys.stderr, f"{visible(text)}\n")


def _write(stream: TextIO, text: str) -> None:
    # A terminal of another encoding gets what it can show.
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def compared(answers: Sequence[tuple[str, str]], columns: int) -> str:
    """(system, answer) pairs in columns of a terminal where it is wide enough, else one below the other."""
    shown = [(visible(system), visible(answer).expandtabs(4)) for system, answer in answers]
    if columns < SIDE_BY_SIDE:
        parts = [(f"--- {system} ".ljust(min(columns, 60), "-"), answer) for system, answer in shown]
        return "\n\n".join(f"{heading}\n{answer}" for heading, answer in parts)
    room = (columns - len(GAP) * (len(shown) - 1)) // len(shown)
    cells = [[*_wrapped(system, room), "-" * room, *_wrapped(answer, room)] for system, answer in shown]
    rows = zip_longest(*cells, fillvalue="")
    return "\n".join(GAP.join(cell + " " * (room - width(cell)) for cell in row).rstrip() for row in rows)


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Lines of at most ``room`` columns, broken at spaces where there are any."""
    for line in text.split("\n"):
        rest = line
        # At least one character fits, so that wrapping comes to an end.
        while (fitting := max(bisect_right(list(accumulate(map(width, rest))), room), 1)) < len(rest):
            # The space itself may stand just after the edge.
            space = rest.rfind(" ", 1, fitting + 1)
            end = space if space > 0 else fitting
            yield rest[:end].rstrip(" ")
            rest = rest[end:].lstrip(" ")
        yield rest
