"""What lies in a run's folder: files, the code that derives it again, records as urial writes them; of a crate, the checksums."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash
from urial.core.store import json_bytes, jsonl_lines, read_json
from urial.core.strict_json import strict_json
from urial.core.text import counted
from urial.core.yaml_files import read_text
from urial.provenance.crate import CHANGED, COMMIT, EXPERIMENT, METADATA, build_crate
from urial.provenance.verify.run import Checked, NotCheckedError, Run, edited, noted
from urial.records.package import InstalledPackage
from urial.run.differences import content_difference, field_difference
from urial.run.files import ASIDE, misplaced, real_path, way_back
from urial.run.folders import RunState
from urial.run.lockfile import is_inside
from urial.run.package import CODE, PACKAGE, differing_rooms, installed_package
from urial.run.paths import DATA, ENVIRONMENT, REPORT, RUN_FILES
from urial.run.project import SHIPPED

MAX_BYTES = 100_000_000
# What using a crate leaves in it, and no file of it.
LEFT_BEHIND = (".dvc/tmp/", ".dvc/cache/", ".git/")
# Where DVC's cache has files.
STORE = "/files/md5/"
# What no export writes, and what makes git and DVC obey whoever sent it.
NEVER_SENT = (".git", ".dvc/config.local")


def check_layout(run: Run) -> Checked:
    """There are only files, folders, and links to what is in the run; in a crate, nothing is aside."""
    aside = () if (run.root / METADATA).is_file() else ASIDE
    problems = [
        UrialError(
            f"{shorten(name)}: {what}: nothing else was checked",
            expected="files, folders, and links to what is in the run",
            fix=_in_its_place(run.root, name),
        )
        for name, what in misplaced(run.root, aside)
    ]
    return Checked("files and folders", problems)


def _in_its_place(root: Path, name: str) -> str:
    """What is done about a path that is neither file nor folder, or leads out."""
    there = str(real_path(root / name))
    if (root / name).is_symlink() and name.split("/", maxsplit=1)[0] == DATA and f"{name}{there}".isprintable():
        if os.path.isdir(there):
            return way_back(Path(name), there)
        if STORE in there:  # As DVC links outputs to a cache elsewhere.
            return "`dvc config --local cache.type reflink,copy`, then `dvc checkout --relink`"
    return "remove it"


def check_code(run: Run) -> Checked:
    """The library that derives the run again is the run's own, to the byte."""
    installed, own = Path(__file__).resolve().parents[2], run.root / "urial"
    if (run.root / PACKAGE).is_file():
        return _check_package(run.root)
    if not own.is_dir():
        raise NotCheckedError(
            "the run has no urial/: what the installed one derives may differ from what the run's did"
        )
    ours, theirs = (
        {
            path.relative_to(top).as_posix(): file_hash(path)
            for path in top.rglob("*")
            # What a wheel has besides: the run has its own of these.
            if path.suffix in CODE and path.relative_to(top).parts[0] != SHIPPED
        }
        for top in (installed, own)
    )
    if differing := sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)):
        raise NotCheckedError(
            f"{len(differing)} modules of the installed urial differ from the run's, first urial/{differing[0]}: "
            "a number may differ for that reason alone; install the run's own to be sure"
        )
    return Checked(f"{len(ours)} modules of the installed urial are the run's own")


def _check_package(root: Path) -> Checked:
    """Of a project without code: the installed urial is the one that its record names."""
    recorded, installed = read_json(root / PACKAGE, InstalledPackage), installed_package()
    if differing := differing_rooms(recorded, installed):
        raise NotCheckedError(
            f"the run is of urial {recorded.version}, and the installed urial {installed.version} differs from it, first in "
            f"{differing[0]}: a number may differ for that reason alone; install the run's own to be sure"
        )
    return Checked(
        f"the installed urial {installed.version} is the run's own, by the hashes of {counted(len(recorded.rooms), 'folder')}"
    )


def check_environments(run: Run) -> Checked:
    """The records of what the stages ran on are sound. What they say cannot be derived again."""
    keys = [key for key, _ in ENVIRONMENT.present(run.data)]
    checked = Checked(f"{len(keys)} valid records")
    for key in keys:
        with noted(checked.problems):
            run.record(ENVIRONMENT, key)
    return checked


def check_written_form(run: Run) -> Checked:
    """Every record and row is, byte for byte, what urial.core.store writes of it: a key is in it once.

    The report's files are written again, see verify.report; a table's bytes are those of the library that wrote it.
    """
    problems, count = [], 0
    kinds = [kind for kind in RUN_FILES if kind.stage != REPORT.stage and kind.form != "parquet"]
    # Published outputs have the names of a system's answers, and are the same records.
    files = {kind.path(key): (kind, key) for kind in kinds for key, _ in kind.present(run.data)}
    for path, (kind, key) in files.items():
        try:
            lines = [json_bytes(run.record(kind, key))] if kind.form == "json" else jsonl_lines(run.rows(kind, key))
        except (UrialError, NotCheckedError):  # It has been named where it was read first.
            continue
        written, present = b"".join(lines), (run.root / path).read_bytes()
        count += 1
        if present != written:
            expected = "the bytes that urial writes of the record that it is read as"
            problems.append(edited(path, form_difference(path, written, present), expected=expected))
    return Checked(f"{counted(count, 'file')} of records and rows as urial writes them", problems)


def form_difference(name: str, expected: bytes, present: bytes) -> str:
    """Where a file first differs from what is written of its records; a key that is there twice by its name."""
    by_line = name.endswith(".jsonl")
    written, parts = (data.split(b"\n") if by_line else [data] for data in (expected, present))
    pairs = enumerate(zip(written, parts, strict=False), start=1)
    number, part = next(((number, part) for number, (right, part) in pairs if right != part), (0, b"null"))
    try:
        strict_json(part.decode("utf-8"))
    except ValueError as error:
        return f"line {number}: {error}" if by_line else str(error)
    # As text: what is read as the same JSON differs only in its letters.
    return content_difference("", expected, present, "written")


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
    return Checked(f"{counted(len(listed), 'file')} with their checksums", problems)


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
    return Checked(f"{counted(len(metadata['@graph']), 'entity', 'entities')} re-derived from the files")


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
