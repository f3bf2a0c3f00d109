"""JSON without what readers disagree on."""

import json
import math
from collections.abc import Hashable, Iterable
from typing import Any, Never, TypeVar

from urial.core.errors import shorten

MAX_DIGITS = 1_000
Key = TypeVar("Key", bound=Hashable)


def strict_json(text: str, *, with_nan: bool = False) -> Any:
    """The value. Raises ValueError, saying what is wrong, for more than RFC 8259 allows or Python can hold:

    NaN and infinities, a key given twice in one object, half of a character, nesting without end. ``with_nan`` allows NaN, by
    which some tools say that there is no number.
    """
    constant = _nan if with_nan else _no_constant
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=constant, parse_float=_finite, parse_int=_integer
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # Text that was UTF-8 can hold a lone surrogate only as an escape; nothing later could write it.
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"half of a character, {shorten(error.object[error.start])}") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"key {shorten(first_twice(name for name, _ in pairs))} twice in one object")
    return found


def syntax_problem(error: ValueError) -> str:
    """What strict_json says is wrong, with its place where it is a matter of syntax."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} (line {error.lineno}, column {error.colno})"
    return str(error)


def first_twice(names: Iterable[Key]) -> Key | None:
    """The first name that comes a second time."""
    seen: set[Key] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


def _nan(name: str) -> float:
    return math.nan if name == "NaN" else _no_constant(name)


def _integer(digits: str) -> int:
    # Python takes its time for thousands of digits, and refuses more.
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits")
    return int(digits)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {shorten(text)} is too large")
    return number
