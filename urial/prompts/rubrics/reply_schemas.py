"""The JSON Schema of a judge's reply, held to the two shapes that replies are read by.

All aspects at once: an object with one property an aspect, and in each a score and its rationale.
One aspect at a time: an object with only a score, or with its rationale, too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from urial.core.errors import UrialError
from urial.records.judgment import SCALE, Aspect
from urial.records.prompt import Rubric

if TYPE_CHECKING:
    from jsonschema.exceptions import SchemaError, ValidationError

DRAFT = "https://json-schema.org/draft/2020-12/schema"
SCORE = "score"
# What published judges call it, and what we do.
RATIONALES = ("rationale", "reason")
# The scores of most rubrics, and of all published templates that are imported.
NUMBERS = tuple(range(1, SCALE + 1))
DIGITS = tuple(map(str, NUMBERS))
# The two ways of saying that an aspect does not apply.
NOT_APPLICABLE = (None, "N/A")
# What a schema might let through that is no score.
NO_SCORES: tuple[object, ...] = (
    0, -1, 4.5, True, False, "", "0", "4.5", "5/5", "n/a", "good", [], [5], {}, {"score": 5},
)  # fmt: skip
NO_RATIONALES: tuple[object, ...] = (1, True, [], ["text"], {})
TOO_DEEP = "nested too deeply"
Value = TypeVar("Value")


@dataclass(frozen=True)
class ScoreForm:
    """How the score of one aspect is written in a reply."""

    # What may stand as a score: numbers up to the rubric's scale, the same as digits, and NOT_APPLICABLE.
    scores: tuple[int | str | None, ...]
    # The highest score.
    scale: int
    # The key of the rationale; None: there is only the score.
    rationale: str | None
    # Whether the rationale has to say something: it does unless the schema allows null for it.
    explained: bool


def score_forms(rubric: Rubric, schema: Mapping[str, object]) -> dict[Aspect | None, ScoreForm]:
    """How a reply writes each aspect's score, in the rubric's order; under None, the one of a single aspect.

    Raises UrialError naming the part of the schema by which no reply could be read.
    """
    return _score_forms(rubric.aspects, rubric.scale, rubric.definitions is not None, json.dumps(schema))


@lru_cache(maxsize=16)
def _score_forms(aspects: tuple[Aspect, ...], scale: int, one: bool, text: str) -> dict[Aspect | None, ScoreForm]:
    from jsonschema import Draft202012Validator, SchemaError

    schema = json.loads(text)
    if not isinstance(schema, dict) or schema.get("$schema") != DRAFT:
        raise UrialError("no JSON Schema of the draft 2020-12", expected=f'an object with "$schema": "{DRAFT}"')
    try:
        # A reference could lead out of the file, as far as another host.
        if reference := next((key for key in _keys(schema) if key in ("$ref", "$dynamicRef")), None):
            raise UrialError(f'has "{reference}"', fix="write out what it refers to")
        Draft202012Validator.check_schema(schema)
        if one:
            return {None: _score_form(schema, scale, "", (0, 1))}
        parts = _properties(schema, "")
        if parts.keys() != set(aspects):
            raise UrialError(
                f"the properties are {_quoted(parts)}", expected=f"the rubric's aspects, {_quoted(aspects)}"
            )
        return {aspect: _score_form(parts[aspect], scale, f"properties.{aspect}.", (1,)) for aspect in aspects}
    except SchemaError as error:
        raise UrialError(f"no valid JSON Schema: {problem_of(error)}") from error
    except RecursionError as error:
        raise UrialError(TOO_DEEP) from error


def problem_of(error: "SchemaError | ValidationError") -> str:
    """Where a value is not as its schema asks, and why, in one short line."""
    return f"{error.json_path.removeprefix('$.')}: {' '.join(error.message.split())[:100]}"


def _keys(value: object) -> list[str]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    own = list(value) if isinstance(value, dict) else []
    return own + [key for item in inner for key in _keys(item)]


def _properties(schema: Any, where: str) -> dict[str, object]:
    """The properties of an object that has these and no others."""
    closed = isinstance(schema, dict) and (
        schema.get("type") == "object"
        and schema.get("additionalProperties") is False
        and set(schema.get("properties", ())) == set(schema.get("required", ()))
    )
    if not closed:
        raise UrialError(
            f"{where.rstrip('.') or 'the whole value'}: not an object of required properties alone",
            expected='"type": "object", "additionalProperties": false, and all properties in "required"',
        )
    return dict(schema.get("properties", {}))


def _score_form(schema: object, scale: int, where: str, rationales: tuple[int, ...]) -> ScoreForm:
    """``rationales``: how many there may be."""
    parts = _properties(schema, where)
    named = [key for key in parts if key in RATIONALES]
    if SCORE not in parts or len(parts) != 1 + len(named) or len(named) not in rationales:
        alone = f", or {SCORE!r} alone" if 0 in rationales else ""
        raise UrialError(
            f"{where}properties are {_quoted(parts)}",
            expected=f"{SCORE!r} with {' or '.join(map(repr, RATIONALES))}{alone}",
        )
    numbers = tuple(range(1, scale + 1))
    digits = tuple(map(str, numbers))
    scores = _accepted(parts[SCORE], (*numbers, *digits, *NOT_APPLICABLE))
    # Scores of longer scales, the next one first.
    beyond = range(scale + 1, 12)
    wrong = _accepted(parts[SCORE], (*NO_SCORES, *beyond, *map(str, beyond)))
    if wrong or not any(set(every) <= set(scores) for every in (numbers, digits)):
        problem = f"takes {json.dumps(wrong[0])}" if wrong else "does not take every score"
        raise UrialError(
            f"{where}properties.{SCORE} {problem}",
            expected=f'all of 1 to {scale}, as integers or as strings, with or without null and "N/A", and nothing else',
        )
    if not named:
        return ScoreForm(scores, scale, None, explained=False)
    if wrong := _accepted(parts[named[0]], NO_RATIONALES):
        raise UrialError(
            f"{where}properties.{named[0]} takes {json.dumps(wrong[0])}",
            expected="a text, or null where it may be missing",
        )
    return ScoreForm(scores, scale, named[0], explained=not _accepted(parts[named[0]], (None,)))


def _accepted(schema: Any, values: tuple[Value, ...]) -> tuple[Value, ...]:
    from jsonschema import Draft202012Validator

    checker = Draft202012Validator(schema)
    return tuple(value for value in values if checker.is_valid(value))


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
