"""The computation that a value of report.json belongs to, and the rows that it is of."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from urial.provenance.trace.pointers import JsonPath
from urial.provenance.trace.rows import TraceReader
from urial.records.report import Report

# The ends of an interval; what else there is can be computed without resampling.
ENDS = ("low", "high")


@dataclass(frozen=True)
class Evidence:
    """The rows that a value is of: lines of the files that have a row an instruction, or positions of a table."""

    unit: Literal["instructions", "positions"] = "instructions"
    # Rows that went in.
    rows: int = 0
    # 0-based numbers of those that count; of positions, rows of the table.
    counted: Sequence[int] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    # Of positions under two contexts, the rows of the second one's table, in the order of ``counted``.
    second: Sequence[int] | None = None


class Figure:
    """The computation that a value belongs to, as report, statistics or token_shift declares it."""

    # The function that the report uses, MODULE.NAME.
    function: str
    # Files that the value is computed from, relative to the run.
    files: Sequence[str] = ()
    # Which of an instruction's rows it depends on.
    shows: Collection[str] = ()
    # Systems that it depends on; the first one's answers are shown.
    systems: Sequence[str] = ()
    # Base contexts whose measurements it depends on.
    contexts: Sequence[str] = ()

    def __init__(self, run: TraceReader, path: JsonPath) -> None:
        self.run = run
        # The value's path in report.json.
        self.path = path

    def recompute(self, interval: bool) -> tuple[JsonPath, object]:
        """The figures computed together, as in report.json, and their path there; without ``interval``, means only."""
        raise NotImplementedError

    def how(self) -> str:
        """What the function does, with its parameters."""
        raise NotImplementedError

    def evidence(self) -> Evidence:
        """The rows that the value is of; none unless a figure says which."""
        return Evidence()

    def interval_text(self, unit: str) -> str:
        """How an end of an interval is made; empty for other values."""
        if not needs_interval(self.path):
            return ""
        bootstrap = self.run.bootstrap(True)
        return (
            f"; its {100 * bootstrap.confidence:g} % percentile bootstrap interval, {bootstrap.resamples:,} resamples of "
            f"{unit}, seed {bootstrap.seed}"
        )


def needs_interval(path: JsonPath) -> bool:
    """Whether a value is an end of an interval, for which rows have to be resampled."""
    return path[-1] in ENDS


def meaning(path: JsonPath) -> str:
    """What the report's records say about a value: the descriptions of the last two fields on the way."""
    descriptions: list[str] = []
    annotation: Any = Report
    for step in path:
        fields = [record.model_fields for record in _records(annotation) if str(step) in record.model_fields]
        if fields:
            field = fields[0][str(step)]
            descriptions.append(field.description or "")
            annotation = field.annotation
        else:
            # An object by name, or a list.
            annotation = get_args(annotation)[1 if get_origin(annotation) is dict else 0]
    return ": ".join(descriptions[-2:])


def _records(annotation: Any) -> Iterator[type[BaseModel]]:
    """The records that an annotation names, each of which a value can be; not those in an object or list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) not in (dict, tuple):
        for part in get_args(annotation):
            yield from _records(part)
