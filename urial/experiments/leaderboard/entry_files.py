"""Entries as files: a run's file is named by its model and what was measured, and has the same bytes wherever it is saved."""

import os
from collections.abc import Iterable
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.hashing import short_hash
from urial.core.store import json_bytes, parse_record, write_bytes
from urial.core.strict_json import strict_json, syntax_problem
from urial.core.text import as_name
from urial.experiments.leaderboard.naming import short_name
from urial.experiments.leaderboard.reading import require_consistent
from urial.records.leaderboard_entry import LeaderboardEntry, run_hash

FORMAT = "urial-leaderboard-1"
MAX_BYTES = 50_000_000
_SAVE_AGAIN = "save the entry again, where the run is: `urial leaderboard EXPERIMENT --save FOLDER`"


def entry_name(entry: LeaderboardEntry) -> str:
    """The name of an entry's file: base model, checkpoint, and the hash of what was measured."""
    name = as_name(short_name(entry.models["base"]).rpartition("/")[2])
    return f"{name}-{short_hash(entry.run)}.json".lstrip("-")


def save_entries(entries: Iterable[LeaderboardEntry], folder: Path) -> list[Path]:
    """Write a file for each entry; those that the folder has already stay as they are. Raises UrialError."""
    if os.path.lexists(folder) and not folder.is_dir():
        raise UrialError("is no folder", path=folder, fix="name a folder, which is made where there is none")
    written = []
    for entry in entries:
        path = folder / entry_name(entry)
        # Of the same run whatever it was called when it was saved: nothing is to be changed, and in git nothing shows.
        if not _has(path, entry):
            write_bytes(path, json_bytes(entry))
        written.append(path)
    return written


def _has(path: Path, entry: LeaderboardEntry) -> bool:
    try:
        return path.is_file() and read_entry_file(path).run == entry.run
    except UrialError:  # Such as a file that was cut off.
        return False


def entry_files(folder: Path) -> list[Path]:
    """The entries in a folder, by name. Raises UrialError where there is none."""
    found = sorted(path for path in folder.glob("*.json") if path.is_file())
    if not found:
        raise UrialError(
            "neither a run nor a folder of entries: it has no dvc.yaml and no *.json",
            path=folder,
            fix="name a run's folder, or one that `urial leaderboard --save` wrote to",
        )
    return found


def read_entry_file(path: Path) -> LeaderboardEntry:
    """The entry in a file. Raises UrialError naming file and field for any other file, and for one that was changed."""
    data = _bytes(path)
    try:
        content = strict_json(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise UrialError(f"invalid UTF-8 at byte {error.start}", path=path, fix=_SAVE_AGAIN) from error
    except ValueError as error:
        raise UrialError(f"not valid JSON: {syntax_problem(error)}", path=path, fix=_SAVE_AGAIN) from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        versions = isinstance(found, str) and found.startswith(FORMAT.rstrip("0123456789"))
        what = (
            f"written by another version of urial: its format is {shorten(found)}"
            if versions
            else "no entry of a leaderboard"
        )
        raise UrialError(
            what,
            path=path,
            expected=f"a file that `urial leaderboard --save` wrote, with the format {FORMAT!r}",
            fix="install one version of urial on all machines, and save the entry again" if versions else None,
        )
    entry = parse_record(data, LeaderboardEntry, path)
    require_consistent(entry, str(path), _SAVE_AGAIN)
    if (now := run_hash(entry)) != entry.run:
        raise UrialError(
            f"run: what was measured has been changed since it was saved: recorded {entry.run}, found {now}",
            path=path,
            expected="the file as `urial leaderboard --save` wrote it",
            fix=_SAVE_AGAIN,
        )
    return entry


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error
    if len(data) > MAX_BYTES:
        raise UrialError("too large", path=path, expected=f"an entry, of at most {MAX_BYTES:,} bytes")
    return data
