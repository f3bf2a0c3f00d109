"""Places in report.json: JSON Pointers (RFC 6901), and the shorter paths that people type.

>>> document = {"systems": {"base-v1.5": {"words": {"mean": 2.0}}}}
>>> place = resolve(document, "systems.base-v1.5.words")
>>> json_pointer(place), path(place)
('/systems/base-v1.5/words/mean', 'systems.base-v1.5.words.mean')
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from urial.core.errors import UrialError, did_you_mean, shorten

Step = str | int
Place = tuple[Step, ...]

# An array's index as RFC 6901 writes it.
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_LISTED = 10
MEAN = "mean"


def json_pointer(place: Place) -> str:
    """The place as a JSON Pointer; the whole document is the empty text."""
    return "".join(f"/{_escaped(step)}" for step in place)


def path(place: Place) -> str:
    """The place as people type it: names and indices with dots between them."""
    return ".".join(map(str, place))


def resolve(document: Any, text: str) -> Place:
    """The single value that ``text`` names: a JSON Pointer, a path, or the end of a path that only one value has.

    What stops at an estimate means its mean. Raises UrialError for what names nothing, several values, or a group of them.
    """
    if text == "" or text.startswith("/"):
        return _value(document, _by_pointer(document, text), text)
    place, rest = _followed(document, text, ())
    if rest is None:
        return _value(document, place, text)
    ends = [found for found in _targets(document, ()) if _ends_with(found, text)]
    if len(ends) > 1:
        raise UrialError(
            f"{shorten(text)} names {len(ends)} values: {_listed(map(path, ends))}", fix="write more of it"
        )
    if ends:
        return _value(document, ends[0], text)
    if not place:
        place, rest = _furthest(document, text)
    if rest is not None:
        _unknown(document, place, rest.partition(".")[0])
    return _value(document, place, text)


def value_at(document: Any, place: Place) -> Any:
    """The value at a place that the document has."""
    for step in place:
        document = document[step]
    return document


def leaves(document: Any, place: Place = ()) -> Iterator[Place]:
    """The places of all values that hold no others; an empty list or object is one."""
    steps = _steps(document)
    if not steps:
        yield place
    for step in steps:
        yield from leaves(document[step], (*place, step))


def completions(document: Any, incomplete: str) -> list[str]:
    """What ``incomplete`` can go on with, a step at a time, or more where there is no choice.

    A whole place stands as it is, a part of one ends with its separator. What begins no path is completed to ends of paths
    that only one value has.
    """
    pointer = incomplete.startswith("/")
    texts = [[_escaped(step) if pointer else str(step) for step in place] for place in leaves(document) if place]
    found = _completed(texts, incomplete, "/" if pointer else ".")
    return found if found or pointer else _completed(_single_ends(texts, incomplete), incomplete, ".")


def _single_ends(texts: list[list[str]], incomplete: str) -> list[list[str]]:
    """The ends of these paths that begin with ``incomplete`` and are of one alone."""
    ends = [steps[start:] for steps in texts for start in range(1, len(steps))]
    found = [(text, end) for text, end in ((".".join(end), end) for end in ends) if text.startswith(incomplete)]
    counts = Counter(text for text, _ in found)
    return [end for text, end in found if counts[text] == 1]


def _completed(texts: list[list[str]], incomplete: str, separator: str) -> list[str]:
    while True:
        found = {_next(steps, incomplete, separator): None for steps in texts}
        found.pop(None, None)
        (*shown,) = filter(None, found)
        if len(shown) != 1 or shown[0] == incomplete or shown[0][-1] not in "./":
            return shown
        incomplete = shown[0]


def _next(steps: list[str], incomplete: str, separator: str) -> str | None:
    """The shortest beginning of a place, in whole steps, that is longer than ``incomplete`` and begins with it."""
    text = separator if separator == "/" else ""
    for count, step in enumerate(steps, start=1):
        text += step + (separator if count < len(steps) else "")
        if len(text) > len(incomplete) or count == len(steps):
            break
    return text if text.startswith(incomplete) else None


def _by_pointer(document: Any, text: str) -> Place:
    place: Place = ()
    node = document
    for token in text.split("/")[1:]:
        if re.search(r"~(?![01])", token):
            raise UrialError(f"{shorten(text)}: not a JSON Pointer", expected="~0 for ~, ~1 for / inside a name")
        name = token.replace("~1", "/").replace("~0", "~")
        step: Step = int(name) if isinstance(node, list) and _INDEX.fullmatch(name) else name
        if step not in _steps(node):
            _unknown(document, place, name)
        place, node = (*place, step), node[step]
    return place


def _followed(node: Any, text: str, place: Place) -> tuple[Place, str | None]:
    """How far a path leads, and the rest that leads nowhere; None: there is no rest. The longest name wins."""
    furthest: tuple[Place, str | None] = (place, text)
    for step in sorted(_steps(node), key=lambda step: -len(str(step))):
        name, child = str(step), (*place, step)
        if text == name:
            return child, None
        if text.startswith(f"{name}."):
            found = _followed(node[step], text[len(name) + 1 :], child)
            if found[1] is None:
                return found
            furthest = max(furthest, found, key=lambda item: len(item[0]))
    return furthest


def _furthest(document: Any, text: str) -> tuple[Place, str | None]:
    """See _followed, of a path that may begin anywhere: as far as the farthest way leads."""
    nodes = dict.fromkeys(place[:count] for place in leaves(document) for count in range(len(place)))
    ways = ((len(node), *_followed(value_at(document, node), text, node)) for node in nodes)
    _, place, rest = max(ways, key=lambda way: len(way[1]) - way[0], default=(0, (), text))
    return place, rest


def _value(document: Any, place: Place, text: str) -> Place:
    node = value_at(document, place)
    if isinstance(node, dict) and MEAN in node:
        return (*place, MEAN)
    if not isinstance(node, (dict, list)):
        return place
    raise UrialError(
        f"{shorten(text)} is no value but holds {len(node)}",
        expected=f"one of them: {_listed(map(str, _steps(node)))}" if node else None,
    )


def _unknown(document: Any, place: Place, piece: str) -> NoReturn:
    """Raises UrialError for a name that the place does not have."""
    names = [str(step) for step in _steps(value_at(document, place))]
    if not names:
        raise UrialError(f"{shorten(path(place))} is a value and holds no {shorten(piece)}")
    raise UrialError(
        f"the report has no {shorten(piece)} {f'under {shorten(path(place))}' if place else 'at its top'}",
        expected=f"one of: {_listed(names)}",
        fix=_near(piece, names if place else dict.fromkeys(str(step) for found in leaves(document) for step in found)),
    )


def _near(piece: str, names: Iterable[str]) -> str | None:
    found = did_you_mean(piece, names)
    return found if found and found.startswith("did") else None


def _targets(node: Any, place: Place) -> Iterator[Place]:
    """What a short path may end at: values, and estimates."""
    if isinstance(node, dict) and MEAN in node:
        yield place
    if not isinstance(node, (dict, list)):
        yield place
    for step in _steps(node):
        yield from _targets(node[step], (*place, step))


def _ends_with(place: Place, text: str) -> bool:
    return any(path(place[start:]) == text for start in range(1, len(place)))


def _steps(node: Any) -> list[Step]:
    if isinstance(node, dict):
        return list(node)
    return list(range(len(node))) if isinstance(node, list) else []


def _escaped(step: Step) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def _listed(names: Any) -> str:
    """Names in a message, not endlessly many, without what a terminal would obey."""
    found = [name if name.isprintable() else repr(name) for name in names]
    more = len(found) - _LISTED
    return ", ".join(found[:_LISTED]) + (f" and {more:,} more" if more > 0 else "")
