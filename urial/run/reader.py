"""The outputs of a run, each file read when it is first needed, and once; and how they come back as they were recorded."""

import shlex
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from urial.core.errors import UrialError
from urial.core.parquet import parquet_groups, read_parquet
from urial.core.store import read_json, read_jsonl, require_same_ids
from urial.records.base import ROLES, Record, Role
from urial.records.instruction import Instruction
from urial.records.model import ModelManifest
from urial.records.params.safety_depth import MICROWORLD_ANSWERS
from urial.records.plans import ReportPlan
from urial.records.token_shift import shift_schema
from urial.run import paths
from urial.run.dvc_cache import DvcCache, md5_of
from urial.run.lockfile import LOCK, Lock
from urial.run.project import is_project

if TYPE_CHECKING:
    import pyarrow as pa

# What messages advise, as commands that work. Without --force, DVC leaves an edited file.
CHECKOUT = "edited by hand or swapped: dvc checkout --force {}; to compute it again: dvc repro"
CHECKOUT_BY_GIT = "edited by hand or swapped: git checkout {}; to compute it again: dvc repro"
# An edited file whose recorded bytes are not in DVC's cache.
PULL_OVER = "edited by hand or swapped: dvc pull --force {}; to compute it again: dvc repro"
NOT_RUN = "run `dvc repro`; or, of a run that others have pushed, `git pull` and `dvc pull`"
KEPT_BY_GIT = (paths.REPORT.path(), paths.METRICS.path())
# Where more are not here, the command is the one for all.
MOST_NAMED = 5
# Rows of a measurement that are handed over at a time.
_GROUP = 16_384
Content = TypeVar("Content")
Model = TypeVar("Model", bound=Record)


@contextmanager
def restored(path: str, by_git: Collection[str] = KEPT_BY_GIT) -> Iterator[None]:
    """Errors of what reads an output say how it comes back: nobody corrects a line of what the pipeline wrote."""
    try:
        yield
    except UrialError as error:
        raise error.but(fix=(CHECKOUT_BY_GIT if path in by_git else CHECKOUT).format(path)) from error


def pull(outputs: Sequence[str]) -> str:
    """How outputs that DVC keeps, and that are not here, come.

    Where one file is nowhere, `dvc pull` can leave all of them out, and `dvc repro` would compute everything: what came
    is put in its place before.
    """
    named = "" if len(outputs) > MOST_NAMED else f" {shlex.join(outputs)}"
    what = "it" if len(outputs) == 1 else "them"
    return f"run `dvc pull{named}`; or compute {what}: `dvc checkout --allow-missing`, then `dvc repro`"


def require_here(path: Path, root: Path) -> None:
    """Raises UrialError for an output of the run in a folder that is not here, and says how it comes."""
    place, top = path.absolute(), root.absolute()
    if place.exists() or not place.is_relative_to(top / paths.DATA):
        return
    if not (top / LOCK).exists():
        if is_project(top):
            raise UrialError("the project has not run", path=None if top == Path.cwd() else root, fix=NOT_RUN)
        return
    out = None
    with suppress(UrialError):  # A lock that cannot be read is named by what reads it.
        out = Lock.read(top).out_of(place.relative_to(top).as_posix())
    if out is not None:
        raise UrialError("not here", path=path, fix=f"git checkout {out}" if out in KEPT_BY_GIT else pull([out]))


class RunReader:
    """A run's files under its ``data``.

    Reading raises UrialError, which names file, line and field, and says how the file comes back as the pipeline wrote it.
    """

    def __init__(self, data: Path = Path(paths.DATA)) -> None:
        self.data = data
        self._read: dict[str, object] = {}

    @cached_property
    def plan(self) -> ReportPlan:
        """Which systems and base systems the run has."""
        return self.record(paths.REPORT_PLAN)

    @property
    def instructions(self) -> list[Instruction]:
        """The run's instructions; rows of all other files are in their order."""
        return self.rows(paths.INSTRUCTIONS)

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the instructions."""
        return [row.id for row in self.instructions]

    def file(self, kind: paths.RunFile[Record], key: str = "") -> Path:
        """Where a file lies."""
        return self.data / kind.below(key)

    def model_folder(self, role: Role) -> Path:
        """The folder of a model."""
        return self.file(paths.MANIFEST, role).parent

    def has_model(self, role: Role) -> bool:
        """Whether the run's study has a model of this role."""
        return self.record(paths.MANIFEST, role).source is not None

    @property
    def models(self) -> dict[Role, ModelManifest]:
        """The models of the run's study."""
        return {role: self.record(paths.MANIFEST, role) for role in ROLES if self.has_model(role)}

    def record(self, kind: paths.RunFile[Model], key: str = "") -> Model:
        """The record in a JSON file."""
        return self._output(kind, key, lambda path: read_json(path, kind.model))

    def rows(self, kind: paths.RunFile[Model], key: str = "") -> list[Model]:
        """The records in a JSONL file."""
        return self._output(kind, key, lambda path: read_jsonl(path, kind.model))

    def ordered_rows(self, kind: paths.RunFile[Model], key: str = "") -> list[Model]:
        """The same, which have to be one for every instruction, in their order."""
        rows = self.rows(kind, key)
        ids = [row.instruction_id for row in cast("list[Any]", rows)]
        require_same_ids(str(self.file(kind, key)), ids, self.ids)
        return rows

    def some_rows(self, kind: paths.RunFile[Model], key: str) -> list[Model | None]:
        """The row of each instruction, None where there is none: published outputs may answer only some of them."""
        rows = self.rows(kind, key)
        by_id = {row.instruction_id: row for row in cast("list[Any]", rows)}
        found = [row.instruction_id for row in cast("list[Any]", rows)]
        require_same_ids(str(self.file(kind, key)), found, [name for name in self.ids if name in by_id])
        return [by_id.get(name) for name in self.ids]

    def table(self, base_system: str) -> "pa.Table":
        """The positions measured under a base system."""
        return self._output(paths.TOKEN_SHIFT, base_system, lambda path: read_parquet(path, shift_schema()))

    def without_candidates(self, base_system: str) -> "pa.Table":
        """The same without its most probable tokens, which take more memory than all other columns, and which no figure needs."""
        schema = shift_schema()
        names = [name for name in schema.names if "_top_" not in name]
        if paths.TOKEN_SHIFT.path(base_system) in self._read:
            return self.table(base_system).select(names)
        with restored(paths.TOKEN_SHIFT.path(base_system)):
            return read_parquet(self.file(paths.TOKEN_SHIFT, base_system), schema, names)

    def groups(self, base_system: str, columns: Sequence[str] | None = None) -> Iterator["pa.Table"]:
        """All its columns, or some, some thousands of rows at a time."""
        if paths.TOKEN_SHIFT.path(base_system) in self._read:
            whole = self.table(base_system)
            whole = whole if columns is None else whole.select(columns)
            yield from (whole.slice(start, _GROUP) for start in range(0, max(1, len(whole)), _GROUP))
            return
        with restored(paths.TOKEN_SHIFT.path(base_system)):
            yield from parquet_groups(self.file(paths.TOKEN_SHIFT, base_system), shift_schema(), columns)

    def _output(self, kind: paths.RunFile[Record], key: str, read: Callable[[Path], Content]) -> Content:
        def read_output() -> Content:
            require_here(self.file(kind, key), self.data.parent)
            with restored(kind.path(key)):
                return read(self.file(kind, key))

        return self._once(kind.path(key), read_output)

    def _once(self, path: str, read: Callable[[], Content]) -> Content:
        if path not in self._read:
            self._read[path] = read()
        return cast(Content, self._read[path])


def remove_former_files(run: RunReader) -> list[Path]:
    """Remove what lies beside the files of the run's own systems, as `dvc checkout` does; the paths that are gone.

    The stage report depends on whole folders, since DVC has no list of dependencies that follows a loop. With a former
    system's file in them it would record a folder that a clone of the commit never has. DVC records dependencies when a
    stage has ended, so what the stage removes is not recorded.

    Raises UrialError for a file that DVC's cache does not have, since nothing would bring it back.
    """
    # What is left out has files, too, which say so by having no rows.
    plan, left_out = run.plan, run.plan.left_out
    keys = {
        # A blend is a system to readers, and has stages of its own.
        "system": (*plan.own_systems, *left_out.systems),
        "base system": (*plan.base_systems, *left_out.base_systems),
        "given answers": (*(row.name for row in plan.given), *left_out.given),
        "compared system": (*plan.compared, *left_out.compared),
        "published outputs": plan.published,
        "blended system": (*plan.blended, *left_out.blends),
        "prefilled system": (*(plan.safety_depth.systems if plan.safety_depth else ()), *left_out.safety_depth),
        "micro-world's answers": tuple(MICROWORLD_ANSWERS.values()),
    }
    # data/plan is one output, which DVC writes again.
    looped = [(kind, key) for kind in paths.RUN_FILES if kind.stage != "plan" for key in keys.get(kind.each, ())]
    own = {run.file(kind, key) for kind, key in looped}
    own |= {run.file(paths.ENVIRONMENT, f"{kind.stage}/{key}") for kind, key in looped}
    # Also one of which the run has no file any more.
    kinds = [kind for kind in paths.RUN_FILES if kind.stage != "plan" and kind.each in keys]
    folders = {path.parent for path in own} | {run.file(kind, "any").parent for kind in kinds}
    folders |= {run.file(paths.ENVIRONMENT, f"{kind.stage}/any").parent for kind in kinds}
    # .gitignore and what a killed stage leaves, which .dvcignore keeps out of the folders, have a dot.
    former = sorted(
        path
        for folder in folders
        if folder.is_dir()
        for path in folder.iterdir()
        if path not in own and path.name[0] != "."
    )
    cache = DvcCache.of(run.data.parent) if former else None
    for path in former:
        if cache is None or not path.is_file() or not cache.has(md5_of(path.read_bytes())):
            raise UrialError(
                "belongs to no system of this run, and DVC's cache does not have it",
                path=path,
                expected=f"files of {', '.join(run.plan.systems)}",
                fix="move it to another folder, or add its system to params.yaml",
            )
        path.unlink()
    return former
