"""A leaderboard as a table for people, and as one of plain numbers for other programs."""

from collections.abc import Callable, Mapping, Sequence

from urial.core.hashing import short_hash
from urial.core.tables import Cell, Table
from urial.core.text import counted
from urial.experiments.leaderboard.records import Leaderboard, LeaderboardRow, Measure, Setting
from urial.experiments.leaderboard.table import score_of
from urial.records.estimate import Estimate
from urial.records.judge import describe
from urial.records.judgment import ASPECTS, EVERY_ASPECT, Aspect
from urial.records.preference import describe_preference_judge
from urial.statistics.tables import interval, pooled_table, scale_text, shown_aspects

# By its name, the cell of a column for a row; None where it has none.
Column = Callable[[LeaderboardRow], Cell]
MEASURES: Mapping[Measure, str] = {
    "average": "the average of the six aspects",
    "overall_pooled": "overall, all turns pooled",
}


def leaderboard_tables(board: Leaderboard) -> list[Table]:
    """The table of each setting, and where instructions have several turns, that of the scores over all turns."""
    tables = []
    for index, setting in enumerate(board.settings):
        rows = [row for row in board.rows if row.setting == index]
        letter = f", setting {letters(index)}" if len(board.settings) > 1 else ""
        title = f"Leaderboard ({scale_text(row.figures.aspects for row in rows)}){letter}"
        tables.append(_filled(title, _columns(rows), rows, " ".join(table_notes(board, setting, rows))))
        named = [(_names(row), row.figures.turns) for row in rows if row.figures.turns]
        of_turns = pooled_table(["rank", "model", "system"], named)
        if of_turns and set(of_turns.columns) & set(ASPECTS):
            tables.append(of_turns)
    return tables


def _filled(title: str, columns: Mapping[str, Column], rows: Sequence[LeaderboardRow], caption: str) -> Table:
    """A table without columns that are empty throughout."""
    cells = {name: [cell(row) for row in rows] for name, cell in columns.items()}
    kept = {name: column for name, column in cells.items() if any(cell is not None for cell in column)}
    return Table(title, list(kept), list(zip(*kept.values(), strict=True)), caption)


def _names(row: LeaderboardRow) -> list[Cell]:
    return [_rank(row), row.model, row.system]


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
    return {
        "rank": _rank,
        "group": lambda row: row.standing.group if row.standing else None,
        "model": lambda row: row.model,
        "step": lambda row: row.of.step,
        "tokens seen": lambda row: row.of.tokens,
        "system": lambda row: row.system,
        "prompt": _prompt if _vary(rows, lambda row: (row.figures.prompt, row.figures.prompt_hash)) else _nothing,
        "decoding": _decoding if _vary(rows, lambda row: row.figures.decoding.model_dump_json()) else _nothing,
        "run": lambda row: row.runs[0] if len(row.runs) == 1 else f"{row.runs[0]} and {len(row.runs) - 1} more",
        "average": lambda row: _known(row.figures.average),
        **{aspect: _aspect(aspect) for aspect in aspects},
        "overall, all turns": lambda row: _known(_pooled(row).get("overall")),
        "known answers %": lambda row: _known(_contained(row), 100),
        f"win rate %{against}": lambda row: _known(_win_rate(row)),
        "against": lambda row: row.preferences.baseline if row.preferences and len(baselines) > 1 else None,
        "unshifted %": lambda row: _known(row.token_shift.unshifted, 100) if row.token_shift else None,
        "shifted %": lambda row: _known(row.token_shift.shifted, 100) if row.token_shift else None,
        "words": lambda row: _known(row.figures.words),
        "scored/total": _scored,
    }  # fmt: skip


def _vary(rows: Sequence[LeaderboardRow], value: Callable[[LeaderboardRow], object]) -> bool:
    """Whether systems of one name have different values."""
    pairs = {(row.system, value(row)) for row in rows}
    return len(pairs) > len({system for system, _ in pairs})


def _nothing(row: LeaderboardRow) -> Cell:
    return None


def _prompt(row: LeaderboardRow) -> Cell:
    digest = row.figures.prompt_hash
    return row.figures.prompt + (f"@{short_hash(digest)}" if digest else "")


def _decoding(row: LeaderboardRow) -> Cell:
    of = row.figures.decoding
    drawn = f"temperature {of.temperature:g}, top-p {of.top_p:g}, seed {of.seed}" if of.temperature else "greedy"
    by_task = ", other temperatures by task" if of.temperature_by_task else ""
    return f"{drawn}{by_task}, penalty {of.repetition_penalty:g}, {of.max_new_tokens:,} tokens"


def _rank(row: LeaderboardRow) -> Cell:
    standing = row.standing
    if standing is None:
        return None
    return str(standing.rank) + ("" if standing.low is None else f" [{standing.low}, {standing.high}]")


def _known(estimate: Estimate | None, scale: float = 1.0) -> Cell:
    return interval(estimate, scale) if estimate and estimate.mean is not None else None


def _aspect(aspect: Aspect) -> Column:
    return lambda row: _known(row.figures.aspects.get(aspect))


def _pooled(row: LeaderboardRow) -> Mapping[Aspect, Estimate]:
    return row.figures.turns.pooled if row.figures.turns else {}


def _win_rate(row: LeaderboardRow) -> Estimate | None:
    return row.preferences.criteria.get("overall") if row.preferences else None


def _contained(row: LeaderboardRow) -> Estimate | None:
    return row.figures.known_answers.contained if row.figures.known_answers else None


def _scored(row: LeaderboardRow) -> Cell:
    figures = row.figures.aspects.values()
    if not figures:
        return f"{row.figures.ok}/{row.figures.instructions} answers"
    return f"{sum(part.scored for part in figures)}/{sum(part.total for part in figures)}"


def setting_notes(setting: Setting) -> list[str]:
    """What figures are of, and what makes them comparable."""
    notes = [
        f"{counted(setting.number, 'instruction')} of {setting.instructions} ({short_hash(setting.instructions_hash)}).",
        f"Judge: {describe(setting.judge)}." if setting.judge else "Not judged.",
    ]
    if setting.preference_judge and setting.preference_judge != setting.judge:
        notes.append(f"Win rates: {describe_preference_judge(setting.preference_judge)}.")
    return notes


def table_notes(board: Leaderboard, setting: Setting, rows: Sequence[LeaderboardRow]) -> list[str]:
    """The same, and what the columns of a table are."""
    notes = setting_notes(setting)
    if any(row.preferences for row in rows):
        notes.append("A win rate is against the baseline of the row's own run.")
    coverage = ", ".join(f"{100 * confidence:g} %" for confidence in setting.confidence)
    notes += [f"Ranked by {measure_text(board.by)}.", f"In brackets: the intervals of the runs' reports ({coverage})."]
    return [*notes, *([standing_note(board)] if any(row.standing for row in rows) else [])]


def measure_text(by: Measure) -> str:
    """What rows are ranked by, in words."""
    return MEASURES.get(by, by)


def standing_note(board: Leaderboard) -> str:
    """What ranks and groups are."""
    intervals = (
        f"Intervals of ranks: {100 * board.confidence:g} %, all rows on the same {board.resamples:,} resamples. "
    )
    return (intervals if board.resamples else "") + (
        "Rows with a letter in common are not told apart: paired sign-flip tests of every two rows, corrected for their number "
        f"(Holm), level {100 * (1 - board.confidence):.4g} %."
    )


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
        "rank": standing.rank if standing else None,
        "rank_low": standing.low if standing else None,
        "rank_high": standing.high if standing else None,
        "best_share": standing.best if standing else None,
        "group": standing.group if standing else None,
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
        "score": score.mean if score else None,
        **_ends("average", figures.average),
    }
    for aspect in EVERY_ASPECT:
        judged = figures.aspects.get(aspect)
        counts = {
            f"{aspect}_scored": judged.scored if judged else None,
            f"{aspect}_total": judged.total if judged else None,
        }
        values |= {**_ends(aspect, judged), **counts, **_ends(f"{aspect}_all_turns", _pooled(row).get(aspect))}
    return {
        **values,
        **_ends("known_answers", _contained(row)),
        **_ends("win_rate_percent", _win_rate(row)),
        "against": row.preferences.baseline if row.preferences else None,
        **_ends("unshifted", shift.unshifted if shift else None),
        **_ends("marginal", shift.marginal if shift else None),
        **_ends("shifted", shift.shifted if shift else None),
        **_ends("kl_nats", shift.kl if shift else None),
        **_ends("words", figures.words),
        "answers": figures.ok,
        "asked": figures.instructions,
    }


def _ends(name: str, estimate: Estimate | None) -> dict[str, Cell]:
    values = (estimate.mean, estimate.low, estimate.high) if estimate else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
