"""A store of DVC, such as its cache: files under the MD5 of their bytes, and lists of the files of folders."""

import hashlib
import json
import shutil
from pathlib import Path

from urial.core.errors import UrialError
from urial.run.safe_paths import is_inside


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

    def copy(self, md5: str, target: Path) -> bool:
        """Copy a file; False where there is none. Raises UrialError for a damaged one: DVC trusts what is in its cache."""
        if not self.has(md5):
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.path(md5), target)
        with target.open("rb") as stream:
            if hashlib.file_digest(stream, "md5").hexdigest() != md5:
                raise self.damaged(md5)
        return True

    def damaged(self, md5: str) -> UrialError:
        """The error for a file with other bytes than its name says."""
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
