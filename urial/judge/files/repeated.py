"""The same answers judged several times, and how far the judgings differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from urial.core.hashing import content_hash
from urial.core.tables import Cell, Table
from urial.judge.model.asking import Asker
from urial.records.diagnostics import Spread
from urial.records.judge import LocalJudgeModel
from urial.records.judgment import EVERY_ASPECT, Judgment
from urial.records.preference import Criterion, Preference
from urial.statistics.diagnostics import spread

Judged = TypeVar("Judged", Judgment, Preference)


def judging_path(out: Path, judging: int) -> Path:
    """Where a judging is written: the first to ``out``, the second to NAME-2 beside it.

    >>> judging_path(Path("judged.jsonl"), 2).name
    'judged-2.jsonl'
    """
    return out if judging == 1 else out.with_stem(f"{out.stem}-{judging}")


def is_deterministic(judge: object) -> bool:
    """Whether every judging would be the same: rules, and a model in this process, which decodes greedily.

    Of a server that is not known: the same request can get another reply at temperature 0, too.
    """
    return not isinstance(judge, Asker) or isinstance(judge.backend.model, LocalJudgeModel)


def judgings(judge: object, count: int, judged: Callable[[], list[Judged]]) -> Iterator[list[Judged]]:
    """Each judging by ``judge``, which ``judged`` asks; every one asks anew, and has keys of its own."""
    for number in range(1, count + 1):
        if isinstance(judge, Asker):
            judge.judging = number
        yield [_of_judging(row, number) for row in judged()]


def _of_judging(row: Judged, number: int) -> Judged:
    if number == 1:
        return row
    later = tuple(turn.model_copy(update={"key": _key(turn.key, number)}) for turn in row.later_turns)
    return row.model_copy(update={"key": _key(row.key, number), "later_turns": later})


def _key(key: str | None, number: int) -> str | None:
    return key and content_hash({"row": "verdict", "key": key, "judging": number})


def spreads_of(rows: Sequence[Sequence[Judgment]]) -> dict[Criterion, Spread]:
    """How far several judgings of the same answers differ, by aspect."""
    return _by_kind(
        [
            [(score.aspect, name, score.score) for name, turn in _turns(judging) for score in turn.scores]
            for judging in rows
        ]
    )


def preference_spreads(rows: Sequence[Sequence[Preference]]) -> dict[Criterion, Spread]:
    """How far several judgings of the same pairs differ, by criterion."""
    return _by_kind(
        [
            [(result.criterion, name, result.preference) for name, turn in _turns(judging) for result in turn.results]
            for judging in rows
        ]
    )


def _turns(rows: Sequence[Judgment] | Sequence[Preference]) -> Iterator[tuple[str, Any]]:
    """Every turn by a name of its own."""
    for row in rows:
        for number, turn in enumerate((row, *row.later_turns), start=1):
            yield f"{row.system} {number} {row.instruction_id}", turn


def _by_kind(judgings: Sequence[Sequence[tuple[Criterion, str, float | None]]]) -> dict[Criterion, Spread]:
    found = {
        kind: spread([{name: value for of, name, value in judging if of == kind} for judging in judgings])
        for kind in EVERY_ASPECT
    }
    return {kind: one for kind, one in found.items() if one.rows}


def spread_table(spreads: Mapping[Criterion, Spread]) -> Table:
    """How far the judgings differ, a row an aspect or criterion."""
    rows: list[Sequence[Cell]] = [
        [
            aspect, part.judgings, part.rows, None if part.same.share is None else 100 * part.same.share, part.deviation,
            part.lowest, part.highest,
        ]
        for aspect, part in spreads.items()
    ]  # fmt: skip
    columns = ["aspect", "judgings", "values", "same in all %", "deviation", "lowest mean", "highest mean"]
    return Table("The same judged again", columns, rows)
