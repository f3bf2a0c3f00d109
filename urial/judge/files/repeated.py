"""The same answers judged several times, and how far the judgings differ."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from urial.core.hashing import content_hash
from urial.core.tables import Cell, Table
from urial.judge.model.asking import Asker
from urial.records.diagnostics import Spread
from urial.records.judgment import EVERY_ASPECT, Aspect, Judgment, LocalJudgeModel
from urial.statistics.diagnostics import spread


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


def judgings(judge: object, count: int, judged: Callable[[], list[Judgment]]) -> Iterator[list[Judgment]]:
    """Each judging by ``judge``, which ``judged`` asks; every one asks anew, and has keys of its own."""
    for number in range(1, count + 1):
        if isinstance(judge, Asker):
            judge.judging = number
        yield [_of_judging(row, number) for row in judged()]


def _of_judging(row: Judgment, number: int) -> Judgment:
    if number == 1:
        return row
    later = tuple(turn.model_copy(update={"key": _key(turn.key, number)}) for turn in row.later_turns)
    return row.model_copy(update={"key": _key(row.key, number), "later_turns": later})


def _key(key: str | None, number: int) -> str | None:
    return key and content_hash({"row": "verdict", "key": key, "judging": number})


def spreads_of(rows: Sequence[Sequence[Judgment]]) -> dict[Aspect, Spread]:
    """How far several judgings of the same answers differ, by aspect."""
    found = {aspect: spread([_scores(aspect, judging) for judging in rows]) for aspect in EVERY_ASPECT}
    return {aspect: one for aspect, one in found.items() if one.rows}


def _scores(aspect: Aspect, rows: Sequence[Judgment]) -> dict[str, float | None]:
    """The scores of an aspect by system, turn and instruction."""
    return {
        f"{row.system} {turn} {row.instruction_id}": score.score
        for row in rows
        for turn, judged in enumerate((row, *row.later_turns), start=1)
        for score in judged.scores
        if score.aspect == aspect
    }


def spread_table(spreads: Mapping[Aspect, Spread]) -> Table:
    """How far the judgings differ, a row an aspect."""
    rows: list[Sequence[Cell]] = [
        [
            aspect, part.judgings, part.rows, None if part.same.share is None else 100 * part.same.share, part.deviation,
            part.lowest, part.highest,
        ]
        for aspect, part in spreads.items()
    ]  # fmt: skip
    columns = ["aspect", "judgings", "scores", "same in all %", "deviation", "lowest mean", "highest mean"]
    return Table("The same judged again", columns, rows)
