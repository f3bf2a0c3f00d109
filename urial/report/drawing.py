"""What all charts share: their style, their colors, and SVG whose bytes depend on the figures alone.

Text stays text and takes the page's color (``currentColor``), so that a chart can be put into a dark page; the
group ``background`` is the white ground of a chart that stands alone.
"""

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from urial.core.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.patches import Patch

# Paul Tol's schemes high-contrast and bright: told apart with every common color blindness.
SERIES_COLORS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")
LINE_STYLES = ("-", "--", ":", "-.")
# Stands for the page's text color until the SVG is written.
INK = "#010203"

_STYLE: dict[str, object] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "urial",
    "text.parse_math": False,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


def as_svg(size: tuple[float, float], draw: Callable[["Axes"], None]) -> bytes:
    """The bytes of a chart; ``size`` is width and height in inches. The user's matplotlibrc changes nothing."""
    import matplotlib.style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.style.context(_STYLE, after_reset=True):
        figure = Figure(figsize=size, facecolor="white", layout="constrained")
        figure.patch.set_gid("background")
        draw(figure.add_subplot())
        stream = io.BytesIO()
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(stream, metadata=metadata)
    return stream.getvalue().replace(INK.encode(), b"currentColor")


def legend(axes: "Axes", handles: Sequence["Patch"] | None = None) -> None:
    """Names of the series above the chart."""
    where = {"loc": "lower left", "bbox_to_anchor": (0, 1.1), "borderaxespad": 0, "handlelength": 2}
    count = len(handles or axes.get_lines())
    if count:
        chosen = {} if handles is None else {"handles": handles}
        axes.legend(ncols=min(4, count), **where, **chosen)


def swatch(color: str, name: str) -> "Patch":
    """A legend's entry for a filled area."""
    from matplotlib.patches import Patch

    return Patch(color=color, label=one_line(name))


def grid(axes: "Axes", axis: Literal["x", "y"] = "y") -> None:
    """Faint lines behind the figures."""
    axes.set_axisbelow(True)
    axes.grid(axis=axis, color=INK, alpha=0.15, linewidth=0.6)


def series_color(index: int) -> str:
    """The color of a series."""
    return SERIES_COLORS[index % len(SERIES_COLORS)]
