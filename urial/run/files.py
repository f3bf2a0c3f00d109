"""The files of a run's folder: which kinds may be there, and their digests as DVC makes them."""

import errno
import hashlib
import json
import os
import shlex
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.run.lockfile import LockedFile

# Parts of a work tree that are no part of its run, and that no check reads.
ASIDE = (".git", ".venv", "venv", ".tox", "node_modules", ".dvc/cache", ".dvc/tmp")
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}
_PART = 2**24
Walk = Callable[[str, list[str], list[str]], tuple[list[str], list[str]]]


class Digests:
    """Digests of the files and folders of one run, each computed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._walk: Walk | None = None
        self._known: dict[str, LockedFile] = {}

    def of(self, path: Path) -> LockedFile:
        """What DVC would record of a file or folder, with its path as given. Raises UrialError when it cannot be read."""
        name = os.path.abspath(path)
        if name not in self._known:
            with _reading(path):
                self._known[name] = self._folder(name, self.files(path)) if os.path.isdir(name) else _file(name)
        return self._known[name].model_copy(update={"path": path.as_posix()})

    def differing(self, recorded: LockedFile) -> LockedFile | None:
        """What a file or folder of the run is now, where that is not what was recorded of it; else None."""
        path = self.root / recorded.path
        if self._walk is None and recorded.nfiles is not None and path.is_dir():
            # With every file, as most folders were recorded: what .dvcignore leaves out takes longer to ask than to hash.
            files = [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]
            with _reading(path):
                if self._folder(os.path.abspath(path), files).same_content(recorded):
                    return None
        now = self.of(path)
        return None if now.same_content(recorded) else now

    def files(self, folder: Path) -> list[str]:
        """The files that DVC sees in a folder, relative to it, sorted."""
        if self._walk is None:
            # DVC itself says what .dvcignore means.
            from dvc.fs import localfs
            from dvc.ignore import DvcIgnoreFilter

            self._walk = DvcIgnoreFilter(localfs, os.path.abspath(self.root))
        top, names = os.path.abspath(folder), []
        for here, folders, files in os.walk(top, onerror=_raise):
            folders[:], kept = self._walk(here, folders, files)
            names += [os.path.relpath(os.path.join(here, file), top).replace(os.sep, "/") for file in kept]
        return sorted(names)

    def paths_of(self, entry: LockedFile) -> list[str]:
        """The files that an entry of the lock stands for, relative to the run."""
        folder = self.root / entry.path
        return [f"{entry.path}/{name}" for name in self.files(folder)] if folder.is_dir() else [entry.path]

    def _folder(self, name: str, files: Iterable[str]) -> LockedFile:
        digests: dict[str, LockedFile] = {}
        for relative in files:
            path = os.path.join(name, relative)
            digests[relative] = self._known[path] = self._known.get(path) or _file(path)
        digest = folder_digest({relative: file.md5 for relative, file in digests.items()})
        size = sum(file.size for file in digests.values())
        return LockedFile(path=name, md5=digest, size=size, nfiles=len(digests))


def folder_digest(files: Mapping[str, str]) -> str:
    """What DVC gives a folder with these files: MD5 by path relative to it."""
    # DVC's canonical list of a folder; its MD5 is the folder's.
    listed = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode('utf-8'), usedforsecurity=False).hexdigest()}.dir"


def _file(name: str) -> LockedFile:
    digest = hashlib.md5(usedforsecurity=False)
    # A pipe, which may never end, is opened without waiting for it, and not read.
    handle = os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(handle, "rb", closefd=True) as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "no file")
        # At most a few parts: a thread that hashes waits between two of them for those that compute.
        part = memoryview(bytearray(min(status.st_size + 1, _PART)))
        while read := stream.readinto(part):
            digest.update(part[:read])
    return LockedFile(path=name, md5=digest.hexdigest(), size=status.st_size, isexec=bool(status.st_mode & 0o111))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UrialError(
            f"cannot be read: {error.strerror}",
            path=path,
            fix=f"restore it: dvc checkout --force {path}, or git checkout {path} of what git keeps",
        ) from error


def _raise(error: OSError) -> None:
    raise error


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
                yield name, KINDS.get(stat.S_IFMT(entry.stat(follow_symlinks=False).st_mode), "no file")


def require_no_linked_folder(root: Path, data: str) -> None:
    """Raises UrialError where the folder of a run's outputs, or one in it, is a link: DVC and git follow none."""
    folder = root / data
    for path in (folder, *(sorted(folder.iterdir()) if folder.is_dir() else ())):
        if path.is_symlink() and path.is_dir():
            raise UrialError(
                f"a link to {shorten(str(real_path(path)), 300)}",
                path=path,
                expected="a folder: DVC and git follow no link to one",
                fix=way_back(path, str(real_path(path))),
            )


def way_back(path: Path, target: str) -> str:
    """How the folder that a link leads to gets into its place, and what can lie elsewhere in its stead."""
    here = shlex.quote(str(path))
    return (
        f"`rm {here} && mv {shlex.quote(target)} {here}`; where space is short, move DVC's cache (`dvc cache dir --local FOLDER`) and the "
        "row cache (URIAL_CACHE_DIR), or the whole repository"
    )


def real_path(path: str | Path) -> Path:
    """Where a path leads; for a link to itself, where Path.resolve fails, the link."""
    return Path(os.path.realpath(path))
