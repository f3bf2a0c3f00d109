"""Variants of a project: params.yaml with other settings, each to be one DVC experiment.

Settings are what ``dvc exp run -S`` sets: a dotted key with its value, or ``~key`` for one that is taken out. The values are set
here rather than by -S, whose grammar has signs of its own ("/", "@", "{") that names of models have as well; the file is written
in the form that DVC writes.
"""

import hashlib
import tempfile
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.yaml_files import parse_yaml_record
from urial.records.params.file import ParamsFile, read_params
from urial.run.pipeline import PARAMETERS, YamlObject

REMOVED = "~"
# Of a hash, in the name of an experiment whose plain name is taken.
DIGITS = 6


@dataclass(frozen=True)
class Variant:
    """One experiment of a sweep."""

    # Of the DVC experiment: letters, digits, "_" and "-".
    name: str
    # What people read in a table, such as "step 120".
    label: str
    # Dotted keys of params.yaml to values; "~key": taken out, whatever the value.
    settings: Mapping[str, object]


@dataclass(frozen=True)
class VariantParams:
    """params.yaml of a variant: as a file, and as it is understood."""

    text: bytes
    params: ParamsFile

    @property
    def digest(self) -> str:
        """A few digits that tell files apart in names."""
        return hashlib.sha256(self.text).hexdigest()[:DIGITS]


def variant_params(variant: Variant, root: Path) -> VariantParams:
    """params.yaml of ``root`` with the variant's settings. Raises UrialError where they cannot be set, or it is wrong then."""
    text = with_settings(root / PARAMETERS, variant.settings)
    with tempfile.TemporaryDirectory(prefix="urial-sweep-") as folder:
        path = Path(folder) / PARAMETERS
        path.write_bytes(text)
        try:
            return VariantParams(text, read_params(path))
        except UrialError as error:
            raise error.but(path=None, where=f"{PARAMETERS} of {variant.name}") from error


def with_settings(path: Path, settings: Mapping[str, object]) -> bytes:
    """A file of parameters with settings, in the form in which DVC writes it. Raises UrialError where they cannot be set."""
    from dvc.utils.serialize import dumps_yaml, parse_yaml_for_update

    # Checked before DVC's own reader, whose messages name neither line nor field.
    parse_yaml_record(path, YamlObject)
    tree = parse_yaml_for_update(path.read_text("utf-8"), path)
    for key, value in settings.items():
        _set(tree, key, value)
    text = str(dumps_yaml(tree))
    _require_read_back(parse_yaml_for_update(text, path), settings)
    return text.encode()


def _require_read_back(tree: Mapping[str, object], settings: Mapping[str, object]) -> None:
    """Raises UrialError for a text that the file would not give back: some line breaks of Unicode are spaces when they are read."""
    for key, value in settings.items():
        found: object = tree
        for part in key.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        if isinstance(value, str) and found != value:
            raise UrialError(
                f"{key}: {shorten(value)} cannot be written in YAML as it is",
                where=PARAMETERS,
                expected="text without control characters",
            )


def _set(tree: MutableMapping[str, object], key: str, value: object) -> None:
    *sections, last = key.removeprefix(REMOVED).split(".")
    for section in sections:
        below = tree.setdefault(section, {})
        if not isinstance(below, MutableMapping):
            raise UrialError(
                f"{key}: {section} is {shorten(below)}, and has no fields",
                where=PARAMETERS,
                expected="a section with fields",
            )
        tree = below
    if not key.startswith(REMOVED):
        tree[last] = value
    elif last in tree:
        del tree[last]
    else:
        raise UrialError(f"{key}: there is no {last!r}", where=PARAMETERS, fix=did_you_mean(last, tree))
