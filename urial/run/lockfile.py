"""dvc.lock read strictly, and the digests of files and folders as DVC makes them."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.core.yaml_files import parse_yaml_record
from urial.records.base import Hash, Record
from urial.run.safe_paths import is_inside, open_file

LOCK = "dvc.lock"
RESTORE = "restore it: git checkout dvc.lock"
# Of one that is not there.
MAKE = "run `dvc repro`, or restore it: git checkout dvc.lock"
_PART = 2**24
Walk = Callable[[str, list[str], list[str]], tuple[list[str], list[str]]]


class LockedFile(Record):
    """One file or folder as dvc.lock records it."""

    path: str = Field(min_length=1, description="relative to the run")
    md5: str = Field(
        pattern=r"^[0-9a-f]{32}(\.dir)?$", description="MD5 of a file; of a folder's list of files, with .dir"
    )
    size: int = Field(ge=0, description="bytes, of a folder's files together")
    nfiles: int | None = Field(default=None, ge=0, description="files of a folder; null: it is a file")
    isexec: bool = Field(default=False, description="whether it is an executable file")

    def same_content(self, other: "LockedFile") -> bool:
        """Whether both say the same of the content, wherever it lies."""
        return (self.md5, self.size, self.nfiles) == (other.md5, other.size, other.nfiles)


class LockedStage(Record):
    """One stage as it was run."""

    name: str = Field(description="the stage, with @ITEM where dvc.yaml has a loop")
    cmd: str = Field(description="the command")
    deps: tuple[LockedFile, ...] = Field(description="what it read")
    outs: tuple[LockedFile, ...] = Field(description="what it wrote")
    params: dict[str, Any] = Field(description="parameters by file and key")


class _Entry(LockedFile):
    hash: Literal["md5"] = Field(description="the kind of hash")

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        if not is_inside(path):
            raise ValueError("must be a path below the run's folder")
        return path


class _Stage(Record):
    cmd: str
    deps: tuple[_Entry, ...] = ()
    params: dict[str, Any] = Field(default_factory=dict)
    outs: tuple[_Entry, ...] = ()


class _Lock(Record):
    # `schema` is a method of pydantic's.
    version: Literal["2.0"] = Field(alias="schema")
    stages: dict[str, _Stage]


def read_lock(path: Path) -> dict[str, LockedStage]:
    """The stages of a dvc.lock by name. Raises UrialError naming file, line and field."""
    try:
        stages = parse_yaml_record(path, _Lock).stages
    except UrialError as error:
        # Whatever is wrong in it, nobody corrects a file that DVC wrote.
        fix = RESTORE if path.exists() else MAKE
        raise UrialError(error.what, expected="a file that DVC wrote", fix=fix) from error
    return {
        name: LockedStage(
            name=name, cmd=stage.cmd, deps=_files(stage.deps), outs=_files(stage.outs), params=stage.params
        )
        for name, stage in stages.items()
    }


def _files(entries: tuple[_Entry, ...]) -> tuple[LockedFile, ...]:
    return tuple(LockedFile(**entry.model_dump(exclude={"hash"})) for entry in entries)


def lock_digest(path: Path) -> Hash:
    """Content hash of a dvc.lock's bytes. Raises UrialError when it cannot be read."""
    try:
        return file_hash(path)
    except OSError as error:
        raise UrialError(f"{path}: cannot be read: {error.strerror}", fix="check the path") from error


def file_digest(path: Path, root: Path | None = None) -> LockedFile:
    """What DVC would record of a file or folder, with its path as given.

    ``root`` is the folder that .dvcignore files are looked for from; None: the nearest one above with a dvc.yaml.
    Raises UrialError when something cannot be read.
    """
    return Digests(root or _root(path)).of(path)


def is_as_locked(recorded: LockedFile, root: Path) -> bool:
    """Whether the folder of a run is what dvc.lock records of it. Raises UrialError when something cannot be read."""
    folder = root / recorded.path
    if folder.is_dir():
        # With every file, as most folders were recorded: what .dvcignore leaves out takes longer to ask than to hash.
        files = [path for path in folder.rglob("*") if path.is_file()]
        plain = {path.relative_to(folder).as_posix(): file_digest(path, root).md5 for path in files}
        if folder_digest(plain) == recorded.md5:
            return True
    return file_digest(folder, root).md5 == recorded.md5


class Digests:
    """Digests of the files and folders of one run, each computed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._walk: Walk | None = None
        self._known: dict[str, LockedFile] = {}

    def of(self, path: Path) -> LockedFile:
        """See file_digest."""
        name = os.path.abspath(path)
        if name not in self._known:
            try:
                self._known[name] = self._folder(name) if os.path.isdir(name) else _file(name)
            except OSError as error:
                raise UrialError(
                    f"{path}: cannot be read: {error.strerror}",
                    fix=f"restore it: dvc checkout --force {path}, or git checkout {path} of what git keeps",
                ) from error
        return self._known[name].model_copy(update={"path": path.as_posix()})

    def files(self, folder: Path) -> list[str]:
        """The files that DVC sees in a folder, relative to it, sorted."""
        return sorted(self._listed(os.path.abspath(folder)))

    def _folder(self, name: str) -> LockedFile:
        found = {relative: _file(os.path.join(name, relative)) for relative in self._listed(name)}
        digest = folder_digest({relative: item.md5 for relative, item in found.items()})
        size = sum(item.size for item in found.values())
        return LockedFile(path=name, md5=digest, size=size, nfiles=len(found))

    def _listed(self, name: str) -> list[str]:
        found = []
        for folder, folders, files in os.walk(name, onerror=_raise):
            folders[:], kept = self._kept(folder, folders, files)
            found += [os.path.relpath(os.path.join(folder, file), name).replace(os.sep, "/") for file in kept]
        return found

    def _kept(self, folder: str, folders: list[str], files: list[str]) -> tuple[list[str], list[str]]:
        if self._walk is None:
            # What .dvcignore means is told by DVC itself.
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


def _raise(error: OSError) -> None:
    raise error


def _root(path: Path) -> Path:
    above = Path(os.path.abspath(path)).parents
    return next((folder for folder in above if (folder / "dvc.yaml").is_file()), above[0])
