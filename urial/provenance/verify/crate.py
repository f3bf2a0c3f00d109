"""The files of an exported run against the checksums in its metadata, and the metadata against the files."""

import json
import os
import re
from typing import Any
from urllib.parse import unquote

from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash
from urial.core.yaml_files import read_text
from urial.provenance.crate import CHANGED, COMMIT, EXPERIMENT, METADATA, build_crate
from urial.provenance.verify.run import Checked, Run
from urial.run.differences import field_difference
from urial.run.folders import RunState
from urial.run.lockfile import is_inside

MAX_BYTES = 100_000_000
# What using a crate leaves in it, and no file of it.
LEFT_BEHIND = (".dvc/tmp/", ".dvc/cache/", ".git/")
# What no export writes, and what makes git and DVC obey whoever sent it.
NEVER_SENT = (".git", ".dvc/config.local")


def check_crate(run: Run) -> Checked:
    """Every file has the checksum that the metadata say; missing and additional ones are named."""
    listed = _listed(_metadata(run))
    paths = (path for path in run.root.rglob("*") if path.is_file() or path.is_symlink())
    present = {
        name
        for name in (path.relative_to(run.root).as_posix() for path in paths)
        if not name.startswith(LEFT_BEHIND) and "__pycache__/" not in name and name not in (METADATA, *NEVER_SENT)
    }
    problems = [_problem(f"{name}: in no crate") for name in NEVER_SENT if os.path.lexists(run.root / name)]
    problems += [_problem(f"{name}: missing") for name in sorted(listed.keys() - present)]
    problems += [_problem(f"{name}: not in the crate's metadata") for name in sorted(present - listed.keys())]
    for name in sorted(listed.keys() & present):
        if (found := file_hash(run.root / name).removeprefix("sha256:")) != listed[name]:
            problems.append(_problem(f"{name}: sha256 {found}, the crate says {shorten(listed[name])}"))
    return Checked(f"{len(listed):,} files with their checksums", problems)


def check_metadata(run: Run) -> Checked:
    """The metadata are those that the files give, but for the commit and its date, which only its repository knows."""
    metadata = _metadata(run)
    files = sorted(_listed(metadata))
    entities = {item.get("@id"): item for item in metadata["@graph"]}
    commit, experiment, changed = (entities.get(name, {}).get("value") for name in (COMMIT, EXPERIMENT, CHANGED))
    if not isinstance(commit, str) or not re.fullmatch("[0-9a-f]{40,64}", commit):
        raise _problem(f"{METADATA}: {COMMIT} has no commit")
    if not isinstance(experiment, str | None):
        raise _problem(f"{METADATA}: {EXPERIMENT} has no name")
    names = [changed] if isinstance(changed, str) else changed or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _problem(f"{METADATA}: {CHANGED} has no names of files")
    state = RunState(commit=commit, experiment=experiment, dirty=tuple(names), lock=None)
    crate = build_crate(run.root, files, state, date=str(entities.get("./", {}).get("datePublished")))
    if detail := field_difference(crate.metadata.generate(), metadata, "the files give"):
        raise _problem(f"{METADATA}: {detail}")
    return Checked(f"{len(metadata['@graph']):,} entities re-derived from the files")


def _problem(what: str) -> UrialError:
    return UrialError(what, where=METADATA, fix="get the crate again from where it came from")


def _metadata(run: Run) -> Any:
    try:
        return json.loads(read_text(run.root / METADATA, MAX_BYTES))
    except (ValueError, RecursionError) as error:
        raise _problem(f"{METADATA}: no JSON: {shorten(str(error), 200)}") from error


def _listed(metadata: Any) -> dict[str, str]:
    """SHA-256 of each file in the metadata by its path."""
    files = [item for item in metadata.get("@graph", []) if item.get("@type") == "File"]
    listed = {unquote(item["@id"]): str(item.get("sha256")) for item in files}
    if outside := next((name for name in listed if not is_inside(name)), None):
        raise _problem(f"{METADATA}: {shorten(outside)}: no path below the crate's folder")
    return listed
