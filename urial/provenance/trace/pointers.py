"""Paths in report.json: JSON Pointers (RFC 6901), and the shorter paths that people type.

>>> document = {"systems": {"base-v1.5": {"words": {"mean": 2.0}}}}
>>> path = resolve(document, "base-v1.5.words")
>>> json_pointer(path), dotted(path)
('/systems/base-v1.5/words/mean', 'systems.base-v1.5.words.mean')
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.text import and_more

Step = str | int
JsonPath = tuple[Step, ...]

_LISTED = 10
# What an object stands for that has one: the mean of an estimate, the kind of what can be of several kinds.
_NAMING = ("mean", "kind")


def json_pointer(path: JsonPath) -> str:
    """The path as a JSON Pointer; the whole document is the empty text."""
    return "".join(f"/{_escaped(step)}" for step in path)


def dotted(path: JsonPath) -> str:
    """The path as people type it: names and indices with dots between them."""
    return ".".join(map(str, path))


def resolve(document: object, text: str) -> JsonPath:
    """The single value that ``text`` names: a JSON Pointer, a path, or the end of a path that only one value has.

    What stops at an estimate means its mean, what stops at the judge its kind. Raises UrialError for what names nothing, several values, or a group of them.
    """
    nodes = dict(_nodes(document, ()))
    if text == "" or text.startswith("/"):
        if re.search(r"~(?![01])", text):
            raise UrialError(f"{shorten(text)}: not a JSON Pointer", expected="~0 for ~, ~1 for / inside a name")
        return _looked_up({json_pointer(path): path for path in nodes}, text, "/", nodes)
    # Names can have dots: of two nodes with one text, the one whose first names are longer wins.
    by_names = sorted(nodes, key=lambda path: [len(str(step)) for step in path])
    by_text = {dotted(path): path for path in by_names if path}
    if text not in by_text:
        ends = _ends(nodes, text)
        if len(ends) > 1:
            raise UrialError(
                f"{shorten(text)} names {len(ends)} values: {and_more(map(dotted, ends), _LISTED)}",
                fix="write more of it",
            )
        if ends:
            return _value(ends[0], nodes, text)
        if not any(text.startswith(f"{beginning}.") for beginning in by_text):
            by_text = {dotted(path[start:]): path for path in reversed(nodes) for start in range(len(path))}
    return _looked_up(by_text, text, ".", nodes)


def value_at(document: Any, path: JsonPath) -> Any:
    """The value at a path that the document has."""
    for step in path:
        document = document[step]
    return document


def leaves(document: object) -> Iterator[JsonPath]:
    """The paths of all values that hold no others; an empty list or object is one."""
    return (path for path, node in _nodes(document, ()) if not _steps(node))


def completions(document: object, incomplete: str) -> list[str]:
    """What ``incomplete`` can go on with, a step at a time, or more where there is no choice.

    A whole path stands as it is, a part of one ends with its separator. What begins no path is completed to ends of paths
    that only one value has.
    """
    pointer = incomplete.startswith("/")
    texts = [[_escaped(step) if pointer else str(step) for step in path] for path in leaves(document) if path]
    completed = _completed(texts, incomplete, "/" if pointer else ".")
    if completed or pointer:
        return completed
    ends = [steps[start:] for steps in texts for start in range(1, len(steps))]
    counts = Counter(map(".".join, ends))
    return _completed([end for end in ends if counts[".".join(end)] == 1], incomplete, ".")


def _completed(texts: list[list[str]], incomplete: str, separator: str) -> list[str]:
    """The shortest beginnings of paths, in whole steps, that begin with ``incomplete`` and are longer, or whole."""
    while True:
        shown = dict[str, None]()
        for steps in texts:
            text = separator if separator == "/" else ""
            for count, step in enumerate(steps, start=1):
                text += step + (separator if count < len(steps) else "")
                if len(text) > len(incomplete):
                    break
            if text and text.startswith(incomplete):
                shown[text] = None
        (*completed,) = shown
        if len(completed) != 1 or completed[0] == incomplete or not completed[0].endswith(("/", ".")):
            return completed
        incomplete = completed[0]


def _nodes(node: object, path: JsonPath) -> Iterator[tuple[JsonPath, object]]:
    """Every path of the document with what is there, a group before what it holds."""
    yield path, node
    for step, inner in _members(node):
        yield from _nodes(inner, (*path, step))


def _ends(nodes: dict[JsonPath, object], text: str) -> list[JsonPath]:
    """The values, and estimates, whose path ends with ``text``."""
    values = [path for path, node in nodes.items() if _named(node) or not isinstance(node, (dict, list))]
    return [path for path in values if any(dotted(path[start:]) == text for start in range(1, len(path)))]


def _looked_up(known: dict[str, JsonPath], text: str, separator: str, nodes: dict[JsonPath, object]) -> JsonPath:
    """The value that ``known`` has under this text. Raises UrialError, with what there is where the text leads nowhere."""
    if text in known:
        return _value(known[text], nodes, text)
    furthest = max((name for name in known if text.startswith(f"{name}{separator}")), key=len, default=None)
    path = () if furthest is None else known[furthest]
    piece = (text if furthest is None else text[len(furthest) + 1 :]).partition(separator)[0]
    if separator == "/":
        piece = piece.replace("~1", "/").replace("~0", "~")
    names = [str(step) for step in _steps(nodes[path])]
    if not names:
        raise UrialError(f"{shorten(dotted(path))} is a value and holds no {shorten(piece)}")
    near = did_you_mean(piece, names if path else {str(step) for deeper in nodes for step in deeper})
    raise UrialError(
        f"the report has no {shorten(piece)} {f'under {shorten(dotted(path))}' if path else 'at its top'}",
        expected=f"one of: {and_more(names, _LISTED)}",
        fix=near if near and near.startswith("did") else None,
    )


def _value(path: JsonPath, nodes: dict[JsonPath, object], text: str) -> JsonPath:
    node = nodes[path]
    if named := _named(node):
        return (*path, named)
    if not isinstance(node, (dict, list)):
        return path
    raise UrialError(
        f"{shorten(text)} is no value but holds {len(node)}",
        expected=f"one of them: {and_more(map(str, _steps(node)), _LISTED)}" if node else None,
    )


def _named(node: object) -> str | None:
    """The step to the value that an object stands for; None where it is none."""
    return next((name for name in _NAMING if isinstance(node, dict) and name in node), None)


def _steps(node: object) -> list[Step]:
    return [step for step, _ in _members(node)]


def _members(node: object) -> list[tuple[Step, object]]:
    if isinstance(node, dict):
        return list(node.items())
    return list(enumerate(node)) if isinstance(node, list) else []


def _escaped(step: Step) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
