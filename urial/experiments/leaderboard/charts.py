"""Two charts of a leaderboard: scores along training, and the score against how large a model is.

A model without a known place on the axis is left out, and the caption says so. Runs of different settings, which only `--mixed` lets
into one table, have lines of their own, named by the letter of their setting.
"""

from collections.abc import Iterable, Sequence
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Literal

from urial.core.text import and_more, counted, cut, one_line
from urial.experiments.leaderboard.naming import family_name
from urial.experiments.leaderboard.records import Leaderboard, LeaderboardRow, Measure
from urial.experiments.leaderboard.table import score_of
from urial.experiments.leaderboard.text import letters, measure_text, setting_notes
from urial.records.judgment import SCALE
from urial.records.leaderboard_entry import EntryModel
from urial.report.charts.figure import Figure, Missing, Row, distinct, estimate_cells
from urial.report.charts.style import dashes, series, shapes
from urial.statistics.tables import shown_aspects

if TYPE_CHECKING:
    import altair as alt

Axis = Literal["tokens", "step", "parameters"]
AXES: dict[Axis, tuple[str, str]] = {
    "tokens": ("tokens seen", "how many tokens they have seen"),
    "step": ("training step", "at which step of training they are"),
    "parameters": ("parameters", "how many parameters they have"),
}
# An axis is logarithmic from this ratio of its ends on.
LOGARITHMIC = 20
# Names that a caption has, and models that have their name at their dot.
MOST_NAMED, MOST_LABELED = 3, 15
LEGEND_PIXELS, LONGEST_LABEL = 380, 28


def progress_figure(board: Leaderboard) -> Figure | Missing:
    """Scores against tokens seen, or steps where fewer models tell tokens: a panel a measure, a line a model and system."""
    axis: Axis = max(("tokens", "step"), key=lambda name: sum(_place(row.of, name) is not None for row in board.rows))
    rows = [
        {"line": _line(board, row), "x": _place(row.of, axis), "panel": panel, **cells}
        for row in _placed(board, axis)
        for panel, cells in _scores(board, row)
    ]
    # A model can lack what rows are ranked by, and be the first row all the same.
    panels = list(map(_panel, _measures(board)))
    rows.sort(key=lambda row: (str(row["line"]), float(row["x"] or 0), panels.index(str(row["panel"]))))
    panels = [panel for panel in panels if any(row["panel"] == panel for row in rows)]
    caption = _caption(board, axis, "a line a model and system")
    if len({row["x"] for row in rows}) < 2:
        return Missing("progress", caption, "mean", f"fewer than two scored models tell {AXES[axis][1]}")
    scale = _highest(board)
    return Figure("progress", caption, "mean", rows, lambda data: _panels(data, rows, panels, axis, scale))


def size_figure(board: Leaderboard) -> Figure | Missing:
    """What rows are ranked by, against the number of parameters: a dot a model and system, of checkpoints the last one."""
    rows = [
        {"system": _system(board, row), "model": _short(row.of), "x": row.of.parameters, **estimate_cells(score)}
        for row in _last(_placed(board, "parameters"))
        if (score := score_of(row.figures, board.by))
    ]
    caption = _caption(board, "parameters", "a dot a model and system, of several checkpoints the last")
    if len({row["x"] for row in rows}) < 2:
        return Missing("size", caption, "mean", "fewer than two scored models of different known sizes")
    labeled = _labeled(rows)
    return Figure("size", caption, "mean", labeled, lambda data: _dots(data, labeled, _highest(board)))


def _caption(board: Leaderboard, axis: Axis, marks: str) -> str:
    what = "Mean scores" if axis != "parameters" else f"{measure_text(board.by).capitalize()},"
    lost = [f"{row.model}, {row.system}" for row in board.rows if _place(row.of, axis) is None]
    notes = [
        f"{what} against {AXES[axis][0]}, {marks}.",
        "Bands and lines through dots: the intervals of the runs' reports.",
        *(
            f"{f'{letters(index)}: ' if len(board.settings) > 1 else ''}{text}"
            for index, text in enumerate(_settings(board))
        ),
    ]
    if len(board.settings) > 1:
        notes.append("Scores of different letters are not to be compared.")
    if lost:
        count = counted(len(lost), "row")
        notes.append(f"Left out, since nothing tells {AXES[axis][1]}: {count}: {and_more(lost, MOST_NAMED)}.")
    return one_line(" ".join(notes))


def _settings(board: Leaderboard) -> list[str]:
    return [" ".join(setting_notes(setting)) for setting in board.settings]


def _place(model: EntryModel, axis: Axis) -> int | None:
    place: int | None = getattr(model, axis)
    return place


def _placed(board: Leaderboard, axis: Axis) -> list[LeaderboardRow]:
    return [row for row in board.rows if _place(row.of, axis) is not None]


def _last(rows: Iterable[LeaderboardRow]) -> list[LeaderboardRow]:
    """Of the checkpoints of a model the last, in each setting and of each system."""
    last: dict[tuple[int, str, str], LeaderboardRow] = {}
    for row in rows:
        key = (row.setting, family_name(row.of), row.system)
        known = last.get(key)
        if known is None or _progress(row.of) > _progress(known.of):
            last[key] = row
    return list(last.values())


def _progress(model: EntryModel) -> tuple[int, int]:
    """A model that is no checkpoint is the end of its training."""
    if model.checkpoint is None and model.step is None:
        return (2**62, 0)
    return (model.tokens or 0, model.step or 0)


def _system(board: Leaderboard, row: LeaderboardRow) -> str:
    return one_line(f"{letters(row.setting)}: " * (len(board.settings) > 1) + row.system)


def _short(model: EntryModel) -> str:
    """A name at a dot."""
    return cut(one_line(family_name(model).rpartition("/")[2]), LONGEST_LABEL)[0]


def _line(board: Leaderboard, row: LeaderboardRow) -> str:
    """The name of a line: the model is left out where all are checkpoints of one."""
    families = {family_name(each.of) for each in board.rows if each.of.step is not None or each.of.tokens is not None}
    system = _system(board, row)
    return system if len(families) < 2 else one_line(f"{system}, {family_name(row.of)}")


def _measures(board: Leaderboard) -> list[Measure]:
    """What the rows are ranked by, then the aspects."""
    aspects, average = shown_aspects([row.figures.aspects for row in board.rows])
    return list(dict.fromkeys([board.by, *(["average"] if average else []), *aspects]))  # type: ignore[list-item]


def _panel(measure: Measure) -> str:
    return measure.replace("_", ", ")


def _scores(board: Leaderboard, row: LeaderboardRow) -> list[tuple[str, Row]]:
    """The row's measures, as far as it has them."""
    found = ((measure, score_of(row.figures, measure)) for measure in _measures(board))
    return [(_panel(measure), estimate_cells(score)) for measure, score in found if score]


def _highest(board: Leaderboard) -> int:
    aspects = [judged for row in board.rows for judged in row.figures.aspects.values()]
    return max((judged.scale for judged in aspects), default=SCALE)


def _x(rows: Sequence[Row], axis: Axis, padding: int) -> "alt.X":
    """The axis: logarithmic over a wide range, where 0 has a place of its own; a billion is B."""
    import altair as alt

    values = sorted({float(row["x"] or 0) for row in rows})
    low, high = next(value for value in values if value > 0), values[-1]
    scale, ticks = alt.Scale(zero=False, nice=False, padding=padding), alt.Axis(tickCount=4)
    if high >= LOGARITHMIC * low:
        kind = {"type": "symlog", "constant": low} if values[0] == 0 else {"type": "log"}
        scale, ticks = alt.Scale(**kind, nice=False, padding=padding), alt.Axis(values=_ticks(values[0], low, high))
    ticks.grid, ticks.labelExpr = False, "replace(format(datum.value, '~s'), 'G', 'B')"
    return alt.X("x:Q", title=AXES[axis][0], scale=scale, axis=ticks)


def _ticks(first: float, low: float, high: float) -> list[float]:
    """Powers of ten, and three times those where they are few; 0 where it is on the axis."""
    powers = [10.0**power for power in range(floor(log10(low)), ceil(log10(high)) + 1)]
    inside = [tick for tick in powers if low <= tick <= high]
    if len(inside) < 4:
        inside = [tick for power in powers for tick in (power, 3 * power) if low <= tick <= high]
    return [0.0, *inside] if first == 0 else inside


def _y(part: str, highest: int) -> "alt.Y":
    import altair as alt

    axis = alt.Axis(values=list(range(1, highest + 1)), format="d")
    return alt.Y(f"{part}:Q", title="mean score", scale=alt.Scale(domain=[1, highest]), axis=axis)


def _panels(
    data: "alt.InlineData", rows: Sequence[Row], panels: Sequence[str], axis: Axis, highest: int
) -> "alt.TopLevelMixin":
    """A panel a measure, each with all lines."""
    import altair as alt

    lines = distinct(rows, "line")
    legend = alt.Legend(symbolType="stroke", symbolOpacity=1, columns=2, labelLimit=LEGEND_PIXELS)
    base = alt.Chart(data).encode(x=_x(rows, axis, 8), color=alt.Color("line:N", scale=series(lines), legend=legend))
    drawn = alt.layer(
        base.mark_area(opacity=0.15).encode(y=_y("low", highest), y2="high:Q"),
        base.mark_line(strokeWidth=1.6).encode(
            y=_y("mean", highest), strokeDash=alt.StrokeDash("line:N", scale=dashes(lines))
        ),
        base.mark_point(size=16, filled=True, opacity=1).encode(y=_y("mean", highest)),
    )
    facet = alt.Facet("panel:N", sort=list(panels), title=None)
    return drawn.properties(width=190, height=130).facet(facet=facet, columns=min(4, len(panels)), spacing=14)


def _labeled(rows: Sequence[Row]) -> list[Row]:
    """Each row with the name of its model where it is the model's best, unless there are many models, and where the name stands."""
    best: dict[str, float] = {}
    for row in rows:
        best[str(row["model"])] = max(best.get(str(row["model"]), 0.0), float(row["mean"] or 0))
    few = len(best) <= MOST_LABELED
    named = [few and row["mean"] == best[str(row["model"])] for row in rows]
    return [
        {**row, "name": row["model"] if shown else "", "top": row["mean"] if row["high"] is None else row["high"]}
        for row, shown in zip(rows, named, strict=True)
    ]


def _dots(data: "alt.InlineData", rows: Sequence[Row], highest: int) -> "alt.TopLevelMixin":
    """A dot a row with its interval, and the model's name above its best."""
    import altair as alt

    systems = distinct(rows, "system")
    base = alt.Chart(data).encode(x=_x(rows, "parameters", 40))
    colored = base.encode(color=alt.Color("system:N", scale=series(systems)))
    drawn = alt.layer(
        colored.mark_rule(strokeWidth=1.5).encode(y=_y("low", highest), y2="high:Q"),
        colored.mark_point(size=40, filled=True, opacity=1).encode(
            y=_y("mean", highest), shape=alt.Shape("system:N", scale=shapes(systems))
        ),
        base.mark_text(dy=-7, fontSize=10).encode(y=_y("top", highest), text="name:N"),
    )
    return drawn.properties(width=480, height=260)
