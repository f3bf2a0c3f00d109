"""JSON without what readers disagree on."""

import json
import math
from collections.abc import Iterable
from typing import Any

from urial.errors import shorten


def strict_json(text: str) -> Any:
    """The value. Raises ValueError, saying what is wrong, for more than RFC 8259 allows or Python can hold:

    NaN and infinities, a key given twice in one object, half of a character, nesting without end.
    """
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON at character {error.pos + 1}: {error.msg}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    # Text that was UTF-8 can hold a lone surrogate only as an escape; nothing later could write it.
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError as error:
            raise ValueError(f"half of a character, {shorten(error.object[error.start])}") from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"key {shorten(_first_twice(name for name, _ in pairs))} twice in one object")
    return found


def _first_twice(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {shorten(text)} is too large")
    return number
