"""How charts look, and how they become SVG whose bytes depend on the figures alone.

Text stays text and takes the page's color (``currentColor``), so that a chart can be put into a dark page; the
group ``background`` is the white ground of a chart that stands alone.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from urial.core.text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Paul Tol's schemes bright and high-contrast: told apart with every common color blindness.
SERIES_COLORS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")
LINE_STYLES = ("-", "--", ":", "-.")
# Of areas beyond the seven colors.
HATCHES = ("", "//", "..", "xx")
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


def as_svg(size: tuple[float, float], *panels: Callable[["Axes"], None], below: str | None = None) -> bytes:
    """The bytes of a chart of panels side by side, which have their rows in common; ``below`` stands under all of them.

    ``size`` is width and height in inches. The user's matplotlibrc changes nothing.
    """
    import matplotlib.style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.style.context(_STYLE, after_reset=True):
        figure = Figure(figsize=size, facecolor="white", layout="constrained")
        figure.patch.set_gid("background")
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)
        for draw, panel in zip(panels, axes[0], strict=True):
            draw(panel)
        if below:
            figure.supxlabel(below, fontsize=10)
        stream = io.BytesIO()
        metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        FigureCanvasSVG(figure).print_svg(stream, metadata=metadata)
    return stream.getvalue().replace(INK.encode(), b"currentColor")


def legend(axes: "Axes", areas: Sequence[tuple[Mapping[str, Any], str]] = ()) -> None:
    """Names of the series above the chart: of filled areas by how they are filled and name, else of its lines."""
    from matplotlib.patches import Patch

    handles = [Patch(**filled, label=one_line(name)) for filled, name in areas] or axes.get_lines()
    if handles:
        axes.legend(
            handles=handles,
            ncols=min(4, len(handles)),
            loc="lower left",
            bbox_to_anchor=(0, 1.1),
            borderaxespad=0,
            handlelength=2,
        )


def grid(axes: "Axes", axis: Literal["x", "y", "both"] = "y") -> None:
    """Faint lines behind the figures."""
    axes.set_axisbelow(True)
    axes.grid(axis=axis, color=INK, alpha=0.15, linewidth=0.6)


def series_color(index: int) -> str:
    """The color of a series; from the eighth on, one that another has, too."""
    return SERIES_COLORS[index % len(SERIES_COLORS)]


def fill(index: int) -> dict[str, Any]:
    """How the areas of a series are filled: no two series alike."""
    hatch = HATCHES[index // len(SERIES_COLORS) % len(HATCHES)]
    return {"facecolor": series_color(index), "edgecolor": INK if hatch else series_color(index), "hatch": hatch}
