"""Curves along the answer: by position, and by tenth of the answer (paper, figure 3)."""

from collections.abc import Sequence
from math import ceil, log10
from typing import TYPE_CHECKING

from urial.core.tables import Table
from urial.core.text import one_line
from urial.records.report import Report
from urial.report.charts.figure import Figure, Missing, Row, distinct
from urial.report.charts.shift import NOT_MEASURED
from urial.report.charts.style import dashes, series
from urial.token_shift.figures.branching import NOT_KNOWN

if TYPE_CHECKING:
    import altair as alt

MEASURES = {
    "kl": ("KL(aligned || base), nats", "Divergence of the aligned from the base distribution"),
    "shifted": ("shifted tokens", "Share of shifted tokens"),
    "base_rank": ("mean base rank (log scale)", "Mean rank of the answer's token under the base model"),
    "base_probability": (
        "mean base probability",
        "Mean probability that the base model gives the answer's token",
    ),
    "log_ratio": (
        "log p_aligned - log p_base, nats",
        "Mean of how much more probable the answer's token is to the aligned model than to the base model",
    ),
}
BRANCHING = "branching"
TITLES = {
    **MEASURES,
    BRANCHING: (
        "branching factor",
        "Branching factor, exp of the mean entropy, of the base model behind each prompt and of the aligned model, along the answers,",
    ),
}
# Of the tenths: those that can be read at ten points.
RELATIVE = ("kl", "shifted")
# Column of the place -> kind of figure, the axis, and where and over what a mean is.
PLACES = {
    "position": ("curve", "position in the answer, tokens", "at each position of the answer", "answers"),
    "tenth": ("tenth", "tenth of the answer", "in each tenth of the answers", "tokens"),
}


def curve_figures(report: Report, by_position: Table, by_tenth: Table) -> list[Figure | Missing]:
    """A figure a measure, from the tables by position and by tenth of the answer."""
    positions = (_figure(report, by_position, "position", measure) for measure in MEASURES)
    tenths = (_figure(report, by_tenth, "tenth", measure) for measure in RELATIVE)
    return [*positions, *tenths]


def branching_figures(report: Report, by_position: Table, by_tenth: Table) -> list[Figure | Missing]:
    """The decline of the branching factor from the base model to the base model with a prompt to the aligned model."""
    measured = [shift for shift in report.token_shift.values() if shift.positions]
    missing = NOT_KNOWN if measured and not any(shift.branching for shift in measured) else None
    tables = ((by_position, "position"), (by_tenth, "tenth"))
    return [_figure(report, table, place, BRANCHING, missing) for table, place in tables]


def _figure(report: Report, table: Table, place: str, measure: str, missing: str | None = None) -> Figure | Missing:
    """``missing``: why there is no such figure, where the report tells."""
    kind, _, where, unit = PLACES[place]
    name = f"{kind}_{measure}"
    caption = f"{TITLES[measure][1]} {where}. Line: {'of the mean' if measure == BRANCHING else 'mean'} over {unit}; band: {report.confidence * 100:g} % interval."
    columns = (table.columns[0], place, measure, f"{measure}_low", f"{measure}_high", "answers")
    picked = [table.columns.index(column) for column in columns]
    rows: list[Row] = [
        dict(zip(("context", place, "mean", "low", "high", "answers"), (row[index] for index in picked), strict=True))
        for row in table.rows
    ]
    if not report.token_shift:
        return Missing(name, caption, "mean", NOT_MEASURED)
    if missing:
        return Missing(name, caption, "mean", missing)
    if not rows:
        return Missing(name, caption, "mean", "too few measured answers to draw")
    if all(row["mean"] is None for row in rows):
        return Missing(name, caption, "mean", "not known of any token")
    rows = [{**row, "context": one_line(str(row["context"]))} for row in rows]
    return Figure(name, caption, "mean", rows, lambda data: _lines(data, rows, place, measure))


def _lines(data: "alt.InlineData", rows: Sequence[Row], place: str, measure: str) -> "alt.TopLevelMixin":
    """A line a context with its band; dots where there are too few points for a line."""
    import altair as alt

    contexts, title = distinct(rows, "context"), TITLES[measure][0]
    scale, axis = alt.Scale(zero=True, nice=True), alt.Axis(tickCount=5)
    if measure == "shifted":
        axis = alt.Axis(format="%", tickCount=5)
    if measure == BRANCHING:
        # Of a single possible token it is 1; the first token of an answer has many more than any other.
        most = max(2.0, _highest(rows))
        ticks = [tick * 10**power for power in range(6) for tick in (1, 2, 5) if tick * 10**power <= most]
        scale, axis = alt.Scale(type="log", domain=[1, most], nice=False), alt.Axis(values=ticks, format=",d")
    if measure == "base_rank":
        # Two powers of ten at least, or the axis would have a single number.
        powers = range(max(1, ceil(log10(_highest(rows)))) + 1)
        scale = alt.Scale(type="log", domain=[1, 10 ** powers[-1]], nice=False)
        axis = alt.Axis(values=[10**power for power in powers], format=",d")
    x = alt.X(
        f"{place}:Q",
        title=PLACES[place][1],
        axis=alt.Axis(tickMinStep=1, grid=False),
        scale=alt.Scale(zero=False, nice=False),
    )
    base = alt.Chart(data).encode(
        x=x,
        color=alt.Color("context:N", scale=series(contexts), legend=alt.Legend(symbolType="stroke", symbolOpacity=1)),
    )
    band = base.mark_area(opacity=0.22).encode(y=alt.Y("low:Q", title=title, scale=scale, axis=axis), y2="high:Q")
    few = len({row[place] for row in rows}) < 3
    line = base.mark_line(strokeWidth=1.6, point={"filled": True} if few else False).encode(
        y=alt.Y("mean:Q", title=title, scale=scale, axis=axis),
        strokeDash=alt.StrokeDash("context:N", scale=dashes(contexts)),
    )
    return alt.layer(band, line).properties(width=420, height=230)


def _highest(rows: Sequence[Row]) -> float:
    return max(float(row[part] or 1) for row in rows for part in ("mean", "high"))
