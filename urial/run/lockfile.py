"""dvc.lock read strictly, and the digests of files and folders as DVC makes them."""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
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
        raise error.but(expected="a file that DVC wrote", fix=fix) from error
    return {
        name: LockedStage(
            name=name, cmd=stage.cmd, deps=_files(stage.deps), outs=_files(stage.outs), params=stage.params
        )
        for name, stage in stages.items()
    }


def _files(entries: tuple[_Entry, ...]) -> tuple[LockedFile, ...]:
    return tuple(LockedFile(**entry.model_dump(exclude={"hash"})) for entry in entries)


@dataclass(frozen=True)
class LockDifference:
    """A file or folder of a run that is not what dvc.lock recorded of it."""

    stage: str
    # Whether the stage wrote it; else it read it.
    wrote: bool
    recorded: LockedFile
    # None: it is not here.
    found: LockedFile | None

    @property
    def path(self) -> str:
        """Relative to the run."""
        return self.recorded.path


class Lock:
    """What a dvc.lock recorded, and what of it is otherwise now."""

    def __init__(self, stages: Mapping[str, LockedStage]) -> None:
        self.stages = stages
        # By path; what two stages read or wrote is as the last one recorded it, outputs before dependencies.
        self.outs = {out.path: out for stage in stages.values() for out in stage.outs}
        self.files = {**{dep.path: dep for stage in stages.values() for dep in stage.deps}, **self.outs}
        self.makers = {out.path: stage.name for stage in stages.values() for out in stage.outs}

    @classmethod
    def read(cls, root: Path) -> "Lock":
        """The lock in a run's folder. Raises UrialError naming file, line and field."""
        return cls(read_lock(root / LOCK))

    def out_of(self, path: str) -> str | None:
        """The output that a file is, or is in; None: no stage wrote it."""
        return next((out for out in self.outs if is_within(path, out)), None)

    def against(self, tree: "Digests", stages: Collection[str] | None = None) -> Iterator[LockDifference]:
        """Every file and folder that is not as it was recorded, by stage, dependencies first; ``stages`` None: of all.

        Raises UrialError for one that is here and cannot be read.
        """
        for stage in self.stages.values():
            if stages is not None and stage.name not in stages:
                continue
            for wrote, entry in (*((False, dep) for dep in stage.deps), *((True, out) for out in stage.outs)):
                if not (tree.root / entry.path).exists():
                    yield LockDifference(stage.name, wrote, entry, None)
                elif (found := tree.differing(entry)) is not None:
                    yield LockDifference(stage.name, wrote, entry, found)


def is_within(path: str, folder: str) -> bool:
    """Whether a path is the folder, or lies in it."""
    return path == folder or path.startswith(f"{folder}/")


def lock_digest(path: Path) -> Hash:
    """Content hash of a dvc.lock's bytes. Raises UrialError when it cannot be read."""
    try:
        return file_hash(path)
    except OSError as error:
        raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error


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
        """See file_digest."""
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
        found = self.of(path)
        return None if found.same_content(recorded) else found

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
