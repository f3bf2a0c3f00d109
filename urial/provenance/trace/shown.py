"""The rows that a value is of, as they are shown: read whole, and no others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.records import TracedPosition, TracedRow
from urial.provenance.trace.rows import TraceReader
from urial.records.base import Record
from urial.records.token_shift import TokenShift
from urial.run.paths import COMPLETIONS, COVERAGE, INSTRUCTIONS, JUDGMENTS, PROMPTS, RunFile

if TYPE_CHECKING:
    import pyarrow as pa

# Rows and positions shown unless all are asked for.
FIRST_ROWS, FIRST_POSITIONS = 3, 10


def row_files(figure: Figure) -> list[tuple[RunFile[Record], str]]:
    """Files of the rows that are shown, and their keys."""
    kinds: tuple[tuple[str, RunFile[Record], Sequence[str]], ...] = (
        ("prompt", PROMPTS, figure.systems),
        ("completion", COMPLETIONS, figure.systems[:1]),
        ("judgment", JUDGMENTS, figure.systems[:1]),
        ("coverage", COVERAGE, figure.contexts),
    )
    return [(kind, key) for name, kind, keys in kinds if name in figure.shows for key in keys]


def shown(
    run: TraceReader, figure: Figure, evidence: Evidence, every_row: bool
) -> tuple[tuple[TracedRow, ...], tuple[TracedPosition, ...]]:
    """The first rows of the evidence, or all of them; of positions, the rows of their answers too."""
    lines: Sequence[int] = evidence.counted
    positions: tuple[TracedPosition, ...] = ()
    if evidence.unit == "positions":
        positions = _positions(run, figure, evidence, len(evidence.counted) if every_row else FIRST_POSITIONS)
        line_of = {name: line for line, name in enumerate(run.ids)}
        lines = sorted({line_of[position.token.instruction_id] for position in positions})
    return _rows(run, figure, lines if every_row else lines[:FIRST_ROWS]), positions


def _rows(run: TraceReader, figure: Figure, lines: Sequence[int]) -> tuple[TracedRow, ...]:
    instructions = run.lines(INSTRUCTIONS, "", lines)
    files = [(kind, run.lines(kind, key, lines)) for kind, key in row_files(figure)]

    def of(wanted: RunFile[Record], line: int) -> tuple[Any, ...]:
        return tuple(rows[line] for kind, rows in files if kind is wanted)

    return tuple(
        TracedRow(
            instruction=instructions[line],
            prompts=of(PROMPTS, line),
            completion=next(iter(of(COMPLETIONS, line)), None),
            judgment=next(iter(of(JUDGMENTS, line)), None),
            coverage=of(COVERAGE, line),
        )
        for line in lines
    )


def _positions(run: TraceReader, figure: Figure, evidence: Evidence, most: int) -> tuple[TracedPosition, ...]:
    contexts = figure.contexts[::-1] if figure.path[-1] == "only_second" else figure.contexts
    first = _taken(run.table(contexts[0]), evidence.counted[:most])
    second: Sequence[TokenShift | None] = [None] * len(first)
    if evidence.second is not None:
        second = _taken(run.table(contexts[1]), evidence.second[:most])
    return tuple(TracedPosition(token=token, second=other) for token, other in zip(first, second, strict=True))


def _taken(table: "pa.Table", rows: Sequence[int]) -> list[TokenShift]:
    import pyarrow as pa

    values: list[dict[str, object]] = table.take(pa.array(rows, pa.int64())).to_pylist()
    # Lists are tuples there, and a column of float32 holds no NaN.
    return [TokenShift.model_validate(value, strict=False) for value in values]
