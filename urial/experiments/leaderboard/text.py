"""A leaderboard as a table for people, and as one of plain numbers for other programs."""

from collections.abc import Callable, Mapping, Sequence

from urial.core.hashing import short_hash
from urial.core.tables import Cell, Table
from urial.core.text import counted
from urial.experiments.leaderboard.records import Leaderboard, LeaderboardRow, Measure, Setting
from urial.experiments.leaderboard.table import score_of
from urial.records.estimate import Estimate
from urial.records.judge import describe
from urial.records.judgment import EVERY_ASPECT, Aspect
from urial.records.preference import describe_preference_judge
from urial.statistics.tables import interval, scale_text, shown_aspects

# By its name, the cell of a column for a row; None where it has none.
Column = Callable[[LeaderboardRow], Cell]
MEASURES: Mapping[Measure, str] = {
    "average": "the average of the six aspects",
    "overall_pooled": "overall, all turns pooled",
}


def leaderboard_tables(board: Leaderboard) -> list[Table]:
    """A table for each setting, without columns that are empty throughout."""
    return [_table(board, index) for index in range(len(board.settings))]


def _table(board: Leaderboard, index: int) -> Table:
    rows = [row for row in board.rows if row.setting == index]
    cells = {name: [cell(row) for row in rows] for name, cell in _columns(rows).items()}
    kept = {
        name: column
        for name, column in cells.items()
        if name in ("model", "system") or any(cell is not None for cell in column)
    }
    scale = scale_text(row.figures.aspects for row in rows)
    letter = f", setting {letters(index)}" if len(board.settings) > 1 else ""
    return Table(
        f"Leaderboard (scores {scale}){letter}",
        list(kept),
        list(zip(*kept.values(), strict=True)),
        " ".join(_notes(board, board.settings[index], rows)),
    )


def letters(index: int) -> str:
    """A, B, ..., Z, AA, AB, ... for 0, 1, ...

    >>> letters(0), letters(25), letters(26), letters(701), letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    text = chr(ord("A") + index % 26)
    return text if index < 26 else letters(index // 26 - 1) + text


def _columns(rows: Sequence[LeaderboardRow]) -> dict[str, Column]:
    baselines = {row.preferences.baseline for row in rows if row.preferences}
    against = f" against {next(iter(baselines))}" if len(baselines) == 1 else ""
    aspects, _ = shown_aspects([row.figures.aspects for row in rows])
    pooled = [aspect for aspect in EVERY_ASPECT if any(aspect in _pooled(row) for row in rows)]
    return {
        "rank": lambda row: row.standing and f"{row.standing.rank} [{row.standing.low}, {row.standing.high}]",
        "group": lambda row: row.standing and row.standing.group,
        "model": lambda row: row.model,
        "step": lambda row: row.of.step,
        "tokens seen": lambda row: row.of.tokens,
        "system": lambda row: row.system,
        "run": lambda row: row.runs[0] if len(row.runs) == 1 else f"{row.runs[0]} and {len(row.runs) - 1} more",
        "average": lambda row: _known(row.figures.average),
        **{aspect: _aspect(aspect) for aspect in aspects},
        **{f"{aspect}, all turns": _pooled_cell(aspect) for aspect in pooled},
        f"win rate %{against}": lambda row: _known(_win_rate(row)),
        "against": lambda row: row.preferences.baseline if row.preferences and len(baselines) > 1 else None,
        "unshifted %": lambda row: _known(row.token_shift.unshifted, 100) if row.token_shift else None,
        "shifted %": lambda row: _known(row.token_shift.shifted, 100) if row.token_shift else None,
        "words": lambda row: _known(row.figures.words),
        "scored/total": _scored,
    }  # fmt: skip


def _known(estimate: Estimate | None, scale: float = 1.0) -> Cell:
    return interval(estimate, scale) if estimate and estimate.mean is not None else None


def _aspect(aspect: Aspect) -> Column:
    return lambda row: _known(row.figures.aspects.get(aspect))


def _pooled(row: LeaderboardRow) -> Mapping[Aspect, Estimate]:
    return row.figures.turns.pooled if row.figures.turns else {}


def _pooled_cell(aspect: Aspect) -> Column:
    return lambda row: _known(_pooled(row).get(aspect))


def _win_rate(row: LeaderboardRow) -> Estimate | None:
    return row.preferences.criteria.get("overall") if row.preferences else None


def _scored(row: LeaderboardRow) -> Cell:
    figures = row.figures.aspects.values()
    if not figures:
        return f"{row.figures.ok}/{row.figures.instructions} answers"
    return f"{sum(part.scored for part in figures)}/{sum(part.total for part in figures)}"


def _notes(board: Leaderboard, setting: Setting, rows: Sequence[LeaderboardRow]) -> list[str]:
    """What figures are of, and what makes them comparable."""
    by = MEASURES.get(board.by, board.by)
    notes = [
        f"{counted(setting.number, 'instruction')} of {setting.instructions} ({short_hash(setting.instructions_hash)}).",
        f"Judge: {describe(setting.judge)}." if setting.judge else "Not judged.",
    ]
    if setting.preference_judge and setting.preference_judge != setting.judge:
        notes.append(f"Win rates: {describe_preference_judge(setting.preference_judge)}.")
    if any(row.preferences for row in rows):
        notes.append("A win rate is against the baseline of the row's own run.")
    return [*notes, f"Ranked by {by}.", "In brackets: the intervals of the runs' reports."]


def csv_table(board: Leaderboard) -> Table:
    """One row a system and model, all figures as numbers, in columns that are there whatever the runs have."""
    rows = [_plain(board, row) for row in board.rows]
    columns = list(rows[0]) if rows else []
    return Table("Leaderboard", columns, [list(row.values()) for row in rows])


def _plain(board: Leaderboard, row: LeaderboardRow) -> dict[str, Cell]:
    standing, setting, figures, shift = row.standing, board.settings[row.setting], row.figures, row.token_shift
    score = score_of(figures, board.by)
    values: dict[str, Cell] = {
        "setting": letters(row.setting),
        "instructions": setting.instructions,
        "instructions_hash": setting.instructions_hash,
        "judge": describe(setting.judge) if setting.judge else None,
        "rank": standing and standing.rank,
        "rank_low": standing and standing.low,
        "rank_high": standing and standing.high,
        "group": standing and standing.group,
        "model": row.model,
        "model_hash": row.of.hash,
        "role": figures.model,
        "parameters": row.of.parameters,
        "checkpoint": row.of.checkpoint,
        "step": row.of.step,
        "tokens": row.of.tokens,
        "system": row.system,
        "prompt": figures.prompt,
        "prompt_hash": figures.prompt_hash,
        "runs": ", ".join(row.runs),
        "ranked_by": board.by,
        "score": score and score.mean,
        **_ends("average", figures.average),
    }
    for aspect in EVERY_ASPECT:
        judged = figures.aspects.get(aspect)
        counts = {f"{aspect}_scored": judged and judged.scored, f"{aspect}_total": judged and judged.total}
        values |= {**_ends(aspect, judged), **counts, **_ends(f"{aspect}_all_turns", _pooled(row).get(aspect))}
    return {
        **values,
        **_ends("win_rate_percent", _win_rate(row)),
        "against": row.preferences and row.preferences.baseline,
        **_ends("unshifted", shift and shift.unshifted),
        **_ends("marginal", shift and shift.marginal),
        **_ends("shifted", shift and shift.shifted),
        **_ends("kl_nats", shift and shift.kl),
        **_ends("words", figures.words),
        "answers": figures.ok,
        "asked": figures.instructions,
    }


def _ends(name: str, estimate: Estimate | None) -> dict[str, Cell]:
    return {
        name: estimate and estimate.mean,
        f"{name}_low": estimate and estimate.low,
        f"{name}_high": estimate and estimate.high,
    }
