"""Preferences: what became of every comparison, a bar a system and criterion."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from urial.core.text import one_line
from urial.records.report import Report
from urial.report.charts.figure import Figure, Missing, Row, distinct
from urial.report.charts.style import INK, named_rows

if TYPE_CHECKING:
    import altair as alt

# Count of report.json -> what it is called and its color, from the best for the system to what says nothing.
OUTCOMES = {
    "wins": ("win", "#4477AA"),
    "ties": ("tie", "#66CCEE"),
    "inconsistent": ("inconsistent", "#CCBB44"),
    "losses": ("lose", "#EE6677"),
    "invalid": ("no verdict", "#BBBBBB"),
    "no_completion": ("no answer", "#888888"),
    "no_baseline": ("no baseline", "#555555"),
}


def preference_figure(report: Report) -> Figure | Missing:
    """Win, tie, inconsistent and lose, and comparisons without a verdict where there are any."""
    baselines = sorted({compared.baseline for compared in report.preferences.values()})
    caption = (
        f"Preferences against {', '.join(map(one_line, baselines)) or 'a baseline'}: a win, tie or loss is the verdict of every order in "
        "which the two answers were shown; inconsistent: the orders disagree."
    )
    rows = [
        {
            "system": one_line(name), "baseline": one_line(compared.baseline), "criterion": criterion, "outcome": shown,
            "count": getattr(figures, outcome), "total": figures.total,
        }
        for name, compared in report.preferences.items()
        for criterion, figures in compared.criteria.items()
        for outcome, (shown, _) in OUTCOMES.items()
    ]  # fmt: skip
    if not any(row["count"] for row in rows):
        why = "no comparison in this run" if report.preferences else "this run compares no systems with a baseline"
        return Missing("preferences", caption, "count", why)
    return Figure("preferences", caption, "count", rows, lambda data: _bars(data, rows))


def _bars(data: "alt.InlineData", rows: Sequence[Row]) -> "alt.TopLevelMixin":
    import altair as alt

    seen = {row["outcome"] for row in rows if row["count"]}
    shown = [name for name, _ in OUTCOMES.values()]
    # What happened to no comparison needs no place in the legend; the four verdicts have theirs always.
    known = [name for index, name in enumerate(shown) if index < 4 or name in seen]
    colors = [color for name, color in OUTCOMES.values() if name in known]
    base = (
        alt.Chart(data)
        .transform_calculate(place=f"indexof({shown}, datum.outcome)")
        .encode(
            y=named_rows("system", distinct(rows, "system")),
            x=alt.X("count:Q", stack="normalize", title="comparisons", axis=alt.Axis(format="%", grid=False)),
            order=alt.Order("place:Q"),
        )
    )
    bars = base.mark_bar(stroke=INK, strokeWidth=0.4, height=18).encode(
        color=alt.Color("outcome:N", scale=alt.Scale(domain=known, range=colors))
    )
    counts = (
        base.mark_text(fontSize=10, color="black")
        .encode(x=alt.X("count:Q", stack="normalize", bandPosition=0.5), text="shown:N")
        .transform_calculate(shown="datum.count / datum.total < 0.05 ? '' : format(datum.count, 'd')")
    )
    criteria = distinct(rows, "criterion")
    columns = min(2, len(criteria))
    panel = alt.layer(bars, counts).properties(width=460 // columns, height=alt.Step(22))
    header = alt.Header(labelAnchor="start", labelFontStyle="italic")
    return panel.facet(alt.Facet("criterion:N", title=None, sort=criteria, header=header), columns=columns, spacing=12)
