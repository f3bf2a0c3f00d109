"""What the importers share: tables and cells read strictly, and rows that must be one an instruction and of one origin."""

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.instructions.reading import Row, Rows, read_rows, require_columns
from urial.records.base import NAME_PATTERN

MAX_NUMBER = 10**10


def read_table(path: Path, columns: Mapping[str, str], others: Collection[str], expected: str) -> Rows:
    """The rows of a file with at least one, which must have ``columns`` (each with what it is for) and may have others."""
    rows = read_rows(path, (*columns, *others))
    if not rows.rows:
        raise UrialError("no rows", path=path, expected=expected)
    require_columns(rows, columns)
    return rows


def text(row: Row, column: str) -> str:
    """The text of a cell, which may be empty."""
    value = row.values.get(column)
    return value if isinstance(value, str) else row.refuse(column, value, "text")


def number(row: Row, column: str) -> int:
    """A whole number that an id of ours can end with."""
    value = row.values.get(column)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MAX_NUMBER:
        row.refuse(column, value, "a whole number, not negative")
    return value


def require_unique(places: Iterable[tuple[str, str]]) -> None:
    """Raises UrialError when of several (id, place) two have the same id: neither row is taken for the other."""
    seen: dict[str, str] = {}
    for name, where in places:
        if name in seen:
            raise UrialError(
                f"{name!r} twice: in {seen[name]}, and in {where}",
                expected="one row an instruction",
                fix="remove one of the two rows",
            )
        seen[name] = where


def require_same(what: str, places: Iterable[tuple[str, str]], fix: str) -> None:
    """Raises UrialError unless all (value, place) have the same value."""
    first: tuple[str, str] | None = None
    for value, where in places:
        first = first or (value, where)
        if value != first[0]:
            raise UrialError(
                f"{what} differ: {shorten(first[0], 300)} in {first[1]}, and {shorten(value, 300)} in {where}",
                expected="the same in every row",
                fix=fix,
            )


def require_name(name: str, of: str = "a system") -> None:
    """Raises UrialError unless it can be a name."""
    if not re.fullmatch(NAME_PATTERN, name) or len(name) > 100:
        raise UrialError(
            f"{shorten(name)} is no name of {of}",
            expected="up to 100 letters, digits, '.', '_' and '-', not beginning with a sign",
        )
