"""Paths in report.json: JSON Pointers (RFC 6901), and the shorter paths that people type.

>>> document = {"systems": {"base-v1.5": {"words": {"mean": 2.0}}}}
>>> path = resolve(document, "base-v1.5.words")
>>> json_pointer(path), dotted(path)
('/systems/base-v1.5/words/mean', 'systems.base-v1.5.words.mean')
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.json_paths import JsonPath, Step, json_pointer
from urial.core.text import and_more, one_line

_LISTED = 10
# What an object stands for that has one: the mean of an estimate, the kind of what can be of several kinds.
_NAMING = ("mean", "kind")


def dotted(path: JsonPath) -> str:
    """The path as people type it: names and indices with dots between them."""
    return ".".join(map(str, path))


def value_at(document: Any, path: JsonPath) -> Any:
    """The value at a path that the document has."""
    for step in path:
        document = document[step]
    return document


def leaves(document: object) -> Iterator[JsonPath]:
    """The paths of all values that hold no others; an empty list or object is one."""
    return (path for path, node in _nodes(document, ()) if not _held(node))


def resolve(document: object, text: str) -> JsonPath:
    """The single value that ``text`` names: a JSON Pointer, a path, or the end of a path that only one value has.

    What stops at an estimate means its mean, what stops at the judge its kind. Raises UrialError for what names nothing, several
    values, or a group of them.
    """
    nodes = dict(_nodes(document, ()))
    pointer = text == "" or text.startswith("/")
    if pointer and re.search(r"~(?![01])", text):
        raise UrialError(f"{shorten(text)}: not a JSON Pointer", expected="~0 for ~, ~1 for / inside a name")
    # Names can have dots: of two nodes with one text, the one whose first names are longer wins.
    by_names = sorted(nodes, key=lambda path: [len(str(step)) for step in path])
    known = {json_pointer(path) if pointer else dotted(path): path for path in by_names if path or pointer}
    if not pointer and text not in known:
        values = [path for path, node in nodes.items() if _named(node) or not isinstance(node, (dict, list))]
        ends = [path for path in values if any(dotted(path[start:]) == text for start in range(1, len(path)))]
        if len(ends) > 1:
            raise UrialError(
                f"{shorten(text)} names {len(ends)} values: {and_more(map(dotted, ends), _LISTED)}",
                fix=f"give a longer path, e.g. {one_line(_shortest_end(ends[0], values))}",
            )
        if ends:
            known = {text: ends[0]}
        elif not any(text.startswith(f"{beginning}.") for beginning in known):
            known = {dotted(path[start:]): path for path in reversed(nodes) for start in range(len(path))}
            if text not in known:
                _require_far(text, known)
    if text not in known:
        raise _lost(text, known, nodes, "/" if pointer else ".")
    path, node = known[text], nodes[known[text]]
    if named := _named(node):
        return (*path, named)
    if isinstance(node, (dict, list)):
        names = and_more(map(str, _held(node)), _LISTED)
        raise UrialError(
            f"{shorten(text)} is no value but holds {len(node)}", expected=f"one of them: {names}" if node else None
        )
    return path


def _nearest(name: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?``; None where no name is near, since all of them would be too many to show."""
    near = did_you_mean(name, known)
    return near if near and near.startswith("did") else None


def _require_far(text: str, ends: Iterable[str]) -> None:
    """Raises UrialError where a text is nearly the end of a path, however many groups have the name that it begins with."""
    if near := _nearest(text, ends):
        raise UrialError(f"the report has no {shorten(text)}", fix=near)


def _shortest_end(path: JsonPath, values: list[JsonPath]) -> str:
    """The shortest end of a path that no other value has; the whole path where each has one."""
    ends = Counter(dotted(value[start:]) for value in values for start in range(len(value)))
    own = (dotted(path[start:]) for start in reversed(range(len(path))))
    return next((end for end in own if ends[end] == 1), dotted(path))


def _lost(text: str, known: dict[str, JsonPath], nodes: dict[JsonPath, object], separator: str) -> UrialError:
    """A text that is none of the known ones: how far it leads, and what there is."""
    furthest = max((name for name in known if text.startswith(f"{name}{separator}")), key=len, default=None)
    path = () if furthest is None else known[furthest]
    piece = (text if furthest is None else text[len(furthest) + 1 :]).partition(separator)[0]
    if separator == "/":
        piece = piece.replace("~1", "/").replace("~0", "~")
    names = list(map(str, _held(nodes[path])))
    if not names:
        return UrialError(f"{shorten(dotted(path))} is a value and holds no {shorten(piece)}")
    near = _nearest(piece, names if path else {str(step) for deeper in nodes for step in deeper})
    return UrialError(
        f"the report has no {shorten(piece)} {f'under {shorten(dotted(path))}' if path else 'at its top'}",
        expected=f"one of: {and_more(names, _LISTED)}",
        fix=near,
    )


def completions(document: object, incomplete: str) -> list[str]:
    """What ``incomplete`` can go on with, a step at a time, or more where there is no choice.

    A whole path stands as it is, a part of one ends with its separator. What begins no path is completed to ends of paths
    that only one value has.
    """
    paths = [path for path in leaves(document) if path]
    if incomplete.startswith("/"):
        return _completed(paths, incomplete, json_pointer, "/")
    if completed := _completed(paths, incomplete, dotted, "."):
        return completed
    ends = [path[start:] for path in paths for start in range(1, len(path))]
    counts = Counter(map(dotted, ends))
    return _completed([end for end in ends if counts[dotted(end)] == 1], incomplete, dotted, ".")


def _completed(paths: list[JsonPath], incomplete: str, text_of: Callable[[JsonPath], str], separator: str) -> list[str]:
    """The shortest beginnings of paths, in whole steps, that begin with ``incomplete`` and are longer, or whole."""
    begun = dict[str, None]()
    for path in paths:
        beginnings = (f"{text_of(path[:count])}{separator}" for count in range(1, len(path)))
        begun[next((text for text in beginnings if len(text) > len(incomplete)), text_of(path))] = None
    completed = [text for text in begun if text and text.startswith(incomplete)]
    if len(completed) == 1 and completed[0] != incomplete:
        return _completed(paths, completed[0], text_of, separator)
    return completed


def _nodes(node: object, path: JsonPath) -> Iterator[tuple[JsonPath, object]]:
    """Every path of the document with what is there, a group before what it holds."""
    yield path, node
    for step, inner in _held(node).items():
        yield from _nodes(inner, (*path, step))


def _held(node: object) -> dict[Step, object]:
    """What a group holds, by step; a value holds nothing."""
    return dict(enumerate(node)) if isinstance(node, list) else node if isinstance(node, dict) else {}


def _named(node: object) -> str | None:
    """The step to the value that an object stands for; None where it is none."""
    return next((name for name in _NAMING if isinstance(node, dict) and name in node), None)
