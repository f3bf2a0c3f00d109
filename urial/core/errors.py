"""The one error family: what is wrong, where, what was expected, how to fix it."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Self


class UrialError(Exception):
    """A problem that the user can act on; the command line prints it without a traceback.

    Where it is are attributes, from which the message is made. ``path`` is a file, a folder, or what else the problem is
    of, such as a key of params.yaml; ``where`` is what it was compared with.
    """

    # Of a table in ``path``.
    row: int | None = None
    # What is known about the line.
    note: str | None = None
    # The first field that is wrong, by its path in the record; the problem names it.
    field: str | None = None

    def __init__(
        self,
        problem: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        where: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
    ) -> None:
        self.problem = problem
        self.path = path
        self.line = line
        self.where = where
        self.expected = expected
        self.fix = fix
        super().__init__(problem)

    @property
    def what(self) -> str:
        """The first line of the message: where, and the problem."""
        numbers = ((name, getattr(self, name)) for name in ("line", "row"))
        places = [str(self.path)] if self.path is not None else []
        place = ", ".join([*places, *(f"{name} {number}" for name, number in numbers if number is not None)])
        note = f" ({self.note})" if self.note else ""
        return f"{place}{note}: {self.problem}" if place else self.problem

    def but(self, **parts: object) -> Self:
        """The same error with other attributes."""
        changed = type(self).__new__(type(self))
        changed.args = self.args
        changed.__dict__.update(self.__dict__ | parts)
        return changed

    def about(self, name: str, fix: str | None = None) -> Self:
        """The same error with what it is about in front, if that is known; ``fix`` where it has none of its own."""
        return self.but(problem=f"{name}: {self.what}" if name else self.what, path=None, fix=self.fix or fix)

    def __str__(self) -> str:
        details = (("where", self.where), ("expected", self.expected), ("fix", self.fix))
        return "\n".join([self.what, *(f"  {name}: {text}" for name, text in details if text)])


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?`` for the nearest known name, or the list of known names when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    # A name out of a file can hold what a terminal would obey.
    shown = [name if name.isprintable() else repr(name) for name in names]
    return f"known names: {', '.join(shown)}" if names else None


def shorten(value: object, limit: int = 80) -> str:
    """``repr(value)`` cut to ``limit`` characters, so that a hostile value cannot flood a message."""
    text = repr(value[: limit + 1]) if isinstance(value, (str, bytes)) else repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def reason_of(error: Exception, limit: int = 300) -> str:
    """The message of another library's error on one line, cut to a length that can be read."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
