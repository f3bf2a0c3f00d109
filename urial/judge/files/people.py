"""Scores that people gave, from a CSV file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.instructions.reading import Row, read_rows, require_columns
from urial.judge.files.reading import SystemRows
from urial.records.judgment import ASPECTS, Aspect

COLUMNS = {
    "instruction_id": "the instruction's id, as in the judgments",
    "aspect": ", ".join(ASPECTS),
    "score": "a number from 1 to 5, or N/A",
}
RATIONALE = "rationale"
NOT_APPLICABLE = "N/A"
_SCORE = re.compile(r"[1-4](\.[0-9]+)?|5(\.0+)?")


@dataclass(frozen=True)
class Rating:
    """A score with what was said for it."""

    score: float
    rationale: str | None


# By instruction id and aspect.
Ratings = Mapping[tuple[str, Aspect], Rating]


def people_ratings(path: Path, judged: SystemRows) -> Ratings:
    """The scores in a CSV file of the answers judged. Raises UrialError naming line and column."""
    rows = read_rows(path, None)
    require_columns(rows, COLUMNS)
    _require_known(rows.columns, path)
    if not rows.rows:
        raise UrialError(
            "no rows", path=path, expected=f"a header of {', '.join(COLUMNS)}, cells between commas, and rows"
        )
    ids = {row.instruction_id for row in judged.rows}
    ratings: dict[tuple[str, Aspect], Rating | None] = {}
    places: dict[tuple[str, Aspect], str] = {}
    for row in rows.rows:
        name, aspect = row.values["instruction_id"], _aspect(row)
        if name not in ids:
            raise UrialError(f"{row.where}, column 'instruction_id': {shorten(name)} is not in {judged.path}")
        if (name, aspect) in ratings:
            raise UrialError(
                f"{row.where}: {shorten(name)} has its {aspect} scored already, in {places[name, aspect]}",
                expected="one row an instruction and aspect; of several people, the mean of their scores",
            )
        ratings[name, aspect], places[name, aspect] = _rating(row), row.where
    return {key: rating for key, rating in ratings.items() if rating is not None}


def _require_known(columns: tuple[str, ...], path: Path) -> None:
    known = [*COLUMNS, RATIONALE]
    for column in columns:
        if column not in known:
            raise UrialError(
                f"unknown column {shorten(column)}",
                path=path,
                expected=f"{', '.join(COLUMNS)} and, if there is one, {RATIONALE}",
                fix=did_you_mean(column[:80], known),
            )


def _aspect(row: Row) -> Aspect:
    value = row.values["aspect"]
    if value not in ASPECTS:
        raise UrialError(f"{row.where}, column 'aspect': got {shorten(value)}", expected=COLUMNS["aspect"])
    return value


def _rating(row: Row) -> Rating | None:
    value = row.values["score"]
    if value == NOT_APPLICABLE:
        return None
    if not isinstance(value, str) or not _SCORE.fullmatch(value):
        raise UrialError(f"{row.where}, column 'score': got {shorten(value)}", expected=COLUMNS["score"])
    rationale = row.values.get(RATIONALE)
    return Rating(float(value), rationale if isinstance(rationale, str) and rationale else None)
