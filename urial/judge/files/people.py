"""What people said of answers, out of tables: one person a row, or several, each in a column of their own.

Who rated is kept, so that people can be compared with each other; where a file does not say who, it was one person.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.hashing import content_hash, short_hash
from urial.core.text import as_name
from urial.core.validation import explain
from urial.instructions.identity import text_id
from urial.instructions.reading import Row, Rows, read_rows, refuse_wrapped
from urial.judge.files.people_forms import FASTCHAT, NOT_APPLICABLE, SCORES, Form, form_of, has_list
from urial.records.base import NAME_PATTERN
from urial.records.people import PersonPreference, PersonScore

Rating = TypeVar("Rating", PersonPreference, PersonScore)
NOBODY = "person"
COUNTS = ("turn", "characters", "baseline_characters")
FLAGS = ("has_list", "baseline_has_list")
_FLAG = {"0": False, "1": True, "false": False, "true": True}


class _Cell(NamedTuple):
    """One person's rating in a row."""

    person: str
    column: str
    rationale: str | None


def read_people(path: Path) -> list[PersonPreference] | list[PersonScore]:
    """Every rating in a table, in its order; an empty cell is none. Raises UrialError naming line and column."""
    table = read_rows(path, None)
    refuse_wrapped(table)
    form = form_of(set(table.columns))
    _require_known(table, form)
    found = [(row, _fields(row, form), cell) for row in table.rows for cell in _cells(row, form)]
    if form is SCORES:
        return _unique((row, _score(row, fields, cell)) for row, fields, cell in found)
    return _unique((row, _preference(row, fields, cell, form)) for row, fields, cell in found)


def _require_known(table: Rows, form: Form) -> None:
    """Raises UrialError unless the table has what a rating needs and, where the form is strict, nothing else."""
    heads = {name: name.partition(":")[0] for name in table.columns}
    known = [*(name for names in form.columns.values() for name in names), *form.rating]
    ids = form.columns["instruction_id"] + form.columns.get("query", ())
    needed = [ids, *([form.columns["aspect"]] if "aspect" in form.columns else []), form.rating]
    shown = ", ".join(names[0] for names in needed)
    if heads and form is SCORES and {"aspect", "score"}.isdisjoint(heads.values()):
        # Nothing tells which of both it is to be.
        shown = f"of scores {shown}; of preferences instruction_id, preference and, where there are several pairs, system and baseline"
    for names in needed if table.columns else ():
        there = heads.values() if names == form.rating else table.columns
        if set(names).isdisjoint(there):
            fix = did_you_mean(names[-1], [name[:80] for name in list(table.columns)[:50]])
            raise UrialError(f"no column {names[0]!r}", path=table.where, expected=shown, fix=fix)
    for name, head in heads.items():
        if form.strict and name not in known and (head == name or head not in (*form.rating, "rationale")):
            expected = f"{', '.join(known)}; of several people in a row, {form.rating[0]}:NAME and rationale:NAME"
            raise UrialError(
                f"unknown column {shorten(name)}",
                path=table.where,
                expected=expected,
                fix=did_you_mean(name[:80], known),
            )
    if not table.rows:
        raise UrialError("no rows", path=table.where, expected=f"a header of {shown}, cells between commas, and rows")


def _cells(row: Row, form: Form) -> Iterator[_Cell]:
    """The ratings of a row, each with who gave it."""
    for column in row.values:
        head, colon, name = column.partition(":")
        if head in form.rating and (colon or column == next(name for name in form.rating if name in row.values)):
            person = name if colon else _word(row, form, "person") or NOBODY
            rationale = row.values.get(f"rationale:{name}" if colon else "rationale")
            # In a record of this project a score that is null is not applicable.
            if row.values[column] not in (None, "") or (form is SCORES and row.values[column] is None and not colon):
                yield _Cell(person, column, rationale if isinstance(rationale, str) and rationale else None)
            elif not colon and form.strict:
                row.refuse(column, row.values[column], form.expected)


def _fields(row: Row, form: Form) -> dict[str, Any]:
    """What a row says beside its ratings; a field whose cell is empty is left out."""
    fields: dict[str, Any] = {}
    for field in form.columns:
        text = _word(row, form, field)
        if text is None or field in ("person", "rationale"):
            continue
        column = next(name for name in form.columns[field] if name in row.values)
        if field in COUNTS:
            fields[field] = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else row.refuse(
                column, row.values[column], "a whole number"
            )  # fmt: skip
        elif field in FLAGS:
            fields[field] = _FLAG[text.lower()] if text.lower() in _FLAG else row.refuse(column, text, "0 or 1")
        elif field in ("system", "baseline") and not form.strict and not re.fullmatch(NAME_PATTERN, text):
            # Published files call systems as they like.
            fields[field] = as_name(text)
        else:
            fields[field] = text
    if form is FASTCHAT and str(fields.get("instruction_id")).isdigit():
        # As all importers name a question that is known by its number alone.
        fields["instruction_id"] = f"mt-bench-{fields['instruction_id']}"
    if "instruction_id" not in fields:
        if "query" not in fields:
            row.refuse(form.columns["instruction_id"][0], None, "the instruction's id, or in another column its text")
        fields["instruction_id"] = text_id("alpaca-eval", (fields["query"],))
    return fields


def _word(row: Row, form: Form, field: str) -> str | None:
    """The cell of a field as text; None: there is none, or it is empty."""
    value = next((row.values[name] for name in form.columns.get(field, ()) if name in row.values), None)
    if value is None or value == "":
        return None
    # A judge of FastChat is [model, prompt]; a count that was read as a number is whole.
    if isinstance(value, list):
        return ", ".join(map(str, value))[:200]
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def _value(row: Row, column: str, form: Form) -> float:
    cell = row.values[column]
    # As JSON has it, 1.0 is a number.
    value = form.value(str(cell)) if isinstance(cell, str | int | float) and not isinstance(cell, bool) else None
    return row.refuse(column, cell, form.expected) if value is None else value


def _score(row: Row, fields: dict[str, Any], cell: _Cell) -> PersonScore:
    rating = row.values[cell.column]
    score = None if rating in (NOT_APPLICABLE, None) else _value(row, cell.column, SCORES)
    if score is not None and not 1 <= score <= (10 if fields.get("aspect") == "overall" else 5):
        row.refuse(cell.column, rating, SCORES.expected)
    return _record(PersonScore, row, {**fields, "score": score}, cell)


def _preference(row: Row, fields: dict[str, Any], cell: _Cell, form: Form) -> PersonPreference:
    answers = [fields.pop(name, None) for name in ("baseline_answer", "answer")]
    if None not in answers:
        known: dict[str, Any] = {"pair": short_hash(content_hash(answers))}
        for prefix, answer in zip(("baseline_", ""), answers, strict=True):
            known |= {f"{prefix}characters": len(answer), f"{prefix}has_list": has_list(answer)}
        fields = {**known, **fields}
    return _record(PersonPreference, row, {**fields, "preference": _value(row, cell.column, form)}, cell)


def _record(model: type[Rating], row: Row, fields: dict[str, Any], cell: _Cell) -> Rating:
    try:
        return model.model_validate({**fields, "person": cell.person, "rationale": cell.rationale})
    except ValidationError as error:
        raise UrialError(
            f"{row.where}: {explain(error, model)}", expected=f"a {model.__name__} as in schemas/"
        ) from error


def _unique(ratings: Iterable[tuple[Row, Rating]]) -> list[Rating]:
    """The ratings. Raises UrialError where one person rates the same twice: nobody knows which of them counts."""
    seen: dict[tuple[object, ...], str] = {}
    kept: list[Rating] = []
    for row, rating in ratings:
        key = rating.rated
        if key in seen:
            raise UrialError(
                f"{row.where}: {shorten(rating.person)} rates {rating.what} of {shorten(rating.instruction_id)} again, as in "
                f"{seen[key]}",
                expected="one rating a person",
                fix="name who rated in a column person, or remove one of the two",
            )
        seen[key] = row.where
        kept.append(rating)
    return kept
