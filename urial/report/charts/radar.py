"""Radar charts, which Vega-Lite has no mark for: lines whose places are calculated from the scores."""

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from urial.report.charts.figure import Row, distinct
from urial.report.charts.style import INK, SERIES_COLORS, limit

if TYPE_CHECKING:
    import altair as alt

# Of the name of a spoke, where any is long.
SPOKE_PIXELS = 90


def radar(data: "alt.InlineData", rows: Sequence[Row], spoke: str, panel: str, highest: int) -> "alt.TopLevelMixin":
    """A polygon a panel over the spokes, and dashed in each the polygon of the first."""
    import altair as alt

    spokes, panels = distinct(rows, spoke), distinct(rows, panel)
    first = [row for row in rows if row[panel] == panels[0]]
    place = {
        "angle": f"indexof({json.dumps(spokes)}, datum['{spoke}']) * {2 * math.pi / len(spokes)}",
        "x": f"sin(datum.angle) * datum.mean / {highest}",
        "y": f"cos(datum.angle) * datum.mean / {highest}",
    }
    square = alt.Scale(domain=[-1.6, 1.6], nice=False)
    position = {
        "x": alt.X("x:Q", scale=square, axis=None),
        "y": alt.Y("y:Q", scale=square, axis=None),
        "order": alt.Order("angle:Q"),
    }
    closed = {"interpolate": "linear-closed"}
    web = alt.Chart(alt.InlineData(values=_web(spoke, spokes, highest), name="web")).transform_calculate(**place)
    ring = web.mark_line(color=INK, opacity=0.25, strokeWidth=0.6, **closed).encode(detail="mean:Q", **position)
    names = (
        web.transform_filter(f"datum.mean == {highest}")
        .transform_calculate(x="datum.x * 1.38", y="datum.y * 1.16")
        .mark_text(fontSize=9, limit=SPOKE_PIXELS if limit(spokes) else alt.Undefined)
        .encode(text=f"{spoke}:N", x=position["x"], y=position["y"])
    )
    outline = (
        alt.Chart(alt.InlineData(values=list(first), name="first"))
        .transform_calculate(**place)
        .mark_line(color=INK, strokeDash=[3, 2], strokeWidth=1, opacity=0.8, **closed)
        .encode(**position)
    )
    own = alt.Chart().transform_calculate(**place)
    polygon = own.mark_line(
        color=SERIES_COLORS[0], fill=SERIES_COLORS[0], fillOpacity=0.25, strokeWidth=1.5, **closed
    ).encode(**position)
    return (
        alt.layer(ring, names, polygon, outline)
        .properties(width=150, height=140)
        .facet(
            alt.Facet(f"{panel}:N", sort=panels, title=None, header=alt.Header(labelLimit=limit(panels))),
            data=data,
            columns=4,
            spacing=6,
        )
    )


def _web(spoke: str, spokes: Sequence[str], highest: int) -> list[Row]:
    """The corners of the rings."""
    return [{spoke: name, "mean": ring} for ring in range(1, highest + 1) for name in spokes]
