"""A run while it is checked: each of its files is read once, and what a check says of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from urial.core.errors import UrialError
from urial.local_models.loading.loading import file_hashes
from urial.records.base import Record, Role
from urial.records.model import RunWeights
from urial.records.params.file import ParamsFile, read_params
from urial.run.differences import rows_difference
from urial.run.files import Digests
from urial.run.lockfile import LOCK, Lock
from urial.run.paths import DATA, MANIFEST
from urial.run.pipeline import PARAMETERS, PIPELINE, NamedStage, read_pipeline
from urial.run.reader import CHECKOUT, RunReader

Content = TypeVar("Content")


class NotCheckedError(Exception):
    """A link cannot be derived again here; its text says why."""


@dataclass
class Checked:
    """What a check found: a line of what was compared, and every problem."""

    summary: str
    problems: list[UrialError] = field(default_factory=list)


@contextmanager
def noted(problems: list[UrialError]) -> Iterator[None]:
    """An error in the block is one more problem, and the check goes on behind it."""
    try:
        yield
    except UrialError as error:
        problems.append(error)


def edited(path: str, problem: str, *, where: str | None = None, expected: str | None = None) -> UrialError:
    """The error for an output that is not what follows from the files before it."""
    return UrialError(problem, path=path, where=where, expected=expected, fix=CHECKOUT.format(path))


def require_same_rows(path: str, derived: Sequence[Record], rows: Sequence[Record], how: str, where: str) -> None:
    """Raises UrialError for the first row of an output that is not the derived one; ``where`` it was derived from."""
    if detail := rows_difference(derived, rows, how):
        raise edited(path, detail, where=where)


class Run(RunReader):
    """The files of one run. A file that cannot be read is a problem once; what needs it is then not checked."""

    def __init__(self, root: Path, in_git: bool = True) -> None:
        """``in_git`` is whether git may be asked about the folder."""
        super().__init__(root / DATA)
        self.root = root
        self.in_git = in_git
        self.digests = Digests(root)
        # Files already named as differing from the lock, so that each is named once.
        self.named: set[str] = set()
        # Outputs, and files in them, that are not here and have been named for it.
        self.missing: set[str] = set()
        self._broken: set[str] = set()

    @property
    def lock(self) -> Lock:
        """dvc.lock."""
        return self._once(LOCK, lambda: Lock.read(self.root))

    @property
    def stages(self) -> dict[str, NamedStage]:
        """The stages of dvc.yaml."""
        return self._once(PIPELINE, lambda: read_pipeline(self.root))

    @property
    def known_stages(self) -> dict[str, NamedStage] | None:
        """The same; None where dvc.yaml cannot be read, which the link "stages" names."""
        with suppress(UrialError, NotCheckedError):
            return self.stages
        return None

    @property
    def current_lock(self) -> Lock:
        """dvc.lock in the order of dvc.yaml, without stages that it no longer has; whole where that cannot be read."""
        stages = self.known_stages
        return self.lock if stages is None else self.lock.of(stages)

    @property
    def kept_by_git(self) -> set[str]:
        """The outputs that are not DVC's to bring."""
        return {path for stage in (self.known_stages or {}).values() for path in stage.uncached}

    @property
    def params(self) -> ParamsFile:
        """The parameters in the run's folder."""
        return self._once(PARAMETERS, lambda: read_params(self.root / PARAMETERS))

    def require_sound_model(self, role: Role) -> None:
        """Raises NotCheckedError unless a model of the run has the files of its manifest and of the lock.

        Its chat template is a program, which an edited model could have run for ever.
        """
        folder, source = self.model_folder(role), self.record(MANIFEST, role).source
        files = self._once(f"files of {folder}", lambda: file_hashes(folder))
        locked = self.lock.outs.get(folder.relative_to(self.root).as_posix())
        sound = isinstance(source, RunWeights) and source.files == files
        if locked is None or not sound or not self.digests.of(folder).same_content(locked):
            raise NotCheckedError(f"the files of the {role} model are not those of its manifest and {LOCK}")

    def is_missing(self, path: str) -> bool:
        """Whether a path of the run is known not to be here, or lies in such a folder, or is only such files."""
        return any(
            path == name
            or path.startswith(f"{name}/")
            or (name.startswith(f"{path}/") and not (self.root / path).exists())
            for name in self.missing
        )

    def _once(self, path: str, read: Callable[[], Content]) -> Content:
        if self.is_missing(path):
            raise NotCheckedError(f"needs {path}, which is not here")
        if path in self._broken:
            raise NotCheckedError(f"needs {path}, which is broken")
        try:
            return super()._once(path, read)
        except UrialError:
            self._broken.add(path)
            raise
