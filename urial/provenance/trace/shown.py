"""The rows behind a value that are shown: read whole, and no others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.records import TracedPosition, TracedRow
from urial.provenance.trace.rows import RunData
from urial.records.assembled_prompt import AssembledPrompt
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Judgment
from urial.records.token_shift import ShiftCoverage, TokenShift

if TYPE_CHECKING:
    import pyarrow as pa

# Rows and positions shown unless all are asked for.
FIRST_ROWS, FIRST_POSITIONS = 3, 10


def row_files(figure: Figure) -> list[str]:
    """Files of the rows that are shown, relative to the run."""
    found = []
    if "prompt" in figure.shows:
        found += [f"data/prompts/{name}.jsonl" for name in figure.systems]
    if "completion" in figure.shows:
        found.append(f"data/generations/{figure.systems[0]}.jsonl")
    if "judgment" in figure.shows:
        found.append(f"data/judgments/{figure.systems[0]}.jsonl")
    if "coverage" in figure.shows:
        found += [f"data/token_shift/{name}.coverage.jsonl" for name in figure.contexts]
    return found


def shown(
    run: RunData, figure: Figure, evidence: Evidence, every_row: bool
) -> tuple[tuple[TracedRow, ...], tuple[TracedPosition, ...]]:
    """The first rows of the evidence, or all of them; of positions, the rows of their answers too."""
    if evidence.unit == "instructions":
        return _rows(run, figure, evidence.counted if every_row else evidence.counted[:FIRST_ROWS]), ()
    found = _positions(run, figure, evidence, len(evidence.counted) if every_row else FIRST_POSITIONS)
    place = {name: line for line, name in enumerate(run.ids)}
    lines = sorted({place[item.token.instruction_id] for item in found})
    return _rows(run, figure, lines if every_row else lines[:FIRST_ROWS]), found


def _rows(run: RunData, figure: Figure, lines: Sequence[int]) -> tuple[TracedRow, ...]:
    first = figure.systems[0] if figure.systems else ""
    instructions = run.chosen("instructions.jsonl", Instruction, lines)
    prompts = [
        run.chosen(f"prompts/{name}.jsonl", AssembledPrompt, lines)
        for name in figure.systems
        if "prompt" in figure.shows
    ]
    answered, judged = "completion" in figure.shows, "judgment" in figure.shows
    completions = run.chosen(f"generations/{first}.jsonl", Completion, lines) if answered else {}
    judgments = run.chosen(f"judgments/{first}.jsonl", Judgment, lines) if judged else {}
    coverage = [
        run.chosen(f"token_shift/{name}.coverage.jsonl", ShiftCoverage, lines)
        for name in (figure.contexts if "coverage" in figure.shows else ())
    ]
    return tuple(
        TracedRow(
            instruction=instructions[line],
            prompts=tuple(found[line] for found in prompts),
            completion=completions.get(line),
            judgment=judgments.get(line),
            coverage=tuple(found[line] for found in coverage),
        )
        for line in lines
    )


def _positions(run: RunData, figure: Figure, evidence: Evidence, most: int) -> tuple[TracedPosition, ...]:
    contexts = figure.contexts[::-1] if figure.place[-1] == "only_second" else figure.contexts
    found = _taken(run.table(contexts[0]), evidence.counted[:most])
    other: Sequence[TokenShift | None] = [None] * len(found)
    if evidence.second is not None:
        other = _taken(run.table(contexts[1]), evidence.second[:most])
    return tuple(TracedPosition(token=token, second=second) for token, second in zip(found, other, strict=True))


def _taken(table: "pa.Table", rows: Sequence[int]) -> list[TokenShift]:
    import pyarrow as pa

    values: list[dict[str, Any]] = table.take(pa.array(rows, pa.int64())).to_pylist()
    # Lists are tuples there, and a column of float32 holds no NaN.
    return [TokenShift.model_validate(value, strict=False) for value in values]
