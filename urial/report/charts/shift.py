"""Figures of the token distribution shift that are made of report.json: categories, labels and kinds."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from urial.core.text import one_line
from urial.records.report import Report
from urial.records.shift_figures import KindFigures
from urial.records.token_shift import LABELS
from urial.report.charts.figure import Figure, Missing, Row, distinct, estimate_cells
from urial.report.charts.style import CATEGORY_COLORS, INK, STEP, named_rows, series, shapes

if TYPE_CHECKING:
    import altair as alt

NOT_MEASURED = "token shift was not measured in this run"
NO_ANSWERS = "no measured answers"
SHARES = {"share_of_shifted": "share of all shifted tokens", "shifted": "shifted share of these tokens"}


def category_figure(report: Report) -> Figure | Missing:
    """Share of unshifted, marginal and shifted tokens, one stacked bar a base context."""
    caption = "Share of unshifted, marginal and shifted tokens of the answers under each base context."
    if not report.token_shift:
        return Missing("categories", caption, "mean", NOT_MEASURED)
    rows = [
        {
            "context": one_line(name),
            "category": category,
            **estimate_cells(getattr(shift, category)),
            "positions": shift.positions,
        }
        for name, shift in report.token_shift.items()
        for category in CATEGORY_COLORS
    ]
    if all(row["mean"] is None for row in rows):
        return Missing("categories", caption, "mean", NO_ANSWERS)

    contexts = distinct(rows, "context")
    return Figure("categories", caption, "mean", rows, lambda data: share_bars(data, contexts))


def share_bars(data: "alt.InlineData", contexts: Sequence[str]) -> "alt.LayerChart":
    """A stacked bar a row, with the larger shares in figures."""
    import altair as alt

    names = list(CATEGORY_COLORS)
    colors, inks = ([CATEGORY_COLORS[name][part] for name in names] for part in (0, 1))
    axis = alt.Axis(format="%", grid=False)
    x = alt.X("mean:Q", stack="zero", title="tokens of the answers", scale=alt.Scale(domain=[0, 1]), axis=axis)
    base = alt.Chart(data).transform_calculate(place=f"indexof({names}, datum.category)")
    base = base.encode(y=named_rows("context", contexts), x=x, order=alt.Order("place:Q"))
    bars = base.mark_bar(stroke=INK, strokeWidth=0.4, height=20).encode(
        color=alt.Color("category:N", scale=alt.Scale(domain=names, range=colors))
    )
    shares = (
        base.transform_calculate(shown="datum.mean < 0.06 ? '' : format(datum.mean, '.1%')")
        .mark_text(fontSize=11)
        .encode(
            x=alt.X("mean:Q", stack="zero", bandPosition=0.5),
            text="shown:N",
            color=alt.Color("category:N", scale=alt.Scale(domain=names, range=inks), legend=None),
        )
    )
    return alt.layer(bars, shares).resolve_scale(color="independent").properties(width=480, height=alt.Step(28))


def label_figure(report: Report) -> Figure | Missing:
    """What the shifted tokens are, and which tokens are shifted, by the rules of the lexicon."""
    found = {name: {label: shift.labels[label] for label in LABELS} for name, shift in report.token_shift.items()}
    known = {label for kinds in found.values() for label, kind in kinds.items() if kind.positions}
    shown: dict[str, dict[str, KindFigures]] = {
        name: {label: kinds[label] for label in LABELS if label in known} for name, kinds in found.items()
    }
    caption = "What the shifted tokens are, by the rules of the lexicon: each label's share of all shifted tokens, and how much of the label is shifted."
    return _kinds(report, "labels", caption, shown)


def kind_figure(report: Report) -> Figure | Missing:
    """The same of style and knowledge, where the truth is known."""
    kinds = {
        name: {kind: known for kind in ("style", "knowledge") if (known := getattr(shift, kind)) is not None}
        for name, shift in report.token_shift.items()
    }
    caption = "How much of the shifted tokens is style, and how much knowledge, where it is known which is which."
    if report.token_shift and not any(kinds.values()):
        return Missing(
            "kinds", caption, "mean", "which tokens are style and which knowledge is known of the micro-world alone"
        )
    return _kinds(report, "kinds", caption, kinds)


def _kinds(report: Report, name: str, caption: str, found: Mapping[str, Mapping[str, KindFigures]]) -> Figure | Missing:
    """Dots with intervals: a row a kind of tokens, a panel a share, a dot a base context."""
    caption = f"{caption} The line through a dot is its {report.confidence * 100:g} % interval."
    if not report.token_shift:
        return Missing(name, caption, "mean", NOT_MEASURED)
    rows = [
        {
            "context": one_line(context),
            "kind": kind.replace("_", " "),
            "share": title,
            **estimate_cells(getattr(figures, share)),
            "positions": figures.positions,
        }
        for share, title in SHARES.items()
        for context, kinds in found.items()
        for kind, figures in kinds.items()
    ]
    if not any(row["mean"] is not None for row in rows):
        return Missing(name, caption, "mean", NO_ANSWERS)
    return Figure(name, caption, "mean", rows, lambda data: _kind_dots(data, rows))


def _kind_dots(data: "alt.InlineData", rows: Sequence[Row]) -> "alt.TopLevelMixin":
    import altair as alt

    contexts, kinds = distinct(rows, "context"), distinct(rows, "kind")
    scale, axis = alt.Scale(domainMin=0, nice=True), alt.Axis(format="%", tickCount=5)
    offset = alt.YOffset("context:N", scale=alt.Scale(domain=contexts))
    base = alt.Chart(data).encode(
        y=named_rows("kind", kinds), yOffset=offset, color=alt.Color("context:N", scale=series(contexts))
    )
    line = base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", title=None, scale=scale, axis=axis), x2="high:Q")
    dot = base.mark_point(filled=True, size=40, opacity=1).encode(
        x=alt.X("mean:Q", title=None, scale=scale, axis=axis), shape=alt.Shape("context:N", scale=shapes(contexts))
    )
    height = max(STEP, 9 * len(contexts) + 6)
    return (
        alt.layer(line, dot)
        .properties(width=240, height=height * len(kinds))
        .facet(column=alt.Column("share:N", sort=list(SHARES.values()), title=None))
        .resolve_scale(x="independent")
    )
