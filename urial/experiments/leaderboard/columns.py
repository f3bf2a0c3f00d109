"""The columns of a leaderboard, each declared once: tables in a terminal and on a page have the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from urial.core.hashing import short_hash
from urial.core.tables import Cell
from urial.experiments.leaderboard.records import LeaderboardRow
from urial.records.estimate import Estimate
from urial.records.judgment import Aspect
from urial.statistics.tables import interval, shown_aspects


@dataclass(frozen=True)
class Shown:
    """A cell with more than a number: what a page sorts by, as text, and what stands behind, such as an interval."""

    order: float
    text: str
    rest: str = ""


Value = Cell | Shown
# The cell for a row; None where it has none.
Column = Callable[[LeaderboardRow], Value]


def shown_columns(rows: Sequence[LeaderboardRow]) -> dict[str, list[Value]]:
    """The cells of each column by its name, without columns that are empty throughout."""
    cells = {name: [cell(row) for row in rows] for name, cell in _columns(rows).items()}
    return {name: column for name, column in cells.items() if any(cell is not None for cell in column)}


def as_cell(value: Value) -> Cell:
    """A cell of a table of plain texts."""
    return f"{value.text} {value.rest}".rstrip() if isinstance(value, Shown) else value


def _columns(rows: Sequence[LeaderboardRow]) -> dict[str, Column]:
    """How the cells of each column are made, by its name."""
    baselines = {row.preferences.baseline for row in rows if row.preferences}
    against = f" against {next(iter(baselines))}" if len(baselines) == 1 else ""
    aspects, _ = shown_aspects([row.figures.aspects for row in rows])
    return {
        "rank": rank,
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
        "overall, all turns": lambda row: _known(pooled(row).get("overall")),
        "known answers %": lambda row: _known(contained(row), 100),
        f"win rate %{against}": lambda row: _known(win_rate(row)),
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


def rank(row: LeaderboardRow) -> Value:
    """The rank and its interval."""
    standing = row.standing
    if standing is None:
        return None
    return Shown(
        standing.rank, str(standing.rank), "" if standing.low is None else f"[{standing.low}, {standing.high}]"
    )


def _known(estimate: Estimate | None, scale: float = 1.0) -> Value:
    if estimate is None or estimate.mean is None:
        return None
    text = f"{estimate.mean * scale:z.2f}"
    return Shown(estimate.mean, text, interval(estimate, scale).removeprefix(text).strip())


def _aspect(aspect: Aspect) -> Column:
    return lambda row: _known(row.figures.aspects.get(aspect))


def pooled(row: LeaderboardRow) -> Mapping[Aspect, Estimate]:
    """Scores over all turns, by aspect."""
    return row.figures.turns.pooled if row.figures.turns else {}


def win_rate(row: LeaderboardRow) -> Estimate | None:
    """How often its answer as a whole is preferred to the baseline's, in percent."""
    return row.preferences.criteria.get("overall") if row.preferences else None


def contained(row: LeaderboardRow) -> Estimate | None:
    """The share of instructions with a known answer whose answer has it."""
    return row.figures.known_answers.contained if row.figures.known_answers else None


def _scored(row: LeaderboardRow) -> Value:
    figures = row.figures.aspects.values()
    if not figures:
        return Shown(row.figures.ok, f"{row.figures.ok}/{row.figures.instructions}", "answers")
    scored = sum(part.scored for part in figures)
    return Shown(scored, f"{scored}/{sum(part.total for part in figures)}")
