"""One canonical JSON and one content hash for the whole project.

The canonical form is JSON with sorted keys, no spaces, UTF-8, no NaN or infinity.
A hash is written with its algorithm, ``sha256:<64 hex digits>``.

>>> content_hash({"b": 1, "a": "é"})
'sha256:aa58fba8483623bed37c1b02edfccbdd9a53123837c20bfa4cb4049993a2872e'
"""

import hashlib
import json
from pathlib import Path


def canonical_json(value: object) -> bytes:
    """The one byte form of a JSON value. Raises ValueError or TypeError for what JSON cannot say."""
    _require_string_keys(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def content_hash(value: object) -> str:
    """Hash of the canonical JSON of ``value``."""
    return bytes_hash(canonical_json(value))


def bytes_hash(data: bytes) -> str:
    """Hash of raw bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def short_hash(found: str) -> str:
    """The first 12 digits of a hash, enough for people to tell two apart."""
    return found.partition(":")[2][:12]


def file_hash(path: Path) -> str:
    """Hash of a file's bytes, read in pieces."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def _require_string_keys(value: object) -> None:
    # json.dumps would turn the keys 1 and "1" into the same text, and so two values into one hash.
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a JSON object key must be a string, not {key!r}")
            _require_string_keys(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _require_string_keys(item)
