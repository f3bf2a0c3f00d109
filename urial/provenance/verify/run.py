"""A run while it is checked: each of its files is read once, and what a check says of it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from urial.core.errors import UrialError
from urial.core.store import read_json, read_jsonl, read_parquet
from urial.local_models.loading.loading import file_hashes
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import ROLES, Record, Role
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.model import EmbeddedModel, EmbeddedWeights, ModelManifest
from urial.records.params.file import ParamsFile, read_params
from urial.records.plans import ReportPlan, SystemPlan
from urial.run.lockfile import LOCK, Digests, LockedStage, read_lock
from urial.run.pipeline import NamedStage, read_pipeline
from urial.run.remedies import restored

if TYPE_CHECKING:
    import pyarrow as pa

Kept = TypeVar("Kept")
Row = TypeVar("Row", bound=Record)


class NotCheckedError(Exception):
    """A link cannot be derived again here; its text says why."""


@dataclass
class Checked:
    """What a check found: a line of what was compared, and every problem."""

    summary: str
    problems: list[UrialError] = field(default_factory=list)


class Run:
    """The files of one run. A file that cannot be read is a problem once; what needs it is then not checked."""

    def __init__(self, root: Path, in_git: bool = True) -> None:
        """``in_git`` is whether git may be asked about the folder."""
        self.root = root
        self.in_git = in_git
        self.data = root / "data"
        self.digests = Digests(root)
        # Files already named as differing from the lock, so that each is named once.
        self.named: set[str] = set()
        # Outputs, and files in them, that are not here and have been named for it.
        self.missing: set[str] = set()
        self._kept: dict[str, Any] = {}
        self._broken: set[str] = set()

    @property
    def lock(self) -> dict[str, LockedStage]:
        """The stages of dvc.lock."""
        return self._once(LOCK, lambda: read_lock(self.root / LOCK))

    @property
    def stages(self) -> dict[str, NamedStage]:
        """The stages of dvc.yaml."""
        return self._once("dvc.yaml", lambda: read_pipeline(self.root))

    @property
    def params(self) -> ParamsFile:
        """params.yaml."""
        return self._once("params.yaml", lambda: read_params(self.root / "params.yaml"))

    @property
    def report_plan(self) -> ReportPlan:
        """Which systems and contexts the run has."""
        return self.record("plan/report.json", ReportPlan)

    @property
    def instructions(self) -> list[Instruction]:
        """The run's instructions."""
        return self.rows("instructions.jsonl", Instruction)

    def system_plan(self, system: str) -> SystemPlan:
        """What the stages of one system were told."""
        return self.record(f"plan/systems/{system}.json", SystemPlan)

    def manifest(self, role: Role) -> ModelManifest:
        """Which model a folder stands for."""
        return self.record(f"models/{role}/manifest.json", ModelManifest)

    def is_embedded(self, role: Role) -> bool:
        """Whether a model's files are in the run."""
        return isinstance(self.manifest(role).source, EmbeddedModel)

    def prompts(self, system: str) -> list[AssembledPrompt]:
        """What a system's model was given."""
        return self.rows(f"prompts/{system}.jsonl", AssembledPrompt)

    def completions(self, system: str) -> list[Completion]:
        """A system's answers."""
        return self.rows(f"generations/{system}.jsonl", Completion)

    def record(self, name: str, model: type[Row]) -> Row:
        """The record in a JSON file under data/."""
        return self._output(name, lambda: read_json(self.data / name, model))

    def rows(self, name: str, model: type[Row]) -> list[Row]:
        """The records in a JSONL file under data/."""
        return self._output(name, lambda: read_jsonl(self.data / name, model))

    def table(self, name: str, schema: "pa.Schema") -> "pa.Table":
        """The table in a Parquet file under data/."""
        return self._output(name, lambda: read_parquet(self.data / name, schema))

    @cached_property
    def has_tokenizers(self) -> bool:
        """Whether both models lie in the run, so that nothing has to be fetched to read text as tokens."""
        return all(self.is_embedded(role) for role in ROLES)

    def require_sound_model(self, role: Role) -> None:
        """Raises NotCheckedError unless a model of the run has the files of its manifest and of the lock.

        Its chat template is a program, which an edited model could have run for ever.
        """
        folder = self.data / "models" / role
        source, files = self.manifest(role).source, self._once(f"files of {folder}", lambda: file_hashes(folder))
        path = folder.relative_to(self.root).as_posix()
        locked = next((out for stage in self.lock.values() for out in stage.outs if out.path == path), None)
        sound = isinstance(source, EmbeddedWeights) and source.files == files
        if locked is None or not sound or not self.digests.of(folder).same_content(locked):
            raise NotCheckedError(f"the files of the {role} model are not those of its manifest and {LOCK}")

    def is_missing(self, path: str) -> bool:
        """Whether a path of the run is known not to be here, or lies in such a folder, or is one of such files alone."""
        return any(
            path == name
            or path.startswith(f"{name}/")
            or (name.startswith(f"{path}/") and not (self.root / path).exists())
            for name in self.missing
        )

    def _output(self, name: str, read: Callable[[], Kept]) -> Kept:
        if self.is_missing(f"data/{name}"):
            raise NotCheckedError(f"needs data/{name}, which is not here")

        def read_output() -> Kept:
            with restored(f"data/{name}"):
                return read()

        return self._once(name, read_output)

    def _once(self, name: str, read: Callable[[], Kept]) -> Kept:
        if name in self._broken:
            raise NotCheckedError(f"needs {name}, which is broken")
        if name not in self._kept:
            try:
                self._kept[name] = read()
            except UrialError:
                self._broken.add(name)
                raise
        return cast(Kept, self._kept[name])
