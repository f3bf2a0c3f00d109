"""Turns pydantic's errors into messages that name line, field, value and what was expected."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from os import PathLike
from types import UnionType
from typing import Annotated, Any, ParamSpec, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.text import and_more

Given = ParamSpec("Given")
Result = TypeVar("Result")
# Of a field, from the whole value down, as pydantic has it.
Location = tuple[int | str, ...]
MAX_SHOWN = 5
# The field that tells the members of a union apart.
KIND = "kind"
_KINDS: Mapping[Any, str] = {
    str: "a text", PathLike: "a path", Iterable: "a list of texts", Sequence: "a list", type(None): "None",
}  # fmt: skip
# The type of an error whose value is not shown.
UNSHOWN = "unshown"


def explain(
    error: ValidationError, model: type[BaseModel], line_of: Callable[[Location], int | None] | None = None
) -> str:
    """One line a problem: ``line 3: field a.b: what was expected, got VALUE``; at most five, then a count."""
    errors = error.errors(include_url=False)
    problems = []
    for details in errors:
        location, kind, given = details["loc"], details["type"], details["input"]
        # Pydantic drops wrong entries before it counts: a list of one wrong entry is called too short as well.
        inside = (other["loc"][: len(location)] for other in errors if len(other["loc"]) > len(location))
        if kind == "too_short" and location in inside:
            continue
        path, known, tags = _walk(model, location)
        field = ".".join(map(str, path)) or "the whole value"
        if kind == "extra_forbidden":
            hint = did_you_mean(str(path[-1]), known)
            problem = f"unknown field {field!r}" + (f"; {hint}" if hint else "")
        elif kind == "union_tag_not_found":
            problem = f"missing field '{field}.{KIND}'{_misspelt([KIND], given)}"
        elif kind == "missing":
            problem = f"missing field {field!r}"
        else:
            message = details["msg"].removeprefix("Value error, ")
            hint = _misspelt(tags, given) if isinstance(given, dict) else ""
            shown = "" if kind == UNSHOWN else f", got {shorten(given)}"
            problem = f"field {field!r}: {message[:1].lower()}{message[1:]}{shown}{hint}"
        line = line_of(path) if line_of else None
        problems.append(f"line {line}: {problem}" if line else problem)
    return and_more(problems, MAX_SHOWN, "; ")


def naming_arguments(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """The function, with a UrialError that names the argument that is of another kind, or that a record cannot have."""
    signature = inspect.signature(function)
    known = signature.parameters
    fix = f"help(urial.{function.__name__}) says what it takes"

    @wraps(function)
    def checked(*arguments: Given.args, **options: Given.kwargs) -> Result:
        for name, value in signature.bind(*arguments, **options).arguments.items():
            several = known[name].kind is inspect.Parameter.VAR_POSITIONAL
            for one in value if several else (value,):
                if (expected := _other_kind(one, known[name].annotation)) is not None:
                    raise UrialError(f"{name}: {shorten(one)}", expected=expected, fix=fix)
        try:
            return function(*arguments, **options)
        except ValidationError as error:
            details = error.errors(include_url=False)[0]
            name, message = str(details["loc"][-1] if details["loc"] else ""), details["msg"]
            if name not in known:
                raise
            what = f"{name}: {message[:1].lower()}{message[1:]}, got {shorten(details['input'])}"
            raise UrialError(what, fix=fix) from error

    return checked


def _other_kind(value: object, annotation: object) -> str | None:
    """What is expected of an argument, in words, where its value is none of it; None: it can be right.

    Of annotations only texts, paths, lists and None are looked at: these are what a notebook mixes up.
    """
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    kinds = [get_origin(member) or member for member in members]
    if any(kind not in _KINDS for kind in kinds) or any(isinstance(value, kind) for kind in kinds):
        return None
    return " or ".join(dict.fromkeys(_KINDS[kind] for kind in kinds))


def first_field(error: ValidationError, model: type[BaseModel]) -> str | None:
    """The first field that is wrong, by its path; None: the whole value."""
    path, *_ = _walk(model, error.errors(include_url=False)[0]["loc"])
    return ".".join(map(str, path)) or None


def _misspelt(keys: Sequence[str], given: Iterable[str]) -> str:
    """A hint where something given is nearly one of the keys that tell the members of a union apart."""
    names = [str(name) for name in given]
    for key in keys:
        if (near := difflib.get_close_matches(key, names, n=1)) and key not in names:
            return f"; did you mean {key!r} where it says {near[0]!r}?"
    return ""


def _walk(model: type[BaseModel], loc: Location) -> tuple[Location, list[str], list[str]]:
    """The location without pydantic's union tags; the names of the fields that are known where it ends; and, where it
    ends at a union, its tags.
    """
    path: list[int | str] = []
    current: object = model
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
            arguments = get_args(current)
            current = arguments[1] if get_origin(current) is dict else next(iter(arguments), None)
    return tuple(path), known, [tag for tag, _ in _members(current) if isinstance(tag, str)]


def _choose(annotation: object, step: object) -> tuple[object, bool]:
    """Unwraps Annotated and optional types; for a tagged union, whether ``step`` is the tag of a member."""
    members = dict(_members(annotation))
    if step in members:
        return members[step], True
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return (next(iter(members.values())), False) if members else (annotation, False)


def _members(annotation: object, tag: object = None) -> Iterator[tuple[object, object]]:
    """(tag, record) of every record that a union can be, and of lists that have a tag; the tag of one without any is the record."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        named = next((part.tag for part in arguments[1:] if isinstance(part, Tag)), tag)
        yield from _members(arguments[0], named)
    elif origin in (Union, UnionType):
        for argument in arguments:
            yield from _members(argument)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get(KIND)
        tags = get_args(kind.annotation) if kind and tag is None else ()
        yield from ((name, annotation) for name in tags or (tag or annotation,))
    elif origin is tuple and tag is not None:
        yield tag, annotation
