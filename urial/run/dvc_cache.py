"""The bytes that dvc.lock recorded, where they can still be found: in DVC's cache, or in git's HEAD."""

import hashlib
import json
from functools import cached_property
from pathlib import Path

from urial.run.git import git_bytes
from urial.run.lockfile import Digests, LockedFile, folder_digest


class Recorded:
    """Finds what a run's lock stands for. Nothing is fetched and nothing is changed."""

    def __init__(self, root: Path, digests: Digests, outs: dict[str, LockedFile], in_git: bool = True) -> None:
        """``outs`` are the outputs of the lock, by path; ``in_git`` is whether git may be asked about the folder."""
        self.root = root
        self.digests = digests
        self.outs = outs
        self.in_git = in_git

    def bytes_of(self, path: str, md5: str) -> bytes | None:
        """The bytes of a file with this MD5; None where they are nowhere."""
        for data in (self._cached(md5), self._committed(path)):
            if data is not None and _md5(data) == md5:
                return data
        return None

    def in_cache(self, md5: str) -> bool:
        """Whether DVC's cache has a file or a folder's list."""
        return self._cached(md5) is not None

    def listing(self, entry: LockedFile) -> dict[str, str] | None:
        """MD5 of each file of a recorded folder, relative to it; None where it cannot be told any more."""
        if (data := self._cached(entry.md5)) is not None and f"{_md5(data)}.dir" == entry.md5:
            return {item["relpath"]: item["md5"] for item in json.loads(data)}
        for guess in (self._by_outputs, self._by_commit):
            found = guess(entry.path)
            if found is not None and folder_digest(found) == entry.md5:
                return found
        return None

    def present(self, path: str) -> dict[str, str]:
        """MD5 of each file that a folder has now, relative to it."""
        folder = self.root / path
        return {name: self.digests.of(folder / name).md5 for name in self.digests.files(folder)}

    def _by_outputs(self, path: str) -> dict[str, str] | None:
        """What the folder has now, with every output of the lock as it is recorded there."""
        inside = {name.removeprefix(f"{path}/"): out for name, out in self.outs.items() if name.startswith(f"{path}/")}
        if not inside or any(out.nfiles is not None for out in inside.values()):
            return None
        return {**self.present(path), **{name: out.md5 for name, out in inside.items()}}

    def _by_commit(self, path: str) -> dict[str, str] | None:
        names = self._git("ls-tree", "-r", "--name-only", "-z", "HEAD", "--", path)
        if not names:
            return None
        found = {}
        for name in filter(None, names.decode("utf-8", "surrogateescape").split("\0")):
            data = self._committed(name)
            if data is None:
                return None
            found[name.removeprefix(f"{path}/")] = _md5(data)
        return found

    @cached_property
    def _cache(self) -> Path:
        """The folder of DVC's cache."""
        from dvc.config import Config, ConfigError

        try:
            named = Config(str(self.root.absolute() / ".dvc"))["cache"].get("dir")
        except ConfigError:
            named = None
        return Path(named) if named else self.root / ".dvc/cache"

    def _cached(self, md5: str) -> bytes | None:
        return _read(self._cache / "files/md5" / md5[:2] / md5[2:])

    def _committed(self, path: str) -> bytes | None:
        return self._git("show", f"HEAD:./{path}")

    def _git(self, *arguments: str) -> bytes | None:
        return git_bytes(self.root, *arguments) if self.in_git else None


def _read(path: Path) -> bytes | None:
    try:
        # Not what never ends, such as a pipe.
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
