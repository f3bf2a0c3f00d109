"""The report's charts as SVG: the same figures give the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from urial.core.store import write_bytes
from urial.core.tables import Table
from urial.core.text import one_line
from urial.records.judgment import ASPECTS
from urial.records.report import Estimate, Report
from urial.records.token_shift import LABELS
from urial.report.drawing import INK, LINE_STYLES, as_svg, grid, legend, series_color, swatch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Paul Tol's scheme high-contrast; each with the color of text on it.
CATEGORY_COLORS = {
    "unshifted": ("#004488", "white"),
    "marginal": ("#DDAA33", "black"),
    "shifted": ("#BB5566", "white"),
}
CURVES = {
    "kl": "KL(aligned ‖ base), nats",
    "shifted": "shifted tokens, %",
    "base_rank": "mean base rank (log scale)",
    "base_probability": "mean base probability",
}
# Of the tenths of the answers: those that can be read at ten points.
RELATIVE_CURVES = {measure: CURVES[measure] for measure in ("kl", "shifted")}


def write_charts(report: Report, curves: Sequence[Table], folder: Path) -> dict[str, bytes]:
    """Write every chart to ``folder``/NAME.svg; the same charts by name. ``curves``: by position, and by tenth."""
    charts = all_charts(report, curves)
    for name, svg in charts.items():
        write_bytes(folder / f"{name}.svg", svg)
    return charts


def all_charts(report: Report, curves: Sequence[Table]) -> dict[str, bytes]:
    """Every chart by name, from the tables by position and by tenth of the answer."""
    kinds = (
        ("curve", curves[0], CURVES, "position in the aligned answer, tokens", "answers"),
        ("tenth", curves[1], RELATIVE_CURVES, "tenth of the aligned answer", "tokens"),
    )
    return {
        "scores": score_chart(report),
        "categories": category_chart(report),
        "labels": label_chart(report),
        **{
            f"{kind}_{measure}": _curve(
                table, measure, (where, label, f"line: mean over {unit}; band: {report.confidence * 100:g} % interval")
            )
            for kind, table, measures, where, unit in kinds
            for measure, label in measures.items()
        },
    }


def category_chart(report: Report) -> bytes:
    """Share of unshifted, marginal and shifted tokens, one stacked bar a base context."""
    contexts = list(report.token_shift.items())

    def draw(axes: "Axes") -> None:
        for row, (_, figures) in enumerate(contexts):
            shares = {name: getattr(figures, name).mean for name in CATEGORY_COLORS}
            _stack(axes, row, shares)
        axes.set_yticks(range(len(contexts)), [one_line(name) for name, _ in contexts])
        axes.set(xlim=(0, 100), ylim=(len(contexts) - 0.5, -0.5), xlabel="tokens of the aligned answers, %")
        axes.tick_params(axis="y", length=0)
        legend(axes, [swatch(color, name) for name, (color, _) in CATEGORY_COLORS.items()])

    return as_svg((7.2, 1.5 + 0.55 * max(1, len(contexts))), draw)


def label_chart(report: Report) -> bytes:
    """What the shifted tokens are: each label's share of them, one bar a base context with its interval."""
    contexts = list(report.token_shift.items())
    labels = [label for label in LABELS if any(figures.labels[label].positions for _, figures in contexts)]

    def draw(axes: "Axes") -> None:
        _bars(axes, [[figures.labels[label].share_of_shifted for label in labels] for _, figures in contexts], "y", 100)
        axes.set_yticks(range(len(labels)), [label.replace("_", " ") for label in labels])
        axes.set(ylim=(max(1, len(labels)) - 0.5, -0.5), xlabel="share of all shifted tokens, %")
        axes.set_title(f"line on a bar: {report.confidence * 100:g} % interval")
        axes.set_xlim(left=0)
        axes.tick_params(axis="y", length=0)
        grid(axes, "x")
        if labels:
            legend(axes, [swatch(series_color(index), name) for index, (name, _) in enumerate(contexts)])
        else:
            axes.set(xticks=[])
            axes.text(0.5, 0.5, "no measured answers", ha="center", transform=axes.transAxes)

    return as_svg((7.2, 1.6 + (0.16 + 0.13 * len(contexts)) * max(2, len(labels))), draw)


def score_chart(report: Report) -> bytes:
    """Mean score by aspect, one bar a system with its interval; a missing mean has no bar."""

    def draw(axes: "Axes") -> None:
        _bars(axes, [[system.aspects[aspect] for aspect in ASPECTS] for system in report.systems.values()], "x")
        axes.set_xticks(range(len(ASPECTS)), ASPECTS)
        # From zero, so that the lowest score still has a bar and only a missing one has none.
        axes.set(xlim=(-0.5, len(ASPECTS) - 0.5), ylim=(0, 5), yticks=range(6), ylabel="mean score (1 to 5)")
        axes.set_title("no bar: no scored answer")
        axes.tick_params(axis="x", length=0)
        grid(axes)
        legend(axes, [swatch(series_color(index), name) for index, name in enumerate(report.systems)])

    return as_svg((7.2, 3.7), draw)


def _bars(axes: "Axes", series: Sequence[Sequence[Estimate]], along: Literal["x", "y"], scale: float = 1) -> None:
    """A group of bars at each place of the axis ``along``, one bar a series, with its interval as a line."""
    bar, line = (axes.bar, axes.vlines) if along == "x" else (axes.barh, axes.hlines)
    width = 0.8 / max(1, len(series))
    for index, estimates in enumerate(series):
        offset = (index - (len(series) - 1) / 2) * width
        for place, estimate in enumerate(estimates):
            if estimate.mean is None:
                continue
            bar(place + offset, estimate.mean * scale, width * 0.9, color=series_color(index))
            if estimate.low is not None and estimate.high is not None:
                line(place + offset, estimate.low * scale, estimate.high * scale, color=INK, linewidth=1)


def _curve(table: Table, measure: str, labels: tuple[str, str, str]) -> bytes:
    """One measure of a table of curves; ``labels`` are of the axes, and the title."""
    scale = 100.0 if measure == "shifted" else 1.0
    first = table.columns.index(measure)
    contexts = list(dict.fromkeys(str(row[0]) for row in table.rows))
    known = any(row[first] is not None for row in table.rows)

    def draw(axes: "Axes") -> None:
        for index, context in enumerate(contexts if known else ()):
            rows = [row for row in table.rows if row[0] == context]
            values = [_scaled([row[first + part] for row in rows], scale) for part in range(3)]
            _line(axes, [int(str(row[1])) for row in rows], values, (index, context))
        if measure == "base_rank":
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            # Two powers of ten at least, or the axis would have a single number.
            axes.set_ylim(1, max(10, axes.get_ylim()[1]))
        elif known:
            axes.set_ylim(bottom=0)
        axes.set(xlabel=labels[0], ylabel=labels[1])
        axes.set_title(labels[2])
        grid(axes)
        if known:
            legend(axes)
        else:
            axes.set(xticks=[], yticks=[])
            axes.minorticks_off()
            why = "not known of any token" if contexts else "too few measured answers to draw"
            axes.text(0.5, 0.5, why, ha="center", transform=axes.transAxes)

    return as_svg((5.2, 3.2), draw)


def _line(axes: "Axes", positions: list[int], values: list[list[float]], series: tuple[int, str]) -> None:
    """``values``: mean, low, high by position; NaN where there is none."""
    index, name = series
    style = LINE_STYLES[index % len(LINE_STYLES)]
    marker = "o" if len(positions) < 3 else ""
    axes.fill_between(positions, values[1], values[2], color=series_color(index), alpha=0.2, linewidth=0)
    axes.plot(positions, values[0], style, color=series_color(index), marker=marker, markersize=3, label=one_line(name))


def _stack(axes: "Axes", row: int, shares: dict[str, float | None]) -> None:
    left = 0.0
    for name, share in shares.items():
        if share is None:
            axes.text(1, row, "no measured answers", va="center")
            return
        color, text = CATEGORY_COLORS[name]
        axes.barh(row, share * 100, 0.62, left=left, color=color)
        if share >= 0.06:
            axes.text(left + share * 50, row, f"{share * 100:.1f}", color=text, ha="center", va="center")
        left += share * 100


def _scaled(values: Sequence[object], scale: float) -> list[float]:
    """NaN for a missing value: matplotlib leaves a gap there."""
    return [value * scale if isinstance(value, (int, float)) else float("nan") for value in values]
