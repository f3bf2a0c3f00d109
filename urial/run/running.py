"""Whether DVC is writing into a run right now: what is half written is neither missing nor edited.

DVC notes which paths each of its commands writes, in ``.dvc/tmp/rwlock`` while a stage runs or outputs are brought, and the process
of an experiment in the work tree. Before its first stage and between two it notes only its process, in ``.dvc/tmp/lock``, as
every command does. An experiment in a folder of its own (``--temp``, ``--queue``) writes nothing here.
"""

import json
import shlex
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from urial.core.errors import UrialError, shorten

WRITING, EXPERIMENT = ".dvc/tmp/rwlock", ".dvc/tmp/exps/run/workspace/workspace.json"
COMMAND = ".dvc/tmp/lock"
# Commands of DVC that write into the work tree; the others only look.
WRITERS = {("repro",), ("pull",), ("checkout",), ("exp", "run"), ("exp", "apply"), ("experiments", "run")}
# DVC replaces these files in place: one can be empty for a moment.
_ATTEMPTS, _PAUSE = 3, 0.02
# File systems and the kernel count time in steps of their own.
_CLOCK = 2.0
_MOST_BYTES, _MOST_DIGITS = 10_000_000, 20


class Writer(NamedTuple):
    """A process of DVC that is at work in a run's folder."""

    pid: int
    # As it was started; empty: DVC does not note it.
    command: str
    # One of the paths that it writes; empty: none right now, as between two stages.
    path: str


def require_nothing_running(root: Path) -> None:
    """Raises UrialError while DVC writes into a run's folder."""
    writer = writer_of(root)
    if writer is None:
        return
    command = shorten(f"dvc {writer.command.partition(' ')[2]}".strip()) if writer.command else "an experiment of DVC"
    what = f", which writes {shorten(writer.path)}" if writer.path else ""
    raise UrialError(
        f"a run is in progress: {command} (process {writer.pid}){what}",
        path=None if root == Path() else root,
        expected="a run that has ended: files that are still written are neither right nor wrong",
        fix="wait until it has ended; or look at what is committed: --rev HEAD",
    )


def writer_of(root: Path) -> Writer | None:
    """The first process that writes into the folder; None where none does. What a killed one left behind counts for nothing."""
    found = (writer for file in (WRITING, EXPERIMENT) for writer in _noted(root, file) if _lives(writer, root / file))
    return next(found, None) or _command(root / COMMAND)


def _command(file: Path) -> Writer | None:
    """The command of DVC that locked the repository last, where it writes and has not ended."""
    try:
        pid = int(file.read_bytes()[:_MOST_DIGITS]) if file.is_file() else 0
        line = psutil.Process(pid).cmdline() if pid > 0 else []
    except (OSError, ValueError, OverflowError, psutil.Error):
        return None
    place = next((place for place, word in enumerate(line) if Path(word).name in ("dvc", "dvc.exe")), len(line))
    words = [word for word in line[place + 1 :] if not word.startswith("-")]
    writer = Writer(pid, shlex.join(["dvc", *line[place + 1 :]]), "")
    return (
        writer if any(tuple(words[: len(command)]) == command for command in WRITERS) and _lives(writer, file) else None
    )


def _noted(root: Path, file: str) -> Iterator[Writer]:
    noted = _read(root / file)
    if file == EXPERIMENT:
        noted = {"write": {"": noted}}
    writing = noted.get("write")
    for name, info in writing.items() if isinstance(writing, dict) else ():
        # Whatever else lies there is no note of DVC's.
        if isinstance(info, dict) and isinstance(info.get("pid"), int) and info["pid"] > 0:
            path, top = Path(name), root.resolve()
            below = path.relative_to(top).as_posix() if path.is_relative_to(top) else name
            yield Writer(info["pid"], str(info.get("cmd") or ""), below)


def _read(path: Path) -> dict[str, Any]:
    for attempt in range(_ATTEMPTS):
        try:
            noted = json.loads(path.read_bytes()) if path.is_file() and path.stat().st_size < _MOST_BYTES else {}
        except (OSError, ValueError, RecursionError):
            time.sleep(_PAUSE * (attempt + 1))
        else:
            return noted if isinstance(noted, dict) else {}
    return {}


def _lives(writer: Writer, file: Path) -> bool:
    """Whether the process is still the one that wrote the note: a later one can have the number of a killed one."""
    try:
        process = psutil.Process(writer.pid)
        ended = process.status() == psutil.STATUS_ZOMBIE
        return not ended and process.create_time() <= file.stat().st_mtime + _CLOCK
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, OSError, OverflowError):
        return False
