"""Scores by task and topic: a heat map over all systems, and a radar a system."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from urial.core.tables import Table
from urial.core.text import cut, one_line
from urial.records.instruction import TagKind
from urial.records.judgment import SCALE
from urial.records.report import Report
from urial.report.charts.figure import Figure, Missing, Row, distinct
from urial.report.charts.radar import radar
from urial.report.charts.scores import NOT_JUDGED
from urial.report.charts.style import INK, limit

if TYPE_CHECKING:
    import altair as alt

MEAN = "the mean of the aspects' mean scores"
# Characters of a tag.
LONGEST_TAG = 40


def tag_figures(report: Report, by_tag: Table | None) -> list[Figure | Missing]:
    """The heat map and both radars, from the table of scores by tag; None: nobody judged."""
    rows = [] if by_tag is None else _rows(by_tag)
    return [_heat_map(report, rows), _radar(report, rows, "task"), _radar(report, rows, "topic")]


def _rows(by_tag: Table) -> list[Row]:
    """A row a tag and system: the mean of its aspects' means; None where an aspect that others are scored on has none."""
    scores: dict[tuple[str, str, str], list[float | None]] = {}
    for kind, tag, system, _aspect, mean, *_ in by_tag.rows:
        key = str(kind), cut(one_line(str(tag)), LONGEST_TAG)[0], one_line(str(system))
        scores.setdefault(key, []).append(mean if isinstance(mean, float | int) else None)
    return [
        {
            "kind": kind, "tag": tag, "system": system, "aspects": len(means),
            "mean": None if None in means else sum(mean for mean in means if mean is not None) / len(means),
        }
        for (kind, tag, system), means in scores.items()
    ]  # fmt: skip


def _missing(report: Report, rows: Sequence[Row]) -> str | None:
    if report.judge is None:
        return NOT_JUDGED
    return None if any(row["mean"] is not None for row in rows) else "no tagged instruction has scored answers"


def _heat_map(report: Report, rows: Sequence[Row]) -> Figure | Missing:
    caption = f"Scores by task and topic: {MEAN}. An instruction counts under each of its tags."
    why = _missing(report, rows)
    if why:
        return Missing("tags", caption, "mean", why)

    def draw(data: "alt.InlineData") -> "alt.TopLevelMixin":
        import altair as alt

        systems = distinct(rows, "system")
        above = alt.Axis(
            orient="top", labelAngle=-35, labelLimit=120 if limit(systems) else 0, ticks=False, domain=False
        )
        x = alt.X("system:N", scale=alt.Scale(domain=systems), title=None, axis=above)
        y = alt.Y("tag:N", sort=distinct(rows, "tag"), title=None, axis=alt.Axis(ticks=False, domain=False))
        base = alt.Chart(data).encode(x=x, y=y)
        cells = base.mark_rect(stroke=INK, strokeWidth=0.3).encode(
            color=alt.Color("mean:Q", scale=alt.Scale(domain=[1, SCALE], scheme="blues"), legend=None)
        )
        texts = (
            base.mark_text(fontSize=10)
            .encode(
                text=alt.Text("shown:N"),
                color=alt.condition("datum.mean > 3.4", alt.value("white"), alt.value("black")),
            )
            .transform_calculate(shown="isValid(datum.mean) ? format(datum.mean, '.2f') : ''")
        )
        return (
            alt.layer(cells, texts)
            .properties(width=alt.Step(max(34, min(60, 560 // len(systems)))), height=alt.Step(20))
            .facet(row=alt.Row("kind:N", title=None, header=alt.Header(labelOrient="top", labelAnchor="start")))
            .resolve_scale(y="independent")
        )

    return Figure("tags", caption, "mean", rows, draw)


def _radar(report: Report, rows: Sequence[Row], kind: TagKind) -> Figure | Missing:
    name = f"radar_{kind}s"
    caption = (
        f"Scores by {kind}, a panel a system: {MEAN}; the center is 0, the outer ring {SCALE}. Dashed: "
        f"{one_line(next(iter(report.systems), 'none'))}."
    )
    of_kind = [row for row in rows if row["kind"] == kind and row["mean"] is not None]
    why = _missing(report, rows)
    if not why and len(distinct(of_kind, "tag")) < 3:
        why = f"a radar needs three {kind}s with scores or more"
    if why:
        return Missing(name, caption, "mean", why)
    return Figure(name, caption, "mean", of_kind, lambda data: radar(data, of_kind, "tag", "system", SCALE))
