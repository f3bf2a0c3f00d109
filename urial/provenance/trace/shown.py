"""What a trace shows of a value's origin: its rows, read whole and no others, its files, and the stages that made them."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from urial.provenance.trace.figures import Evidence, Figure
from urial.provenance.trace.records import TracedFile, TracedPosition, TracedRow
from urial.records.base import ROLES, Record
from urial.records.token_shift import TokenShift
from urial.run import paths
from urial.run.dvc_cache import DvcCache
from urial.run.files import Digests
from urial.run.lockfile import Lock, LockedStage, is_within
from urial.run.paths import RunFile

# Rows and positions shown unless all are asked for.
FIRST_ROWS, FIRST_POSITIONS = 3, 10


def shown_rows(
    figure: Figure, evidence: Evidence, every_row: bool
) -> tuple[tuple[TracedRow, ...], tuple[TracedPosition, ...]]:
    """The first rows of the evidence, or all of them; of positions, the rows of their answers too."""
    run, lines = figure.run, evidence.counted
    positions: tuple[TracedPosition, ...] = ()
    if evidence.unit == "positions":
        positions = _positions(figure, evidence, len(evidence.counted) if every_row else FIRST_POSITIONS)
        line_of = {name: line for line, name in enumerate(run.ids)}
        lines = sorted({line_of[position.token.instruction_id] for position in positions})
    if not every_row:
        lines = lines[:FIRST_ROWS]
    instructions = run.lines(paths.INSTRUCTIONS, "", lines)
    files = [(kind, _lines(figure, kind, key, lines)) for kind, key in figure.row_files()]

    def of(wanted: RunFile[Record], line: int) -> tuple[Any, ...]:
        return tuple(rows[line] for kind, rows in files if kind is wanted and line in rows)

    rows = tuple(
        TracedRow(
            instruction=instructions[line],
            prompts=of(paths.PROMPTS, line),
            completion=next(iter(of(paths.COMPLETIONS, line)), None),
            judgment=next(iter(of(paths.JUDGMENTS, line)), None),
            preference=next(iter(of(paths.PREFERENCES, line)), None),
            coverage=of(paths.COVERAGE, line),
        )
        for line in lines
    )
    return rows, positions


def _lines(figure: Figure, kind: RunFile[Record], key: str, lines: Sequence[int]) -> Mapping[int, Record]:
    """The rows of some instructions, by their numbers; published outputs have none of those that they do not answer."""
    if kind is not paths.COMPLETIONS or key in figure.report.systems:
        return figure.run.lines(kind, key, lines)
    by_id = {row.instruction_id: row for row in figure.run.rows(paths.PUBLISHED, key)}
    return {line: by_id[figure.run.ids[line]] for line in lines if figure.run.ids[line] in by_id}


def _positions(figure: Figure, evidence: Evidence, most: int) -> tuple[TracedPosition, ...]:
    def taken(context: str, rows: Sequence[int]) -> list[TokenShift]:
        table = figure.run.table(context).take(np.asarray(rows[:most], np.int64))
        # Lists are tuples there, and a column of float32 holds no NaN.
        return [TokenShift.model_validate(row, strict=False) for row in table.to_pylist()]

    contexts = figure.contexts[::-1] if figure.path[-1] == "only_second" else figure.contexts
    first = taken(contexts[0], evidence.counted)
    second = [None] * len(first) if evidence.second is None else taken(contexts[1], evidence.second)
    return tuple(TracedPosition(token=token, second=other) for token, other in zip(first, second, strict=True))


def origins(figure: Figure, lock: Lock) -> tuple[list[LockedStage], list[str]]:
    """The stages that a value depends on, in the order in which they run, and the files that a trace reads besides the figure's."""
    rows = [kind.path(key) for kind, key in figure.row_files()]
    stages: dict[str, LockedStage] = {}

    def visit(path: str) -> None:
        for out, name in lock.makers.items():
            if name != "report" and name not in stages and (is_within(out, path) or is_within(path, out)):
                for dep in lock.stages[name].deps:
                    visit(dep.path)
                # Two paths can lead to one stage.
                stages.setdefault(name, lock.stages[name])

    for path in (*figure.files, *rows):
        visit(path)
    stages |= {name: stage for name, stage in lock.stages.items() if name == "report"}
    outs = (out.path for stage in stages.values() for out in stage.outs)
    others = [
        paths.INSTRUCTIONS.path(),
        *rows,
        *(plan.path() for plan in (paths.REPORT_PLAN, paths.INSTRUCTIONS_PLAN, paths.JUDGE_PLAN)),
        *([paths.PREFERENCES_PLAN.path()] if paths.PREFERENCES in figure.shows else []),
        *map(paths.SYSTEM_PLAN.path, figure.systems),
        *map(paths.MANIFEST.path, ROLES),
        *(out for out in outs if is_within(out, paths.ENVIRONMENT.folder)),
    ]
    return list(stages.values()), [name for name in others if name not in figure.files]


def traced_files(folder: Path, files: Iterable[str], lock: Lock) -> dict[str, TracedFile]:
    """Digests of files, by path, as they are and as dvc.lock has them, or the folders around them."""
    tree = Digests(folder)

    @cache
    def listing(around: str) -> Mapping[str, str] | None:
        """What is recorded inside a folder, so far as that is known; None of a folder that is as recorded."""
        if tree.differing(lock.files[around]) is None:
            return None
        # Of a folder that was pulled in part, or has another file that was edited, DVC's cache still knows what is in it.
        return DvcCache.of(folder).listing(lock.files[around].md5) or {}

    traced = {}
    for path in files:
        md5, recorded, edited = tree.of(folder / path).md5, None, False
        around = None if path in lock.files else next((name for name in lock.files if is_within(path, name)), None)
        if path in lock.files:
            recorded = lock.files[path].md5
            edited = md5 != recorded
        elif around and (listed := listing(around)) is not None:
            recorded = listed.get(path.removeprefix(f"{around}/"))
            edited = md5 != recorded
        traced[path] = TracedFile(path=path, md5=md5, recorded=recorded, folder=around, edited=edited)
    return traced
