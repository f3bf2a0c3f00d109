"""Turns pydantic's errors into messages that name line, field, value and what was expected."""

import difflib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from urial.core.errors import did_you_mean, shorten

MAX_SHOWN = 5
# The field that tells the members of a union apart.
KIND = "kind"


def explain(
    error: ValidationError, model: type[BaseModel], line_of: Callable[[tuple[Any, ...]], int | None] | None = None
) -> str:
    """One line a problem: ``line 3: field a.b: what was expected, got VALUE``; at most five, then a count."""
    found = error.errors(include_url=False)
    problems = [_explain_one(item, model, line_of) for item in found if not _follows(item["loc"], item["type"], found)]
    more = len(problems) - MAX_SHOWN
    return "; ".join(problems[:MAX_SHOWN]) + (f"; and {more} more" if more > 0 else "")


def first_field(error: ValidationError, model: type[BaseModel]) -> str | None:
    """The first field that is wrong, by its path; None: the whole value."""
    path, _ = _walk(model, tuple(error.errors(include_url=False)[0]["loc"]))
    return ".".join(map(str, path)) or None


def _follows(loc: tuple[Any, ...], kind: str, found: Sequence[Any]) -> bool:
    # Pydantic drops wrong entries before it counts: a list of one wrong entry is called too short as well.
    inside = (item["loc"] for item in found if len(item["loc"]) > len(loc))
    return kind == "too_short" and any(other[: len(loc)] == loc for other in inside)


def _explain_one(item: Any, model: type[BaseModel], line_of: Callable[[tuple[Any, ...]], int | None] | None) -> str:
    path, known = _walk(model, tuple(item["loc"]))
    line = line_of(path) if line_of else None
    prefix = f"line {line}: " if line else ""
    field = ".".join(map(str, path)) or "the whole value"
    kind, message = item["type"], item["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        hint = did_you_mean(str(path[-1]), known)
        return f"{prefix}unknown field {field!r}" + (f"; {hint}" if hint else "")
    if kind == "union_tag_not_found":
        near = difflib.get_close_matches(KIND, map(str, item["input"]), n=1)
        hint = f"; did you mean {KIND!r} where it says {near[0]!r}?" if near else ""
        return f"{prefix}missing field '{field}.{KIND}'{hint}"
    if kind == "missing":
        return f"{prefix}missing field {field!r}"
    return f"{prefix}field {field!r}: {_lower_first(message)}, got {shorten(item['input'])}"


def _walk(model: type[BaseModel], loc: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[str]]:
    """The location without pydantic's union tags, and the field names known where it ends."""
    path: list[Any] = []
    current: Any = model
    known: list[str] = []
    for step in loc:
        current, tagged = _choose(current, step)
        if tagged:
            continue
        path.append(step)
        if isinstance(current, type) and issubclass(current, BaseModel):
            known = list(current.model_fields)
            field = current.model_fields.get(str(step))
            current = field.annotation if field else None
        else:
            current = _item_type(current)
    return tuple(path), known


def _choose(annotation: Any, step: Any) -> tuple[Any, bool]:
    """Unwraps Annotated and optional types; for a tagged union, whether ``step`` is the tag of a member."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    members = [arg for arg in get_args(annotation) if isinstance(arg, type) and issubclass(arg, BaseModel)]
    if get_origin(annotation) in (dict, tuple, list) or not members:
        return annotation, False
    for member in members:
        tag = member.model_fields.get(KIND)
        if tag and step in get_args(tag.annotation):
            return member, True
    return members[0], False


def _item_type(annotation: Any) -> Any:
    arguments = get_args(annotation)
    if get_origin(annotation) is dict:
        return arguments[1]
    return arguments[0] if arguments else None


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
