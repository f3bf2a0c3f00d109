"""The digests of files and folders as DVC makes them."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from urial.core.errors import UrialError
from urial.run.lockfile import LockedFile
from urial.run.safe_paths import open_file

_PART = 2**24
Walk = Callable[[str, list[str], list[str]], tuple[list[str], list[str]]]


def file_digest(path: Path, root: Path | None = None) -> LockedFile:
    """What DVC would record of a file or folder, with its path as given.

    ``root`` is the folder that .dvcignore files are looked for from; None: the nearest one above with a dvc.yaml.
    Raises UrialError when something cannot be read.
    """
    return Digests(root or _root(path)).of(path)


class Digests:
    """Digests of the files and folders of one run, each computed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._walk: Walk | None = None
        self._known: dict[str, LockedFile] = {}

    def of(self, path: Path) -> LockedFile:
        """What DVC would record of a file or folder. Raises UrialError when it cannot be read."""
        name = os.path.abspath(path)
        if name not in self._known:
            with _reading(path):
                self._known[name] = self._folder(name, self._listed(name)) if os.path.isdir(name) else _file(name)
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
        return sorted(self._listed(os.path.abspath(folder)))

    def _folder(self, name: str, files: Iterable[str]) -> LockedFile:
        digests: dict[str, LockedFile] = {}
        for relative in files:
            path = os.path.join(name, relative)
            digests[relative] = self._known[path] = self._known.get(path) or _file(path)
        digest = folder_digest({relative: file.md5 for relative, file in digests.items()})
        size = sum(file.size for file in digests.values())
        return LockedFile(path=name, md5=digest, size=size, nfiles=len(digests))

    def _listed(self, name: str) -> list[str]:
        names = []
        for folder, folders, files in os.walk(name, onerror=_raise):
            folders[:], kept = self._kept(folder, folders, files)
            names += [os.path.relpath(os.path.join(folder, file), name).replace(os.sep, "/") for file in kept]
        return names

    def _kept(self, folder: str, folders: list[str], files: list[str]) -> tuple[list[str], list[str]]:
        if self._walk is None:
            # DVC itself says what .dvcignore means.
            from dvc.fs import localfs
            from dvc.ignore import DvcIgnoreFilter

            self._walk = DvcIgnoreFilter(localfs, os.path.abspath(self.root))
        return self._walk(folder, folders, files)


def folder_digest(files: Mapping[str, str]) -> str:
    """What DVC gives a folder with these files: MD5 by path relative to it."""
    # DVC's canonical list of a folder; its MD5 is the folder's.
    listed = [{"md5": md5, "relpath": name} for name, md5 in sorted(files.items())]
    return f"{hashlib.md5(json.dumps(listed, sort_keys=True).encode('utf-8'), usedforsecurity=False).hexdigest()}.dir"


def _file(name: str) -> LockedFile:
    digest = hashlib.md5(usedforsecurity=False)
    with open_file(name) as stream:
        status = os.fstat(stream.fileno())
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


def _root(path: Path) -> Path:
    above = Path(os.path.abspath(path)).parents
    return next((folder for folder in above if (folder / "dvc.yaml").is_file()), above[0])
