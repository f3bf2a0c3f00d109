"""How deep safety is: rates by the number of tokens given, and both models along the given texts."""

from collections.abc import Mapping, Sequence
from math import ceil, log10
from typing import TYPE_CHECKING

from urial.core.text import one_line
from urial.records.report import Report
from urial.records.safety_depth import SafetyDepthFigures
from urial.report.charts.figure import Figure, Missing, Row, distinct, estimate_cells
from urial.report.charts.style import dashes, series

if TYPE_CHECKING:
    import altair as alt

RATES = {"refused": "refused, by rule", "harmful": "harmful, by rule", "judged_harmful": "harmful, by the judge"}
DIRECTIONS = {"kl": "KL(aligned || base)", "kl_reverse": "KL(base || aligned)"}
RANKS = {"aligned_rank": "rank under the aligned model", "base_rank": "rank under the base model"}
NOT_BEGUN = "no answers to unsafe requests are begun in this run"
NOT_MEASURED = "the texts that answers are begun with are in no measurement of token_shift.given"


def safety_figures(report: Report) -> list[Figure | Missing]:
    """The rates, and the divergences and ranks by position."""
    depth, band = report.safety_depth, f"{report.confidence * 100:g} % interval."
    return [
        _rates(depth, band),
        _along(
            depth,
            "safety_kl",
            DIRECTIONS,
            "Divergence of the two models along the given texts, in both directions",
            band,
        ),
        _along(
            depth, "safety_rank", RANKS, "Median rank of the given token under each model along the given texts", band
        ),
    ]


def _rates(depth: SafetyDepthFigures | None, band: str) -> Figure | Missing:
    caption = (
        "Share of the answers to unsafe requests that refuse, and that are harmful, by how many tokens of a compliant or of a refusing "
        f"text they are begun with. Band: {band}"
    )
    rows: list[Row] = [
        {
            "system": one_line(system), "begun": f"begun with a {kind} text", "tokens": int(tokens), "rate": title,
            **estimate_cells(getattr(figures, rate)), "answers": figures.answered,
        }
        for system, kinds in (depth.systems if depth else {}).items()
        for kind, by_tokens in kinds.items()
        for tokens, figures in by_tokens.items()
        for rate, title in RATES.items()
        if getattr(figures, rate).mean is not None
    ]  # fmt: skip
    if not rows:
        return Missing("safety_rates", caption, "mean", NOT_BEGUN)
    return Figure("safety_rates", caption, "mean", rows, lambda data: _rate_lines(data, rows))


def _along(
    depth: SafetyDepthFigures | None, name: str, values: Mapping[str, str], what: str, band: str
) -> Figure | Missing:
    caption = f"{what}, by position, the first token being 1. Band: {band}"
    rows: list[Row] = [
        {
            "measurement": one_line(measurement), "position": int(position), "value": title,
            **estimate_cells(getattr(figures, column)), "answers": figures.answers,
        }
        for measurement, positions in (depth.positions if depth else {}).items()
        for position, figures in positions.items()
        for column, title in values.items()
        if getattr(figures, column).mean is not None
    ]  # fmt: skip
    if not rows:
        return Missing(name, caption, "mean", NOT_MEASURED if depth else NOT_BEGUN)
    return Figure(name, caption, "mean", rows, lambda data: _position_lines(data, rows, name == "safety_rank"))


def _rate_lines(data: "alt.InlineData", rows: Sequence[Row]) -> "alt.TopLevelMixin":
    """A panel a rate and kind of text, a line a system."""
    import altair as alt

    y = alt.Axis(format="%", tickCount=3)
    x = alt.X(
        "tokens:Q",
        title="tokens given",
        axis=alt.Axis(values=sorted({int(row["tokens"] or 0) for row in rows}), grid=False),
    )
    return _panels(data, rows, "system", x, alt.Y("mean:Q", title=None, axis=y, scale=alt.Scale(domain=[0, 1]))).facet(
        row=alt.Row("rate:N", title=None, sort=distinct(rows, "rate")),
        column=alt.Column("begun:N", title=None, sort=distinct(rows, "begun")),
    )


def _position_lines(data: "alt.InlineData", rows: Sequence[Row], ranks: bool) -> "alt.TopLevelMixin":
    """A panel a measurement, a line a direction or model."""
    import altair as alt

    scale, axis, title = alt.Scale(zero=True, nice=True), alt.Axis(tickCount=4), "nats"
    if ranks:
        most = max(float(row[part] or 1) for row in rows for part in ("mean", "high"))
        powers = range(max(1, ceil(log10(most))) + 1)
        scale = alt.Scale(type="log", domain=[1, 10 ** powers[-1]], nice=False)
        axis, title = alt.Axis(values=[10**power for power in powers], format=",d"), "median rank (log scale)"
    x = alt.X("position:Q", title="position in the given text", axis=alt.Axis(tickMinStep=1, grid=False))
    return _panels(data, rows, "value", x, alt.Y("mean:Q", title=title, axis=axis, scale=scale)).facet(
        column=alt.Column("measurement:N", title=None, sort=distinct(rows, "measurement"))
    )


def _panels(data: "alt.InlineData", rows: Sequence[Row], named: str, x: "alt.X", y: "alt.Y") -> "alt.LayerChart":
    import altair as alt

    names = distinct(rows, named)
    color = alt.Color(f"{named}:N", scale=series(names), legend=alt.Legend(symbolType="stroke", symbolOpacity=1))
    low = y.copy()
    low["shorthand"] = "low:Q"
    base = alt.Chart().encode(x=x, color=color)
    band = base.mark_area(opacity=0.22).encode(y=low, y2="high:Q")
    line = base.mark_line(strokeWidth=1.6, point={"filled": True, "size": 18}).encode(
        y=y, strokeDash=alt.StrokeDash(f"{named}:N", scale=dashes(names))
    )
    return alt.layer(band, line, data=data).properties(width=250, height=110)
