"""What a run's folder may hold: files, folders, and links to what is in it."""

import errno
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path, PurePosixPath

# Parts of a work tree that are no part of its run, and that no check reads.
ASIDE = (".git", ".venv", "venv", ".tox", "node_modules", ".dvc/cache", ".dvc/tmp")
KINDS = ((stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"), (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"))


def is_inside(path: str) -> bool:
    r"""Whether a path in a file means a place below the run's folder, on every system.

    >>> [is_inside(path) for path in ("data/a.txt", "../a.txt", "/etc/passwd", "C:/a.txt", r"..\a.txt")]
    [True, False, False, False, False]
    """
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and not {"\\", "\0"} & set(path) and path[1:2] != ":"


def open_file(name: str) -> BufferedReader:
    """A file to be read. Raises OSError for what is none, such as a pipe, which may never end."""
    handle = os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "no file")
    return os.fdopen(handle, "rb")


def misplaced(root: Path, aside: tuple[str, ...] = ASIDE) -> Iterator[tuple[str, str]]:
    """Paths below ``root``, with what each is, that are neither file nor folder, or a link that leads outside.

    Nothing is opened: a pipe would never end. Not looked into are links, and what is ``aside``.
    """
    top, waiting = root.resolve(), [""]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(root / folder), key=lambda entry: entry.name)
        except OSError:  # What cannot be listed is named by whoever needs it.
            continue
        for entry in entries:
            name = f"{folder}{entry.name}"
            if entry.is_symlink():
                if not real_path(entry.path).is_relative_to(top):
                    yield name, "a link that leads out of the run"
            elif entry.is_dir(follow_symlinks=False):
                waiting += [] if name in aside else [f"{name}/"]
            elif not entry.is_file(follow_symlinks=False):
                yield name, _kind(entry.stat(follow_symlinks=False).st_mode)


def real_path(path: str | Path) -> Path:
    """Where a path leads; for a link to itself, where Path.resolve fails, the link."""
    return Path(os.path.realpath(path))


def _kind(mode: int) -> str:
    return next((name for test, name in KINDS if test(mode)), "no file")
