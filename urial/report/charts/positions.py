"""Figures of what more a position tells: when answers part, what is around landmarks, and threshold curves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from urial.core.tables import Table
from urial.core.text import one_line
from urial.records.report import Report
from urial.report.charts.figure import Figure, Missing, Row, distinct, estimate_cells
from urial.report.charts.shift import NO_ANSWERS, NOT_MEASURED
from urial.report.charts.style import dashes, series
from urial.token_shift.figures.landmarks import LANDMARKS

if TYPE_CHECKING:
    import altair as alt

# Column of the table of landmarks -> title of its axis, and what it is.
AROUND = {
    "shifted": ("shifted tokens", "Share of shifted tokens"),
    "kl": ("KL(aligned || base), nats", "Divergence of the aligned from the base distribution"),
}
# Field of ShiftFigures -> title of the axis of thresholds, and what the curve is of.
ABOVE = {
    "rank_above": (
        "base rank above (log scale)",
        "Share of tokens whose rank under the base model is above a threshold",
    ),
    "kl_above": (
        "KL(aligned || base) above, nats (log scale)",
        "Share of positions whose divergence is above a threshold",
    ),
}


def position_figures(report: Report, landmarks: Table) -> list[Figure | Missing]:
    """All of them; ``landmarks`` is position_tables.landmark_curve_table."""
    around = (_around(report, landmarks, measure) for measure in AROUND)
    return [divergence_figure(report), *around, *(_above(report, field) for field in ABOVE)]


def divergence_figure(report: Report) -> Figure | Missing:
    """The share of answers that have parted, by position."""
    caption = (
        "Share of the answers of which the base model's most probable token has been another than the aligned model's, by position. "
        f"{_bands(report)}"
    )
    rows = [
        {"context": one_line(name), "position": position, **estimate_cells(share), "answers": parting.answers}
        for name, shift in report.token_shift.items()
        if (parting := shift.first_divergence)
        for position, share in enumerate(parting.parted)
    ]
    known = any(shift.first_divergence and shift.first_divergence.answers for shift in report.token_shift.values())
    if not rows:
        why = "no answer parts, of those that are known" if known else _why(report, "where answers part is not known")
        return Missing("first_divergence", caption, "mean", why)
    return Figure(
        "first_divergence",
        caption,
        "mean",
        rows,
        lambda data: _shares(data, rows, "position", "answers that have parted"),
    )


def _around(report: Report, table: Table, measure: str) -> Figure | Missing:
    """A panel a kind of landmark."""
    title, what = AROUND[measure]
    name, caption = (
        f"landmark_{measure}",
        f"{what} by distance from landmarks of the answer, in tokens. {_bands(report)}",
    )
    if not table.rows:
        return Missing(name, caption, "mean", _why(report, "too few measured answers to draw"))
    picked = [
        table.columns.index(column)
        for column in ("landmark", "distance", measure, f"{measure}_low", f"{measure}_high", "answers")
    ]
    keys = ("landmark", "distance", "mean", "low", "high", "answers")
    rows: list[Row] = [
        {"context": one_line(str(row[0])), **dict(zip(keys, (row[index] for index in picked), strict=True))}
        for row in table.rows
    ]
    if all(row["mean"] is None for row in rows):
        return Missing(name, caption, "mean", "not known of any token")
    return Figure(name, caption, "mean", rows, lambda data: _panels(data, rows, measure, title))


def _above(report: Report, field: str) -> Figure | Missing:
    """A curve a context over the thresholds."""
    title, what = ABOVE[field]
    caption = f"{what}. {_bands(report)}"
    rows = [
        {
            "context": one_line(name),
            "threshold": float(threshold),
            **estimate_cells(share),
            "positions": share.positions,
        }
        for name, shift in report.token_shift.items()
        for threshold, share in getattr(shift, field).items()
    ]
    if all(row["mean"] is None for row in rows):
        return Missing(field, caption, "mean", _why(report, "not known of any token"))
    return Figure(field, caption, "mean", rows, lambda data: _shares(data, rows, "threshold", "tokens", title))


def _bands(report: Report) -> str:
    return f"Band: {report.confidence * 100:g} % interval over answers."


def _why(report: Report, otherwise: str) -> str:
    """Why there is no figure: nothing was measured, or of no answer, or else."""
    if not report.token_shift:
        return NOT_MEASURED
    return otherwise if any(shift.positions for shift in report.token_shift.values()) else NO_ANSWERS


def _shares(
    data: "alt.InlineData", rows: Sequence[Row], place: str, title: str, places: str = "position in the answer, tokens"
) -> "alt.TopLevelMixin":
    """A line a context with its band; thresholds stand on a logarithmic axis, with a dot each."""
    import altair as alt

    thresholds = place == "threshold"
    axis = alt.Axis(grid=False) if thresholds else alt.Axis(tickMinStep=1, grid=False)
    scale = alt.Scale(type="log", nice=False) if thresholds else alt.Scale(zero=True, nice=False)
    x = alt.X(f"{place}:Q", title=places, axis=axis, scale=scale)
    y = {"title": title, "scale": alt.Scale(domainMin=0, nice=True), "axis": alt.Axis(format="%", tickCount=5)}
    dots = thresholds or len({row[place] for row in rows}) < 3
    return _lines(alt.Chart(data).encode(x=x), distinct(rows, "context"), y, dots).properties(width=420, height=230)


def _panels(data: "alt.InlineData", rows: Sequence[Row], measure: str, title: str) -> "alt.TopLevelMixin":
    import altair as alt

    kinds = [name for name in LANDMARKS if name in distinct(rows, "landmark")]
    x = alt.X(
        "distance:Q", title=None, axis=alt.Axis(tickMinStep=1, tickCount=5, grid=False), scale=alt.Scale(nice=False)
    )
    axis = alt.Axis(format="%", tickCount=5) if measure == "shifted" else alt.Axis(tickCount=5)
    y = {"title": title, "scale": alt.Scale(domainMin=0, nice=True), "axis": axis}
    lines = _lines(alt.Chart(data).encode(x=x), distinct(rows, "context"), y, dots=True)
    panel = alt.Facet("landmark:N", sort=kinds, title=None)
    return lines.properties(width=170, height=110).facet(panel, columns=3)


def _lines(base: "alt.Chart", contexts: Sequence[str], y: Mapping[str, object], dots: bool) -> "alt.LayerChart":
    """A line a context with its band."""
    import altair as alt

    legend = alt.Legend(symbolType="stroke", symbolOpacity=1)
    base = base.encode(color=alt.Color("context:N", scale=series(contexts), legend=legend))
    band = base.mark_area(opacity=0.22).encode(y=alt.Y("low:Q", **y), y2="high:Q")
    line = base.mark_line(strokeWidth=1.6, point={"filled": True, "size": 14} if dots else False).encode(
        y=alt.Y("mean:Q", **y), strokeDash=alt.StrokeDash("context:N", scale=dashes(contexts))
    )
    return alt.layer(band, line)
