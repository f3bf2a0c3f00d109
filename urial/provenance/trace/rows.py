"""A run as trace reads it: what a figure needs of every row, and all of the few rows that are shown."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from functools import cached_property
from itertools import islice
from typing import IO, Literal, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from urial.core.errors import UrialError
from urial.core.store import parse_record, require_same_ids
from urial.records.base import Record
from urial.records.judge import JudgeIdentity
from urial.records.judgment import SCALE, Aspect, JudgmentStatus, ScoreStatus
from urial.run.paths import INSTRUCTIONS, JUDGMENTS, RunFile
from urial.run.reader import RunReader, restored
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.scores import aspect_score

Model = TypeVar("Model", bound=Record)
Part = TypeVar("Part")
_PARTIAL = ConfigDict(extra="ignore", strict=True)


# A whole record takes seven times as long to read, most of it for texts that no figure is of.
@dataclass(slots=True, config=_PARTIAL)
class PartialScore:
    """What figures read of an AspectScore."""

    aspect: Aspect
    status: ScoreStatus
    score: float | None
    scale: int = SCALE


@dataclass(slots=True, config=_PARTIAL)
class PartialTurn:
    """What figures read of a LaterJudgment."""

    status: JudgmentStatus
    scores: list[PartialScore]


@dataclass(slots=True, config=_PARTIAL)
class PartialJudgment:
    """What figures read of a Judgment."""

    instruction_id: str
    status: JudgmentStatus
    scores: list[PartialScore]
    words: int | None
    later_turns: list[PartialTurn] = field(default_factory=list)


@dataclass(slots=True, config=_PARTIAL)
class PartialJudge:
    """Who made a Judgment."""

    judge: JudgeIdentity | None


@dataclass(slots=True, config=_PARTIAL)
class PartialInstruction:
    """What figures read of an Instruction."""

    id: str
    category: Literal["regular", "safety"]
    accepted: list[str] = field(default_factory=list)


class TraceReader(RunReader):
    """A run's files, of which instructions and judgments are read in part."""

    def bootstrap(self, interval: bool) -> Bootstrap:
        """The report's bootstrap; without ``interval``, one that makes means only."""
        params = self.plan.report
        return Bootstrap(params.resamples if interval else 0, params.confidence, params.seed)

    @cached_property
    def ids(self) -> list[str]:
        return [row.id for row in self.partial_instructions]

    @cached_property
    def partial_instructions(self) -> Sequence[PartialInstruction]:
        """Every instruction's id, category and accepted answers."""
        return list(self._parts(INSTRUCTIONS, "", PartialInstruction))

    def partial_judgments(self, system: str, aspect: Aspect | None = None) -> Sequence[PartialJudgment]:
        """What figures read of a system's judgments; with ``aspect``, of the first turn's score only."""
        ids, rows = list[str](), list[PartialJudgment]()
        alike: dict[tuple[object, ...], PartialJudgment] = {}
        for row in self._parts(JUDGMENTS, system, PartialJudgment):
            ids.append(row.instruction_id)
            if not aspect:
                rows.append(row)
                continue
            score = aspect_score(aspect, row)
            # Judgments with the same score are kept once: the garbage collector looks through all that is kept.
            # One of another aspect tells that the judge was asked, and not about this one.
            kept = [each for each in row.scores if each is score] or row.scores[:1]
            key = (row.status, *((item.aspect, item.status, item.score, item.scale) for item in kept))
            if key not in alike:
                alike[key] = row
                row.scores, row.later_turns = kept, []
            rows.append(alike[key])
        require_same_ids(str(self.file(JUDGMENTS, system)), ids, self.ids)
        return rows

    def judges(self, system: str) -> Iterator[JudgeIdentity | None]:
        """The judge of each of a system's judgments; None of those of a run without one."""
        return (row.judge for row in self._parts(JUDGMENTS, system, PartialJudge))

    def lines(self, kind: RunFile[Model], key: str, numbers: Sequence[int]) -> dict[int, Model]:
        """The records in the lines with these 0-based numbers; the file is read no further than the last of them."""
        path, wanted = self.file(kind, key), set(numbers)
        with self._opened(kind, key) as stream:
            return {
                number: parse_record(line.removesuffix(b"\n"), kind.model, path, number + 1)
                for number, line in enumerate(islice(stream, max(wanted, default=-1) + 1))
                if number in wanted
            }

    def _parts(self, kind: RunFile[Record], key: str, part: type[Part]) -> Iterator[Part]:
        """A part of every row. Raises UrialError for a row that is no whole record."""
        path, validate = self.file(kind, key), TypeAdapter(part).validator.validate_json
        with self._opened(kind, key) as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    yield validate(line)
                except ValidationError as error:
                    parse_record(line.removesuffix(b"\n"), kind.model, path, number)
                    raise UrialError("cannot be read", path=path, line=number, fix="run `dvc repro`") from error

    @contextmanager
    def _opened(self, kind: RunFile[Record], key: str) -> Iterator[IO[bytes]]:
        path = self.file(kind, key)
        with restored(kind.path(key)):
            try:
                stream = path.open("rb")
            except OSError as error:
                raise UrialError(f"cannot be read: {error.strerror}", path=path, fix="check the path") from error
            with stream:
                yield stream
