"""A run's rows as trace reads them: what a number needs of every row, and all of the few rows that are shown."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from urial.core.errors import UrialError
from urial.core.store import parse_record, read_json, read_jsonl, read_parquet, require_same_ids
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.base import Role
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judge import JudgeIdentity
from urial.records.judgment import Aspect, Judgment, ScoreStatus
from urial.records.model import ModelManifest, read_manifest
from urial.records.plans import JudgePlan, ReportPlan, SystemPlan
from urial.records.token_shift import ShiftCoverage
from urial.run.remedies import restored
from urial.statistics.bootstrap import Bootstrap

if TYPE_CHECKING:
    import pyarrow as pa

Model = TypeVar("Model", bound=BaseModel)
_PARTIAL = ConfigDict(extra="ignore", strict=True)


class _Score(TypedDict):
    __pydantic_config__ = _PARTIAL  # type: ignore[misc]
    aspect: Aspect
    status: ScoreStatus
    score: float | None


class _Judgment(TypedDict):
    __pydantic_config__ = _PARTIAL  # type: ignore[misc]
    instruction_id: str
    status: Literal[ScoreStatus, "no_completion"]
    scores: list[_Score]
    judge: JudgeIdentity
    words: int | None


class _Instruction(TypedDict):
    __pydantic_config__ = _PARTIAL  # type: ignore[misc]
    id: str
    category: Literal["regular", "safety"]


class Score(NamedTuple):
    """What figures read of an AspectScore."""

    aspect: Aspect
    status: ScoreStatus
    score: float | None


class Judged(NamedTuple):
    """What figures read of a Judgment."""

    instruction_id: str
    status: str
    scores: tuple[Score, ...]
    judge: JudgeIdentity
    words: int | None


class Asked(NamedTuple):
    """What figures read of an Instruction."""

    id: str
    category: Literal["regular", "safety"]


_JUDGMENT, _INSTRUCTION = TypeAdapter(_Judgment), TypeAdapter(_Instruction)


class RunData:
    """The outputs of a run under its ``data``, each read when it is first needed."""

    def __init__(self, data: Path) -> None:
        self.data = data

    @cached_property
    def plan(self) -> ReportPlan:
        """What the stage report was told."""
        return self.record("plan/report.json", ReportPlan)

    @cached_property
    def judge(self) -> JudgePlan:
        """The planned judge."""
        return self.record("plan/judge.json", JudgePlan)

    def bootstrap(self, interval: bool) -> Bootstrap:
        """The report's bootstrap; without ``interval``, one that makes means alone."""
        params = self.plan.report
        return Bootstrap(params.resamples if interval else 0, params.confidence, params.seed)

    def system(self, name: str) -> SystemPlan:
        """The planned system."""
        return self.record(f"plan/systems/{name}.json", SystemPlan)

    def model(self, role: Role) -> ModelManifest:
        """Which weights a model of the pair has."""
        with restored(f"data/models/{role}/manifest.json"):
            return read_manifest(self.data / f"models/{role}")

    def record(self, name: str, model: type[Model]) -> Model:
        """The record in a JSON file under ``data``."""
        with restored(f"data/{name}"):
            return read_json(self.data / name, model)

    @cached_property
    def asked(self) -> Sequence[Instruction]:
        """Every instruction, of which id and category alone are known."""
        with restored("data/instructions.jsonl"):
            found = _partial(self.data / "instructions.jsonl", _INSTRUCTION, Instruction)
            rows = [Asked(row["id"], row["category"]) for row in found]
        return cast("Sequence[Instruction]", rows)

    @cached_property
    def ids(self) -> list[str]:
        """Ids of the instructions, in their order, which is that of all rows."""
        return [row.id for row in self.asked]

    def judged(self, system: str, aspect: Aspect | None = None) -> Sequence[Judgment]:
        """A system's judgments, of which id, status, judge, words and scores are known; with ``aspect``, its score alone."""
        path = self.data / f"judgments/{system}.jsonl"
        with restored(f"data/judgments/{system}.jsonl"):
            rows = [
                Judged(
                    row["instruction_id"],
                    row["status"],
                    tuple(Score(**item) for item in row["scores"] if aspect is None or item["aspect"] == aspect),
                    row["judge"],
                    row["words"],
                )
                for row in _partial(path, _JUDGMENT, Judgment)
            ]
        require_same_ids(str(path), [row.instruction_id for row in rows], self.ids)
        return cast("Sequence[Judgment]", rows)

    def completions(self, system: str) -> list[Completion]:
        """A system's answers."""
        return self._in_order(f"generations/{system}.jsonl", Completion)

    def prompts(self, system: str) -> list[AssembledPrompt]:
        """The prompts that a system assembled."""
        return self._in_order(f"prompts/{system}.jsonl", AssembledPrompt)

    def coverage(self, context: str) -> list[ShiftCoverage]:
        """What became of every answer under a context."""
        return self._in_order(f"token_shift/{context}.coverage.jsonl", ShiftCoverage)

    def table(self, context: str) -> "pa.Table":
        """The positions measured under a context."""
        from urial.records.token_shift import shift_schema

        with restored(f"data/token_shift/{context}.parquet"):
            return read_parquet(self.data / f"token_shift/{context}.parquet", shift_schema())

    def rows(self, name: str, model: type[Model]) -> list[Model]:
        """The records in a JSONL file under ``data``."""
        with restored(f"data/{name}"):
            return read_jsonl(self.data / name, model)

    def chosen(self, name: str, model: type[Model], lines: Sequence[int]) -> dict[int, Model]:
        """See chosen_rows, of a file under ``data``."""
        with restored(f"data/{name}"):
            return chosen_rows(self.data / name, model, lines)

    def _in_order(self, name: str, model: type[Any]) -> list[Any]:
        rows, path = self.rows(name, model), self.data / name
        require_same_ids(str(path), [row.instruction_id for row in rows], self.ids)
        return rows


def chosen_rows(path: Path, model: type[Model], lines: Sequence[int]) -> dict[int, Model]:
    """The records in the lines with these 0-based numbers, read no further than the last of them."""
    wanted = set(lines)
    with _opened(path) as stream:
        return {
            number: parse_record(line.removesuffix(b"\n"), model, path, line=number + 1)
            for number, line in enumerate(islice(stream, max(wanted, default=-1) + 1))
            if number in wanted
        }


def _partial(path: Path, rows: TypeAdapter[Any], model: type[BaseModel]) -> Iterator[Any]:
    """The part of each row that ``rows`` names. Raises UrialError for a row that is no ``model``."""
    validate = rows.validator.validate_json
    with _opened(path) as stream, _no_collection():
        for number, line in enumerate(stream, start=1):
            try:
                yield validate(line)
            except ValidationError as error:
                parse_record(line.removesuffix(b"\n"), model, path, line=number)
                raise UrialError("cannot be read", path=path, line=number, fix="run `dvc repro`") from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error
    with stream:
        yield stream


@contextmanager
def _no_collection() -> Iterator[None]:
    """All rows are kept: looking for garbage among them would take as long as reading them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
