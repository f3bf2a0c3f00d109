"""The first difference between what should be and what is, in words: a field of JSON, a line of text, a byte."""

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import PurePosixPath

from urial.core.errors import shorten
from urial.core.hashing import canonical_json
from urial.core.text import shared_length
from urial.records.base import Record

Path = tuple[str | int, ...]
_NOTHING = object()
# Characters of a text in a message, and of what it shares with the other one.
WINDOW, CONTEXT = 60, 20


def json_differences(expected: object, found: object, path: Path = ()) -> Iterator[tuple[Path, object, object]]:
    """(path, expected, found) of every value that differs, in the order of the expected one."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in [*expected, *(key for key in found if key not in expected)]:
            yield from json_differences(expected.get(key, _NOTHING), found.get(key, _NOTHING), (*path, key))
    elif isinstance(expected, list) and isinstance(found, list):
        for index, pair in enumerate(zip_longest(expected, found, fillvalue=_NOTHING)):
            yield from json_differences(*pair, (*path, index))
    elif type(expected) is not type(found) or expected != found:
        yield path, expected, found


def dotted(path: Path) -> str:
    """A path as messages write it: ``systems.base-urial.helpfulness.mean``."""
    return ".".join(map(str, path)) or "the whole value"


def shown(value: object) -> str:
    """A value in a message, on one line, without characters that a terminal obeys."""
    if value is _NOTHING:
        return "nothing"
    if isinstance(value, str):
        return shorten(value)
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= 80 else f"{text[:79]}…"


def compared(first: object, second: object, recorded: str) -> str:
    """Two values of a message; of long texts, the part where they begin to differ."""
    if isinstance(first, str) and isinstance(second, str):
        long = max(len(first), len(second)) > WINDOW
        start = max(0, shared_length(first, second) - CONTEXT) if long else 0
        first, second = (("…" if start else "") + text[start : start + WINDOW] for text in (first, second))
    return f"{recorded} {shown(first)}, found {shown(second)}"


def field_difference(expected: object, found: object, recorded: str = "recorded") -> str | None:
    """The first value of two JSON values that differs, and how many more do; None when none does."""
    differences = list(json_differences(expected, found))
    if not differences:
        return None
    path, first, second = differences[0]
    more = f" (and {len(differences) - 1:,} more differ)" if len(differences) > 1 else ""
    return f"{dotted(path)}: {compared(first, second, recorded)}{more}"


def rows_difference(expected: Sequence[Record], found: Sequence[Record], recorded: str) -> str | None:
    """The first row of two tables that differs, by its line, and how many more do; None when none does."""
    pairs = enumerate(zip_longest(expected, found), start=1)
    lines = [(number, pair) for number, pair in pairs if pair[0] != pair[1]]
    if not lines:
        return None
    number, (first, second) = lines[0]
    if first is None or second is None:
        return f"{len(found):,} rows, {recorded} {len(expected):,}"
    more = f"; {len(lines) - 1:,} more rows differ" if len(lines) > 1 else ""
    detail = field_difference(first.model_dump(mode="json"), second.model_dump(mode="json"), recorded)
    return f"line {number}: {detail}{more}"


def content_difference(name: str, expected: bytes, found: bytes, recorded: str = "recorded") -> str:
    """Where the bytes of a file first differ, in its own terms: ``line 3, scores.0.score: recorded 5, found 4``."""
    try:
        texts = expected.decode("utf-8"), found.decode("utf-8")
    except UnicodeDecodeError:
        same = shared_length(expected, found)
        if same == min(len(expected), len(found)):
            return f"{len(found):,} bytes instead of {len(expected):,}"
        return f"byte {same:,}: {expected[same]:#04x} before, {found[same]:#04x} now"
    suffix = PurePosixPath(name).suffix
    if suffix == ".json" and (detail := _as_json(*texts, recorded)):
        return detail
    for number, (first, second) in enumerate(zip_longest(*(text.split("\n") for text in texts)), start=1):
        if first != second:
            if suffix == ".jsonl" and first and second and (detail := _as_json(first, second, recorded)):
                return f"line {number}, {detail}"
            here, there = (_NOTHING if line is None else line for line in (first, second))
            return f"line {number}: {compared(here, there, recorded)}"
    return "nothing"


def _as_json(expected: str, found: str, recorded: str) -> str | None:
    try:
        pair = json.loads(expected), json.loads(found)
        canonical_json(pair[1])
    except (ValueError, RecursionError):
        return None
    return field_difference(*pair, recorded)
