"""Rows as their source has them, before they become instructions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from urial.core.errors import UrialError, did_you_mean, shorten

# A file of thousands of columns is named by its first ones.
MAX_NAMES = 50
MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True)
class Row:
    """One row and its place, for messages: rows count from 0 as ids do, lines of a text file from 1."""

    where: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Rows:
    """All rows of a source. ``columns`` are those of the source, even where rows keep only the wanted ones."""

    where: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def keep(values: Mapping[str, Any], wanted: Collection[str] | None) -> Mapping[str, Any]:
    """The wanted values alone; ``None`` wants all."""
    return values if wanted is None else {name: value for name, value in values.items() if name in wanted}


def require_columns(rows: Rows, wanted: Mapping[str, str]) -> None:
    """Raises UrialError unless the source has each column of ``wanted``, which says what each is for."""
    if not rows.rows and not rows.columns:
        # Nothing at all: that is reported as an empty set.
        return
    for column, expected in wanted.items():
        if column not in rows.columns:
            known = [name for name in rows.columns if len(name) <= MAX_NAME_CHARACTERS][:MAX_NAMES]
            raise UrialError(
                f"{rows.where}: no column {shorten(column)}", expected=expected, fix=did_you_mean(column, known)
            )
