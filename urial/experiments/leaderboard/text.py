"""A leaderboard as a table for people, and as one of plain numbers for other programs."""

from collections.abc import Mapping, Sequence

from urial.core.hashing import bytes_hash, short_hash
from urial.core.store import json_bytes
from urial.core.tables import Cell, Table
from urial.core.text import counted
from urial.experiments.leaderboard.columns import as_cell, contained, pooled, rank, shown_columns, win_rate
from urial.experiments.leaderboard.records import Leaderboard, LeaderboardRow, Measure, Setting
from urial.experiments.leaderboard.table import score_of
from urial.records.estimate import Estimate
from urial.records.judge import describe
from urial.records.judgment import ASPECTS, EVERY_ASPECT
from urial.records.preference import describe_preference_judge
from urial.statistics.tables import pooled_table, scale_text

MEASURES: Mapping[Measure, str] = {
    "average": "the average of the six aspects",
    "overall_pooled": "overall, all turns pooled",
}


def leaderboard_tables(board: Leaderboard) -> list[Table]:
    """The table of each setting, and where instructions have several turns, that of the scores over all turns."""
    tables = []
    for index, setting in enumerate(board.settings):
        rows = [row for row in board.rows if row.setting == index]
        if not rows:  # It has none of the systems that were chosen.
            continue
        letter = f", setting {letters(index)}" if len(board.settings) > 1 else ""
        judged = [row.figures.aspects for row in rows if row.figures.aspects]
        title = f"Leaderboard{f' ({scale_text(judged)})' if judged else ''}{letter}"
        tables.append(_table(title, rows, " ".join(table_notes(board, setting, rows))))
        named = [(_names(row), row.figures.turns) for row in rows if row.figures.turns]
        of_turns = pooled_table(["rank", "model", "system"], named)
        if of_turns and set(of_turns.columns) & set(ASPECTS):
            tables.append(of_turns)
    return tables


def _table(title: str, rows: Sequence[LeaderboardRow], caption: str) -> Table:
    columns = shown_columns(rows)
    cells = [[as_cell(value) for value in values] for values in columns.values()]
    return Table(title, list(columns), list(zip(*cells, strict=True)), caption)


def _names(row: LeaderboardRow) -> list[Cell]:
    return [as_cell(rank(row)), row.model, row.system]


def letters(index: int) -> str:
    """A, B, ..., Z, AA, AB, ... for 0, 1, ...

    >>> letters(0), letters(25), letters(26), letters(701), letters(702)
    ('A', 'Z', 'AA', 'ZZ', 'AAA')
    """
    text = chr(ord("A") + index % 26)
    return text if index < 26 else letters(index // 26 - 1) + text


def identifier_of(board: Leaderboard) -> str:
    """The first digits of the hash of the leaderboard's JSON, by which pages and charts name what they show."""
    return f"sha256:{short_hash(bytes_hash(json_bytes(board)))}"


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
    if any(score_of(row.figures, board.by) for row in rows):
        notes.append(f"Ranked by {measure_text(board.by)}.")
    notes += [f"In brackets: the intervals of the runs' reports ({coverage})."]
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
    """What the row is of, where it stands, and its figures."""
    standing, setting, score = row.standing, board.settings[row.setting], score_of(row.figures, board.by)
    return {
        "setting": letters(row.setting),
        "instructions": setting.instructions,
        "instructions_hash": setting.instructions_hash,
        "judge": describe(setting.judge) if setting.judge else None,
        "rank": standing.rank if standing else None,
        "rank_low": standing.low if standing else None,
        "rank_high": standing.high if standing else None,
        "best_share": standing.best if standing else None,
        "group": standing.group if standing else None,
        **_measured(row),
        "ranked_by": board.by,
        "score": score.mean if score else None,
        **_figures(row),
    }


def _measured(row: LeaderboardRow) -> dict[str, Cell]:
    """Model, system, and how its answers were decoded."""
    of, figures, decoding = row.of, row.figures, row.figures.decoding
    return {
        "model": row.model,
        "model_hash": of.hash,
        "role": figures.model,
        "parameters": of.parameters,
        "checkpoint": of.checkpoint,
        "step": of.step,
        "tokens": of.tokens,
        "system": row.system,
        "prompt": figures.prompt,
        "prompt_hash": figures.prompt_hash,
        **{name: getattr(decoding, name) for name in ("temperature", "top_p", "repetition_penalty", "max_new_tokens")},
        "decoding_seed": decoding.seed,
        "runs": ", ".join(row.runs),
    }


def _figures(row: LeaderboardRow) -> dict[str, Cell]:
    figures, shift = row.figures, row.token_shift
    values = _ends("average", figures.average)
    for aspect in EVERY_ASPECT:
        judged = figures.aspects.get(aspect)
        counts = {
            f"{aspect}_scored": judged.scored if judged else None,
            f"{aspect}_total": judged.total if judged else None,
        }
        values |= {**_ends(aspect, judged), **counts, **_ends(f"{aspect}_all_turns", pooled(row).get(aspect))}
    return {
        **values,
        **_ends("known_answers", contained(row)),
        **_ends("win_rate_percent", win_rate(row)),
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
