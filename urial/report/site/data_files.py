"""The form of the site's data files: one call of a script, in ASCII, since a page of the file system can load nothing else."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from urial.core.store import write_bytes
from urial.statistics.bootstrap import Integers


def write_data(folder: Path, name: str, text: str) -> None:
    """``data/NAME.js`` under the site's folder; ``text`` is JSON of `as_json` and its like."""
    write_bytes(folder / "data" / f"{name}.js", f'urial.receive("{name}",{text});\n'.encode("ascii"))


def shard(kind: str, number: int) -> str:
    """The name of a data file that is one of many."""
    return f"{kind}/{number:04}"


def as_json(value: object) -> str:
    """The value as JSON in ASCII, without spaces. Raises ValueError for what JSON cannot say."""
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def json_object(fields: Mapping[str, str | None]) -> str:
    """An object of values that are JSON already; what is None is left out."""
    return "{" + ",".join(f'"{name}":{text}' for name, text in fields.items() if text is not None) + "}"


def json_list(items: Iterable[str]) -> str:
    """A list of values that are JSON already."""
    return "[" + ",".join(items) + "]"


def shard_size(amounts: Integers, most: int) -> int:
    """How many instructions a shard holds, so that on average at most so much of the ``amounts`` is in one."""
    mean = float(np.mean(amounts)) if len(amounts) else 0.0
    return max(1, min(len(amounts), int(most / mean) if mean > 0 else len(amounts)))
