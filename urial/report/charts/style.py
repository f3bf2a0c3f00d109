"""How figures look, on paper, on a dark page and to a color-blind reader.

Text and lines have one color, INK, which becomes the page's own (``currentColor``) in an SVG. What tells two series apart is
never the color alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import altair as alt

# Stands for the color of the page's text until the SVG is written.
INK = "#010203"
# The font that vl-convert brings, and two of the same widths or of none.
FONT = "Liberation Sans, Arial, sans-serif"
# Paul Tol's schemes bright and high-contrast: told apart with every common color blindness.
SERIES_COLORS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")
# As many as have no divisor in common with the colors: 28 series are told apart.
DASHES = ((1, 0), (5, 3), (2, 2), (8, 2, 2, 2))
SHAPES = ("circle", "square", "triangle-up", "diamond")
# Each with the color of text on it.
CATEGORY_COLORS = {"unshifted": ("#004488", "white"), "marginal": ("#DDAA33", "black"), "shifted": ("#BB5566", "white")}
# Pixels of a row; characters of a name that is shown whole, and pixels of a longer one. Measuring a text takes long, so that no
# limit is named where all are short.
STEP, LONGEST, LONGEST_PIXELS = 19, 28, 190

CONFIG: dict[str, Any] = {
    "aria": False,
    "background": "white",
    "font": FONT,
    "padding": 4,
    "view": {"stroke": None},
    "text": {"color": INK, "fontSize": 11},
    "rule": {"color": INK},
    "title": {"color": INK, "fontSize": 12, "fontWeight": "normal", "anchor": "start", "limit": 700},
    "header": {
        "labelColor": INK, "labelFontSize": 11, "labelPadding": 4, "titleColor": INK,
        "titleFontWeight": "normal",
    },
    "axis": {
        "domainColor": INK, "gridColor": INK, "gridOpacity": 0.15, "labelColor": INK, "labelFontSize": 11, "labelLimit": 0,
        "tickColor": INK, "titleColor": INK, "titleFontSize": 11, "titleFontWeight": "normal", "titleLimit": 0,
    },
    "legend": {
        "labelColor": INK, "labelFontSize": 11, "labelLimit": LONGEST_PIXELS, "orient": "top", "symbolStrokeWidth": 2, "title": None,
        "titleColor": INK, "titleFontSize": 11, "titleFontWeight": "normal", "columns": 4, "symbolSize": 70,
    },
}  # fmt: skip


def series(names: Sequence[str]) -> "alt.Scale":
    """The colors of series by name."""
    import altair as alt

    return alt.Scale(domain=list(names), range=cycled(SERIES_COLORS, len(names)))


def dashes(names: Sequence[str]) -> "alt.Scale":
    """How the lines of series are drawn, likewise."""
    import altair as alt

    return alt.Scale(domain=list(names), range=[list(dash) for dash in cycled(DASHES, len(names))])


def shapes(names: Sequence[str]) -> "alt.Scale":
    """The dots of series, likewise."""
    import altair as alt

    return alt.Scale(domain=list(names), range=cycled(SHAPES, len(names)))


def cycled(values: Sequence[Any], count: int) -> list[Any]:
    """That many values, from the first again after the last."""
    return [values[index % len(values)] for index in range(count)]


def limit(names: Sequence[str]) -> int:
    """Pixels for the longest name; 0: as many as it has."""
    return LONGEST_PIXELS if max(map(len, names), default=0) > LONGEST else 0


def named_rows(column: str, names: Sequence[str]) -> "alt.Y":
    """The axis with a name a row, in the order of the run; each name has its row, also where nothing is known of it."""
    import altair as alt

    axis = alt.Axis(ticks=False, domain=False, grid=True, labelLimit=limit(names))
    return alt.Y(f"{column}:N", scale=alt.Scale(domain=list(names)), title=None, axis=axis)
