"""The outputs of a run, each file read when it is first needed, and once."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from urial.core.store import read_json, read_jsonl, read_parquet, require_same_ids
from urial.records.base import Record, Role
from urial.records.instruction import Instruction
from urial.records.plans import ReportPlan
from urial.records.token_shift import shift_schema
from urial.run.paths import DATA, INSTRUCTIONS, MANIFEST, REPORT_PLAN, TOKEN_SHIFT, RunFile
from urial.run.remedies import restored

if TYPE_CHECKING:
    import pyarrow as pa

Content = TypeVar("Content")
Model = TypeVar("Model", bound=Record)


class RunReader:
    """A run's files under its ``data``.

    Reading raises UrialError, which names file, line and field, and says how the file comes back as the pipeline wrote it.
    """

    def __init__(self, data: Path = Path(DATA)) -> None:
        self.data = data
        self._read: dict[str, object] = {}

    @cached_property
    def plan(self) -> ReportPlan:
        """Which systems and base systems the run has."""
        return self.record(REPORT_PLAN)

    @property
    def instructions(self) -> list[Instruction]:
        """The run's instructions; rows of all other files are in their order."""
        return self.rows(INSTRUCTIONS)

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the instructions."""
        return [row.id for row in self.instructions]

    def file(self, kind: RunFile[Record], key: str = "") -> Path:
        """Where a file lies."""
        return self.data / kind.below(key)

    def model_folder(self, role: Role) -> Path:
        """The folder of a model."""
        return self.file(MANIFEST, role).parent

    def record(self, kind: RunFile[Model], key: str = "") -> Model:
        """The record in a JSON file."""
        return self._output(kind, key, lambda path: read_json(path, kind.model))

    def rows(self, kind: RunFile[Model], key: str = "") -> list[Model]:
        """The records in a JSONL file."""
        return self._output(kind, key, lambda path: read_jsonl(path, kind.model))

    def ordered_rows(self, kind: RunFile[Model], key: str = "") -> list[Model]:
        """The same, which have to be one for every instruction, in their order."""
        rows = self.rows(kind, key)
        ids = [row.instruction_id for row in cast("list[Any]", rows)]
        require_same_ids(str(self.file(kind, key)), ids, self.ids)
        return rows

    def table(self, base_system: str) -> "pa.Table":
        """The positions measured under a base system."""
        return self._output(TOKEN_SHIFT, base_system, lambda path: read_parquet(path, shift_schema()))

    def _output(self, kind: RunFile[Record], key: str, read: Callable[[Path], Content]) -> Content:
        def read_output() -> Content:
            with restored(kind.path(key)):
                return read(self.file(kind, key))

        return self._once(kind.path(key), read_output)

    def _once(self, path: str, read: Callable[[], Content]) -> Content:
        if path not in self._read:
            self._read[path] = read()
        return cast(Content, self._read[path])
