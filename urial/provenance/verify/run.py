"""A run while it is checked: each of its files is read once, and what a check says of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from urial.core.errors import UrialError
from urial.local_models.loading.loading import file_hashes
from urial.records.base import ROLES, Record, Role
from urial.records.model import EmbeddedModel, EmbeddedWeights
from urial.records.params.file import ParamsFile, read_params
from urial.run.differences import rows_difference
from urial.run.digests import Digests
from urial.run.lockfile import LOCK, Lock, LockedStage, read_lock
from urial.run.paths import DATA, MANIFEST
from urial.run.pipeline import PARAMETERS, PIPELINE, NamedStage, read_pipeline
from urial.run.reader import RunReader
from urial.run.remedies import CHECKOUT

Content = TypeVar("Content")


class NotCheckedError(Exception):
    """A link cannot be derived again here; its text says why."""


@dataclass
class Checked:
    """What a check found: a line of what was compared, and every problem."""

    summary: str
    problems: list[UrialError] = field(default_factory=list)


def require_same_rows(path: str, derived: Sequence[Record], rows: Sequence[Record], how: str, where: str) -> None:
    """Raises UrialError for the first row of an output that is not the derived one; ``where`` it was derived from."""
    if detail := rows_difference(derived, rows, how):
        raise UrialError(detail, path=path, where=where, fix=CHECKOUT.format(path))


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
    def lock(self) -> dict[str, LockedStage]:
        """The stages of dvc.lock."""
        return self._once(LOCK, lambda: read_lock(self.root / LOCK))

    @property
    def stages(self) -> dict[str, NamedStage]:
        """The stages of dvc.yaml."""
        return self._once(PIPELINE, lambda: read_pipeline(self.root))

    @property
    def params(self) -> ParamsFile:
        """The parameters in the run's folder."""
        return self._once(PARAMETERS, lambda: read_params(self.root / PARAMETERS))

    @cached_property
    def has_tokenizers(self) -> bool:
        """Whether both models lie in the run, so that nothing has to be fetched to read text as tokens."""
        return all(isinstance(self.record(MANIFEST, role).source, EmbeddedModel) for role in ROLES)

    def require_sound_model(self, role: Role) -> None:
        """Raises NotCheckedError unless a model of the run has the files of its manifest and of the lock.

        Its chat template is a program, which an edited model could have run for ever.
        """
        folder, source = self.model_folder(role), self.record(MANIFEST, role).source
        files = self._once(f"files of {folder}", lambda: file_hashes(folder))
        locked = Lock(self.lock).outs.get(folder.relative_to(self.root).as_posix())
        sound = isinstance(source, EmbeddedWeights) and source.files == files
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
