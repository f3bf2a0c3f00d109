"""YAML files as records, with the line of every problem."""

import json
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from urial.core.errors import UrialError, shorten
from urial.core.validation import Location, explain, first_field

MAX_BYTES = 2_000_000
MAX_NODES = 100_000

Model = TypeVar("Model", bound=BaseModel)


def parse_yaml_record(path: Path, model: type[Model]) -> Model:
    """The file as a record. Raises UrialError that names file, line and field."""
    return yaml_record(read_text(path, MAX_BYTES), model, path)


def yaml_record(text: str, model: type[Model], path: Path | str) -> Model:
    """The record in a YAML text, which stands in ``path``. Raises UrialError likewise."""
    try:
        values = _values(text)
    except UrialError as error:
        raise error.but(path=path) from error
    try:
        return model.model_validate_json(values)
    except ValidationError as error:
        tree = _tree(text)
        problem = UrialError(
            explain(error, model, lambda loc: _line_of(tree, loc)),
            path=path,
            expected=f"the record {model.__name__} as in schemas/",
        )
        raise problem.but(field=first_field(error, model)) from error


def read_text(path: Path, max_bytes: int) -> str:
    """A UTF-8 text file. Raises UrialError when it is missing, too large or not UTF-8."""
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)
    except OSError as error:
        raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error
    if len(data) > max_bytes:
        raise UrialError("too large", path=path, expected=f"at most {max_bytes:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UrialError(
            f"invalid UTF-8 at byte {error.start}", path=path, line=line, fix="save the file as UTF-8"
        ) from error


# The parser that knows lines is slow, half a second for a lock, and one command reads the same files at many places.
@lru_cache(maxsize=64)
def _values(text: str) -> str:
    """What a YAML text says, as JSON. Raises UrialError that names the line, and no file."""
    return _to_json(_tree(text))


def _tree(text: str) -> object:
    try:
        return YAML(typ="rt", pure=True).load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise UrialError(f"not valid YAML: {error.problem}", line=line, fix="correct the line") from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise UrialError(f"not valid YAML: {str(error).splitlines()[0]}", fix="correct the file") from error


def _to_json(tree: object) -> str:
    # Through JSON, so that strict records see JSON's types alone, and nested YAML aliases cannot explode.
    budget = [MAX_NODES]

    def plain(node: object) -> object:
        budget[0] -= 1
        if budget[0] < 0:
            raise UrialError(f"more than {MAX_NODES:,} values", fix="remove nested YAML aliases")
        if isinstance(node, dict):
            for other in [key for key in node if not isinstance(key, str)][:1]:
                line = node.lc.key(other)[0] + 1 if isinstance(node, CommentedMap) and other in node.lc.data else None
                raise UrialError(
                    f"the key {shorten(other)} is {_kind(other)}, and no text",
                    line=line,
                    expected="keys that are texts",
                    fix="write it in quotes, or choose a name that begins with a letter",
                )
            return {key: plain(value) for key, value in node.items()}
        if isinstance(node, list):
            return [plain(value) for value in node]
        if isinstance(node, bool) or node is None:
            return node
        for kind in (int, float, str):
            if isinstance(node, kind):
                return kind(node)
        return str(node)

    return json.dumps(plain(tree), ensure_ascii=False)


def _kind(key: object) -> str:
    """What YAML takes a key for that is written without quotes."""
    if isinstance(key, bool):
        return "true or false"
    return "empty" if key is None else "a number" if isinstance(key, (int, float)) else "a date or a list"


def _line_of(tree: object, loc: Location) -> int | None:
    """1-based line of the deepest part of ``loc`` that the file has."""
    line: int | None = None
    for step in loc:
        if isinstance(tree, CommentedMap):
            key = next((key for key in tree if str(key) == str(step)), None)
            # A key that comes from a YAML merge has no line of its own.
            if key is None or key not in (tree.lc.data or {}):
                break
            line, tree = tree.lc.key(key)[0] + 1, tree[key]
        elif isinstance(tree, CommentedSeq) and isinstance(step, int) and step < len(tree):
            line, tree = tree.lc.item(step)[0] + 1, tree[step]
        else:
            break
    return line
