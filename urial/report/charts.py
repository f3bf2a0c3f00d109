"""The report's charts as SVG: the same figures give the same bytes.

Text stays text and takes the page's colour (``currentColor``), so that a chart can be put into a dark page; the
group ``background`` is the white ground of a chart that stands alone.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urial.figures import Estimate, Report
from urial.records import ASPECTS
from urial.report.tables import Table
from urial.report.text import one_line
from urial.store import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Paul Tol's schemes high-contrast and bright: told apart with every common colour blindness.
# Each with the colour of text on it.
CATEGORY_COLOURS = {
    "unshifted": ("#004488", "white"),
    "marginal": ("#DDAA33", "black"),
    "shifted": ("#BB5566", "white"),
}
SERIES_COLOURS = ("#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377", "#BBBBBB")
LINE_STYLES = ("-", "--", ":", "-.")
# Stands for the page's text colour until the SVG is written.
INK = "#010203"

CURVES = {
    "kl": "KL(aligned ‖ base), nats",
    "shifted": "shifted tokens, %",
    "base_rank": "mean base rank (log scale)",
    "base_probability": "mean base probability",
}

_STYLE: dict[str, Any] = {
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


def write_charts(report: Report, curve: Table, folder: Path) -> dict[str, bytes]:
    """Write every chart to ``folder``/NAME.svg; the same charts by name."""
    charts = {
        "scores": score_chart(report),
        "categories": category_chart(report),
        **curve_charts(curve, report.confidence),
    }
    for name, svg in charts.items():
        write_bytes(folder / f"{name}.svg", svg)
    return charts


def category_chart(report: Report) -> bytes:
    """Share of unshifted, marginal and shifted tokens, one stacked bar a base context."""
    contexts = list(report.token_shift.items())

    def draw(axes: "Axes") -> None:
        for row, (_, figures) in enumerate(contexts):
            shares = {name: getattr(figures, name).mean for name in CATEGORY_COLOURS}
            _stack(axes, row, shares)
        axes.set_yticks(range(len(contexts)), [one_line(name) for name, _ in contexts])
        axes.set(xlim=(0, 100), ylim=(len(contexts) - 0.5, -0.5), xlabel="tokens of the aligned answers, %")
        axes.tick_params(axis="y", length=0)
        _legend(axes, [_swatch(colour, name) for name, (colour, _) in CATEGORY_COLOURS.items()])

    return _svg((7.2, 1.5 + 0.55 * max(1, len(contexts))), draw)


def curve_charts(table: Table, confidence: float) -> dict[str, bytes]:
    """``curve_MEASURE`` -> mean over the answers that reach a position, with the interval as a band."""
    note = f"line: mean over answers; band: {confidence * 100:g} % interval"
    return {f"curve_{measure}": _curve(table, measure, (label, note)) for measure, label in CURVES.items()}


def score_chart(report: Report) -> bytes:
    """Mean score by aspect, one bar a system with its interval; a missing mean has no bar."""
    systems = list(report.systems.items())
    width = 0.8 / max(1, len(systems))

    def draw(axes: "Axes") -> None:
        for index, (_, figures) in enumerate(systems):
            offset = (index - (len(systems) - 1) / 2) * width
            for place, aspect in enumerate(ASPECTS):
                _score_bar(axes, (place + offset, width * 0.9), getattr(figures, aspect), _colour(index))
        axes.set_xticks(range(len(ASPECTS)), ASPECTS)
        # From zero, so that the lowest score still has a bar and only a missing one has none.
        axes.set(xlim=(-0.5, len(ASPECTS) - 0.5), ylim=(0, 5), yticks=range(6), ylabel="mean score (1 to 5)")
        axes.set_title("no bar: no scored answer")
        axes.tick_params(axis="x", length=0)
        _grid(axes)
        _legend(axes, [_swatch(_colour(index), name) for index, (name, _) in enumerate(systems)])

    return _svg((7.2, 3.7), draw)


def _curve(table: Table, measure: str, labels: tuple[str, str]) -> bytes:
    scale = 100.0 if measure == "shifted" else 1.0
    first = table.columns.index(measure)
    contexts = list(dict.fromkeys(str(row[0]) for row in table.rows))

    def draw(axes: "Axes") -> None:
        for index, context in enumerate(contexts):
            rows = [row for row in table.rows if row[0] == context]
            values = [_scaled([row[first + part] for row in rows], scale) for part in range(3)]
            _line(axes, [int(str(row[1])) for row in rows], values, (index, context))
        if measure == "base_rank":
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            # Two powers of ten at least, or the axis would have a single number.
            axes.set_ylim(1, max(10, axes.get_ylim()[1]))
        elif contexts:
            axes.set_ylim(bottom=0)
        axes.set(xlabel="position in the aligned answer, tokens", ylabel=labels[0])
        axes.set_title(labels[1])
        _grid(axes)
        if contexts:
            _legend(axes)
        else:
            axes.set(xticks=[], yticks=[])
            axes.minorticks_off()
            axes.text(0.5, 0.5, "too few measured answers to draw", ha="center", transform=axes.transAxes)

    return _svg((5.2, 3.2), draw)


def _line(axes: "Axes", positions: list[int], values: list[list[float]], series: tuple[int, str]) -> None:
    """``values``: mean, low, high by position; NaN where there is none."""
    index, name = series
    style = LINE_STYLES[index % len(LINE_STYLES)]
    marker = "o" if len(positions) < 3 else ""
    axes.fill_between(positions, values[1], values[2], color=_colour(index), alpha=0.2, linewidth=0)
    axes.plot(positions, values[0], style, color=_colour(index), marker=marker, markersize=3, label=one_line(name))


def _score_bar(axes: "Axes", place: tuple[float, float], score: Estimate, colour: str) -> None:
    if score.mean is None:
        return
    axes.bar(place[0], score.mean, place[1], color=colour)
    if score.low is not None and score.high is not None:
        axes.vlines(place[0], score.low, score.high, color=INK, linewidth=1)


def _stack(axes: "Axes", row: int, shares: dict[str, float | None]) -> None:
    left = 0.0
    for name, share in shares.items():
        if share is None:
            axes.text(1, row, "no measured answers", va="center")
            return
        colour, text = CATEGORY_COLOURS[name]
        axes.barh(row, share * 100, 0.62, left=left, color=colour)
        if share >= 0.06:
            axes.text(left + share * 50, row, f"{share * 100:.1f}", color=text, ha="center", va="center")
        left += share * 100


def _legend(axes: "Axes", handles: Sequence[Any] | None = None) -> None:
    where = {"loc": "lower left", "bbox_to_anchor": (0, 1.1), "borderaxespad": 0, "handlelength": 2}
    count = len(handles or axes.get_lines())
    if count:
        chosen = {} if handles is None else {"handles": handles}
        axes.legend(ncols=min(4, count), **where, **chosen)


def _swatch(colour: str, name: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=colour, label=one_line(name))


def _grid(axes: "Axes") -> None:
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=INK, alpha=0.15, linewidth=0.6)


def _colour(index: int) -> str:
    return SERIES_COLOURS[index % len(SERIES_COLOURS)]


def _scaled(values: Sequence[object], scale: float) -> list[float]:
    """NaN for a missing value: matplotlib leaves a gap there."""
    return [value * scale if isinstance(value, (int, float)) else float("nan") for value in values]


def _svg(size: tuple[float, float], draw: Callable[["Axes"], None]) -> bytes:
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
