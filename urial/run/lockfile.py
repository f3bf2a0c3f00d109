"""dvc.lock read strictly, and compared with the files of its run."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, field_validator

from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.core.yaml_files import parse_yaml_record, yaml_record
from urial.records.base import Hash, Record

if TYPE_CHECKING:
    from urial.run.files import Digests

LOCK = "dvc.lock"


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

    @property
    def where(self) -> str:
        """Its entry in dvc.lock."""
        return f"{LOCK}, stage {self.stage}, {'outs' if self.wrote else 'deps'}"


class Lock:
    """What a dvc.lock recorded, and what of it is otherwise now."""

    def __init__(self, stages: Mapping[str, LockedStage]) -> None:
        self.stages = stages
        # By path; what two stages read or wrote is as the last one recorded it, outputs before dependencies.
        self.outs = {out.path: out for stage in stages.values() for out in stage.outs}
        self.files = {**{dep.path: dep for stage in stages.values() for dep in stage.deps}, **self.outs}
        self.makers = {out.path: stage.name for stage in stages.values() for out in stage.outs}

    @classmethod
    def read(cls, root: Path) -> Self:
        """The lock in a run's folder. Raises UrialError naming file, line and field."""
        path = root / LOCK
        try:
            stages = parse_yaml_record(path, _Lock).stages
        except UrialError as error:
            # Whatever is wrong in it, nobody corrects a file that DVC wrote.
            fix = f"restore it: git checkout {LOCK}"
            if not path.exists():
                fix = f"run `dvc repro`, or {fix}"
            raise error.but(expected="a file that DVC wrote", fix=fix) from error
        return cls._of(stages)

    @classmethod
    def outputs_in(cls, text: str, path: str, stages: Collection[str]) -> Self:
        """Some stages of the text of a dvc.lock, with all items of a loop, and their outputs alone. Raises UrialError naming the field.

        Reading all of the YAML takes a third of a second, which counts where there are many runs.
        """
        # DVC writes a stage as a block, two blanks deep, and its keys four.
        head, *blocks = re.split(r"^(?=  [^\s])", text, flags=re.MULTILINE)
        kept = []
        for block in blocks:
            name, *parts = re.split(r"^(?=    [^\s-])", block, flags=re.MULTILINE)
            if re.split("[@:]", name.lstrip(" '\""), maxsplit=1)[0] in stages:
                kept += [name, *(part for part in parts if part.startswith(("    cmd:", "    outs:")))]
        return cls._of(
            yaml_record("".join([head, *kept]) if kept else "schema: '2.0'\nstages: {}\n", _Lock, path).stages
        )

    @classmethod
    def _of(cls, stages: Mapping[str, _Stage]) -> Self:
        hashes = {"deps": {"__all__": {"hash"}}, "outs": {"__all__": {"hash"}}}
        locked = {name: {"name": name, **stage.model_dump(exclude=hashes)} for name, stage in stages.items()}
        return cls({name: LockedStage.model_validate(stage) for name, stage in locked.items()})

    def of(self, stages: Iterable[str]) -> "Lock":
        """The same of these stages, in their order, so far as they are in it."""
        return Lock({name: self.stages[name] for name in stages if name in self.stages})

    def out_of(self, path: str) -> str | None:
        """The output that a file is, or is in; None: no stage wrote it."""
        return next((out for out in self.outs if is_within(path, out)), None)

    def against(self, tree: "Digests") -> Iterator[LockDifference]:
        """Every file and folder that is not as it was recorded, by stage, dependencies first.

        Raises UrialError for one that is here and cannot be read.
        """
        for stage in self.stages.values():
            for wrote, entry in (*((False, dep) for dep in stage.deps), *((True, out) for out in stage.outs)):
                here = (tree.root / entry.path).exists()
                found = tree.differing(entry) if here else None
                if found is not None or not here:
                    yield LockDifference(stage.name, wrote, entry, found)


def is_inside(path: str) -> bool:
    r"""Whether a path in a file means a place below the run's folder, on every system.

    >>> [is_inside(path) for path in ("data/a.txt", "../a.txt", "/etc/passwd", "C:/a.txt", r"..\a.txt")]
    [True, False, False, False, False]
    """
    parts = PurePosixPath(path).parts
    return bool(parts) and parts[0] != "/" and ".." not in parts and not {"\\", "\0"} & set(path) and path[1:2] != ":"


def is_within(path: str, folder: str) -> bool:
    """Whether a path is the folder, or lies in it."""
    return path == folder or path.startswith(f"{folder}/")


def lock_digest(path: Path) -> Hash:
    """Content hash of a dvc.lock's bytes. Raises UrialError when it cannot be read."""
    try:
        return file_hash(path)
    except OSError as error:
        raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error
