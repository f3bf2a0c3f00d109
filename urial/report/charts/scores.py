"""Figures of scores and lengths by system."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from urial.core.text import one_line
from urial.records.judgment import SCALE
from urial.records.report import Report
from urial.report.charts.figure import Figure, Missing, Row, distinct, estimate_cells
from urial.report.charts.radar import radar
from urial.report.charts.style import SERIES_COLORS, STEP, named_rows
from urial.statistics.tables import scale_text, shown_aspects

if TYPE_CHECKING:
    import altair as alt

NOT_JUDGED = "the answers of this run are not judged"
NOT_SCORED = "no answer has a score"


def score_figure(report: Report) -> Figure | Missing:
    """Mean score by aspect: a panel an aspect, a row a system, a dot with its interval; a missing mean has none."""
    figures = [system.aspects for system in report.systems.values()]
    caption = (
        f"Mean score by aspect and system ({scale_text(figures).replace('-', ' to ')}). The line through a dot is its "
        f"{report.confidence * 100:g} % interval; a system without a dot has no scored answer."
    )
    if report.judge is None:
        return Missing("scores", caption, "mean", NOT_JUDGED)
    aspects, _ = shown_aspects(figures)
    rows = _score_rows(report, aspects)
    if all(row["mean"] is None for row in rows):
        return Missing("scores", caption, "mean", NOT_SCORED)
    highest = _highest(report)

    def draw(data: "alt.InlineData") -> "alt.TopLevelMixin":
        import altair as alt

        column = alt.Column("aspect:N", sort=list(aspects), title=None)
        return score_dots(data, distinct(rows, "system"), highest).facet(column=column, spacing=14)

    return Figure("scores", caption, "mean", rows, draw)


def word_figure(report: Report) -> Figure | Missing:
    """Mean length of the answers, a dot a system with its interval."""
    rows: list[Row] = [
        {"system": one_line(name), **estimate_cells(system.words)} for name, system in report.systems.items()
    ]

    def draw(data: "alt.InlineData") -> "alt.TopLevelMixin":
        import altair as alt

        systems = distinct(rows, "system")
        panel = _dots(data, systems, "mean words an answer", alt.Scale(zero=True, nice=True), alt.Axis(tickCount=6))
        return panel.properties(width=420, height=alt.Step(STEP))

    caption = (
        "Mean length of the answers to regular instructions by system, in words. The line through a dot is its "
        f"{report.confidence * 100:g} % interval; no dot: no answer to a regular instruction."
    )
    if all(row["mean"] is None for row in rows):
        return Missing("words", caption, "mean", "no answer to a regular instruction")
    return Figure("words", caption, "mean", rows, draw)


def score_dots(data: "alt.InlineData", systems: Sequence[str], highest: int, **more: Any) -> "alt.LayerChart":
    """The panel of one aspect; ``more``: a color of their own, and what else the dots show, as encodings."""
    import altair as alt

    axis = alt.Axis(values=list(range(1, highest + 1)), format="d")
    panel = _dots(data, systems, "mean score", alt.Scale(domain=[1, highest]), axis, **more)
    return panel.properties(width=78, height=alt.Step(STEP))


def _dots(
    data: "alt.InlineData", systems: Sequence[str], title: str, scale: "alt.Scale", axis: "alt.Axis", **more: Any
) -> "alt.LayerChart":
    """A dot a system with its interval as a line."""
    import altair as alt

    color = more.pop("color", alt.value(SERIES_COLORS[0]))
    base = alt.Chart(data).encode(y=named_rows("system", systems), color=color)
    low, mean = (alt.X(f"{part}:Q", title=title, scale=scale, axis=axis) for part in ("low", "mean"))
    return alt.layer(
        base.mark_rule(strokeWidth=1.5).encode(x=low, x2="high:Q"),
        base.mark_point(size=30, filled=True, opacity=1).encode(x=mean, **more),
    )


def radar_figure(report: Report) -> Figure | Missing:
    """Mean score by aspect as a polygon, a panel a system; dashed behind each the first system of the run."""
    caption = (
        f"Mean score by aspect, a panel a system: the center is 0, the outer ring {_highest(report)}. Dashed: "
        f"{one_line(next(iter(report.systems), 'none'))}. An aspect without a score is left out of the polygon."
    )
    if report.judge is None:
        return Missing("radar", caption, "mean", NOT_JUDGED)
    aspects = shown_aspects([system.aspects for system in report.systems.values()])[0]
    if len(aspects) < 3:
        return Missing("radar", caption, "mean", "a radar needs three aspects or more")
    rows = [row for row in _score_rows(report, aspects) if row["mean"] is not None]
    if not rows:
        return Missing("radar", caption, "mean", NOT_SCORED)
    return Figure("radar", caption, "mean", rows, lambda data: radar(data, rows, "aspect", "system", _highest(report)))


def _score_rows(report: Report, aspects: Sequence[str]) -> list[Row]:
    """A row a system and aspect that it is judged on."""
    return [
        {
            "system": one_line(name), "aspect": aspect, **estimate_cells(judged), "scored": judged.scored,
            "total": judged.total,
        }
        for name, system in report.systems.items()
        for aspect, judged in system.aspects.items()
        if aspect in aspects
    ]  # fmt: skip


def _highest(report: Report) -> int:
    aspects = [judged for system in report.systems.values() for judged in system.aspects.values()]
    return max((judged.scale for judged in aspects), default=SCALE)
