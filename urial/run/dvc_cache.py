"""A store of DVC, such as its cache: files under the MD5 of their bytes, and lists of the files of folders."""

import hashlib
import json
import shutil
from pathlib import Path

from urial.core.errors import UrialError
from urial.run.lockfile import LockedFile, is_inside, is_within


class DvcCache:
    """The files under ``files/md5`` of a folder. Nothing is fetched, and nothing in it is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, root: Path) -> "DvcCache":
        """The cache of the repository in a folder. Raises UrialError where DVC's configuration cannot be read."""
        from dvc.config import Config, ConfigError

        try:
            named = Config(str(root.absolute() / ".dvc"))["cache"].get("dir")
        except ConfigError as error:
            raise misconfigured(root / ".dvc", error) from error
        return cls(Path(named) if named else root.absolute() / ".dvc/cache")

    def path(self, md5: str) -> Path:
        """Where a file with this MD5 lies, or the list of a folder's files, whose MD5 ends with .dir."""
        return self.folder / "files/md5" / md5[:2] / md5[2:]

    def has(self, md5: str) -> bool:
        """Whether there is such a file; what is no file, such as a pipe, which may never end, is none."""
        return self.path(md5).is_file()

    def bytes(self, md5: str) -> bytes | None:
        """The bytes; None where there is no such file, or one with other bytes than its name says."""
        try:
            data = self.path(md5).read_bytes() if self.has(md5) else None
        except OSError:
            return None
        return data if data is not None and md5_of(data) == md5.removesuffix(".dir") else None

    def listing(self, md5: str) -> dict[str, str] | None:
        """MD5 of each file of a folder by its path below it; None where its list is not there or damaged."""
        data = self.bytes(md5)
        if data is None:
            return None
        listed = {str(file["relpath"]): str(file["md5"]) for file in json.loads(data)}
        return {name: file_md5 for name, file_md5 in listed.items() if is_inside(name)}

    def lacks(self, out: LockedFile) -> int:
        """How many of an output's files are not there; a missing list of files stands for all of its own."""
        if not self.has(out.md5) or out.nfiles is None:
            return int(not self.has(out.md5))
        listed = self.listing(out.md5)
        return 1 if listed is None else sum(not self.has(md5) for md5 in listed.values())

    def bring(self, out: LockedFile, path: str, root: Path) -> bool:
        """Copy an output into a run, or what of it is at ``path``; False where any of it is not there.

        Raises UrialError for a damaged file: DVC trusts what is in its cache.
        """
        if out.nfiles is None:
            return self.copy(out.md5, root / path)
        if not self.has(out.md5):
            return False
        listed = self.listing(out.md5)
        if listed is None:
            raise self._damaged(out.md5)
        files = {f"{out.path}/{name}": md5 for name, md5 in listed.items()}
        chosen = {name: md5 for name, md5 in files.items() if is_within(name, path)}
        if path == out.path:
            (root / path).mkdir(parents=True, exist_ok=True)
        elif not chosen:
            return False
        # All that there is, so that a remote is asked only for the rest.
        copied = [self.copy(md5, root / name) for name, md5 in chosen.items()]
        return all(copied)

    def copy(self, md5: str, target: Path) -> bool:
        """Copy a file; False where there is none. Raises UrialError for a damaged one."""
        if not self.has(md5):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path(md5), target)
        with target.open("rb") as stream:
            if hashlib.file_digest(stream, "md5").hexdigest() != md5:
                raise self._damaged(md5)
        return True

    def _damaged(self, md5: str) -> UrialError:
        return UrialError(
            f"{self.path(md5)}: damaged: its bytes are not those of its name",
            fix="delete it, then run `dvc fetch` or `dvc repro`",
        )


def md5_of(data: bytes) -> str:
    """MD5 as DVC names files by it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def misconfigured(path: Path, error: Exception) -> UrialError:
    """The error for settings that DVC cannot read."""
    return UrialError(f"{error}", path=path, fix="correct the configuration of DVC")
