"""The files of an exported run against the checksums in its metadata, and the metadata against the files."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash
from urial.core.yaml_files import read_text
from urial.provenance.crate import CHANGED, COMMIT, EXPERIMENT, METADATA, Source, build_crate
from urial.provenance.verify.run import Checked, Run
from urial.run.differences import field_difference
from urial.run.safe_paths import is_inside

MAX_BYTES = 100_000_000
# What using a crate leaves in it, and no file of it.
LEFT_BEHIND = (".dvc/tmp/", ".dvc/cache/")
# What no export writes, and what makes git and DVC obey whoever sent it.
NEVER_SENT = (".git", ".dvc/config.local")
SENT = "get the crate again from where it came from"


def check_crate(run: Run) -> Checked:
    """Every file has the checksum that the metadata say; missing and additional ones are named."""
    listed = _listed(run.root)
    present = {name for name in _present(run.root) if name != METADATA}
    problems = [_problem(f"{name}: in no crate") for name in NEVER_SENT if os.path.lexists(run.root / name)]
    problems += [_problem(f"{name}: missing") for name in sorted(listed.keys() - present)]
    problems += [_problem(f"{name}: not in the crate's metadata") for name in sorted(present - listed.keys())]
    for name in sorted(listed.keys() & present):
        entity, path = listed[name], run.root / name
        if (found := file_hash(path).removeprefix("sha256:")) != entity["sha256"]:
            problems.append(_problem(f"{name}: sha256 {found}, the crate says {shorten(entity['sha256'])}"))
    return Checked(f"{len(listed):,} files with their checksums", problems)


def check_metadata(run: Run) -> Checked:
    """The metadata are those that the files give, but for the commit and its date, which only its repository knows."""
    metadata = _metadata(run.root)
    listed = _listed(run.root)
    expected = build_crate(run.root, sorted(listed), _source(metadata)).metadata.generate()
    if detail := field_difference(expected, metadata, "the files give"):
        raise _problem(f"{METADATA}: {detail}")
    return Checked(f"{len(metadata['@graph']):,} entities re-derived from the files")


def _problem(what: str) -> UrialError:
    return UrialError(what, where=METADATA, fix=SENT)


def _metadata(root: Path) -> Any:
    try:
        return json.loads(read_text(root / METADATA, MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise _problem(f"{METADATA}: no JSON: {shorten(str(error), 200)}") from error


def _listed(root: Path) -> dict[str, dict[str, str]]:
    graph = _metadata(root).get("@graph", [])
    files = [item for item in graph if item.get("@type") == "File"]
    listed = {unquote(item["@id"]): {"sha256": str(item.get("sha256"))} for item in files}
    if outside := next((name for name in listed if not is_inside(name)), None):
        raise _problem(f"{METADATA}: {shorten(outside)}: no path below the crate's folder")
    return listed


def _present(root: Path) -> list[str]:
    names = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() or path.is_symlink())
    return [name for name in names if not _is_named_or_left(name) and "__pycache__/" not in name]


def _is_named_or_left(name: str) -> bool:
    return name.startswith((*LEFT_BEHIND, ".git/")) or name in NEVER_SENT


def _source(metadata: Any) -> Source:
    """Where the crate comes from, by its properties. Raises UrialError when they do not tell."""
    entities = {item.get("@id"): item for item in metadata["@graph"]}
    commit, experiment, changed = (entities.get(name, {}).get("value") for name in (COMMIT, EXPERIMENT, CHANGED))
    if not isinstance(commit, str) or not re.fullmatch("[0-9a-f]{40,64}", commit):
        raise _problem(f"{METADATA}: {COMMIT} has no commit")
    if not isinstance(experiment, str | None):
        raise _problem(f"{METADATA}: {EXPERIMENT} has no name")
    names = [changed] if isinstance(changed, str) else changed or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _problem(f"{METADATA}: {CHANGED} has no names of files")
    return Source(commit, str(entities.get("./", {}).get("datePublished")), experiment, tuple(names))
