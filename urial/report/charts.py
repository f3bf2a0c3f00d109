"""The report's charts: scores, categories, labels, and curves along the answer."""

from collections.abc import Callable, Sequence
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.store import write_bytes
from urial.core.tables import Table
from urial.core.text import one_line
from urial.records.estimate import Estimate
from urial.records.judgment import SCALE, Aspect
from urial.records.report import Report
from urial.records.token_shift import LABELS
from urial.report.drawing import INK, LINE_STYLES, SERIES_COLORS, as_svg, fill, grid, legend, series_color
from urial.statistics.tables import scale_text, shown_aspects

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Each with the color of text on it.
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
    answers = {"scores": score_chart(report)} if report.judge else {"words": word_chart(report)}
    if not report.token_shift:
        return answers
    return {
        **answers,
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
    contexts = report.token_shift

    def draw(axes: "Axes") -> None:
        for row, figures in enumerate(contexts.values()):
            left = 0.0
            for name, (color, text) in CATEGORY_COLORS.items():
                share = getattr(figures, name).mean
                if share is None:
                    axes.text(1, row, "no measured answers", va="center")
                    break
                axes.barh(row, share * 100, 0.62, left=left, color=color)
                if share >= 0.06:
                    axes.text(left + share * 50, row, f"{share * 100:.1f}", color=text, ha="center", va="center")
                left += share * 100
        axes.set_yticks(range(len(contexts)), [one_line(name) for name in contexts])
        axes.set(xlim=(0, 100), ylim=(len(contexts) - 0.5, -0.5), xlabel="tokens of the aligned answers, %")
        axes.tick_params(axis="y", length=0)
        legend(axes, [({"color": color}, name) for name, (color, _) in CATEGORY_COLORS.items()])

    return as_svg((7.2, 1.5 + 0.55 * max(1, len(contexts))), draw)


def label_chart(report: Report) -> bytes:
    """What the shifted tokens are: each label's share of them, one bar a base context with its interval."""
    contexts = list(report.token_shift.items())
    labels = [label for label in LABELS if any(figures.labels[label].positions for _, figures in contexts)]

    def draw(axes: "Axes") -> None:
        _bars(axes, [[figures.labels[label].share_of_shifted for label in labels] for _, figures in contexts], 100)
        axes.set_yticks(range(len(labels)), [label.replace("_", " ") for label in labels])
        axes.set(ylim=(max(1, len(labels)) - 0.5, -0.5), xlabel="share of all shifted tokens, %")
        axes.set_title(f"line on a bar: {report.confidence * 100:g} % interval")
        axes.set_xlim(left=0)
        axes.tick_params(axis="y", length=0)
        grid(axes, "x")
        if labels:
            legend(axes, [(fill(index), name) for index, (name, _) in enumerate(contexts)])
        else:
            axes.set(xticks=[])
            axes.text(0.5, 0.5, "no measured answers", ha="center", transform=axes.transAxes)

    return as_svg((7.2, 1.6 + (0.16 + 0.13 * len(contexts)) * max(2, len(labels))), draw)


def score_chart(report: Report) -> bytes:
    """Mean score by aspect: a panel an aspect, a row a system, a dot with its interval; a missing mean has none."""
    systems = list(report.systems.items())
    figures = [system.aspects for _, system in systems]
    aspects, _ = shown_aspects(figures)
    scale = max((part.scale for system in figures for part in system.values()), default=SCALE)

    def panel(aspect: Aspect) -> Callable[["Axes"], None]:
        def draw(axes: "Axes") -> None:
            for row, system in enumerate(figures):
                if aspect in system:
                    _dot(axes, system[aspect], row)
            axes.set_title(aspect)
            axes.set_yticks(range(len(systems)), [one_line(name) for name, _ in systems])
            # Half a dot beside the lowest and the highest score.
            axes.set(xlim=(0.7, scale + 0.3), xticks=range(1, scale + 1), ylim=(len(systems) - 0.5, -0.5))
            axes.tick_params(axis="y", length=0)
            grid(axes, "both")

        return draw

    known = scale_text(figures).replace("-", " to ")
    below = f"mean score ({known}); line: {report.confidence * 100:g} % interval; no dot: no scored answer"
    return as_svg((7.2, 1.0 + 0.24 * max(2, len(systems))), *map(panel, aspects), below=below)


def _dot(axes: "Axes", estimate: Estimate, row: int) -> None:
    """A mean in a row, with its interval as a line."""
    if estimate.mean is None:
        return
    if estimate.low is not None and estimate.high is not None:
        axes.hlines(row, estimate.low, estimate.high, color=SERIES_COLORS[0], linewidth=1.5)
    axes.plot(estimate.mean, row, "o", color=SERIES_COLORS[0], markersize=4, clip_on=False)


def word_chart(report: Report) -> bytes:
    """Mean length of the answers, one bar a system with its interval: all that is known of answers that are not judged."""
    systems = report.systems

    def draw(axes: "Axes") -> None:
        _bars(axes, [[system.words for system in systems.values()]])
        axes.set_yticks(range(len(systems)), [one_line(name) for name in systems])
        axes.set(ylim=(len(systems) - 0.5, -0.5), xlabel="mean words per answer")
        axes.set_title(
            f"line on a bar: {report.confidence * 100:g} % interval; no bar: no answer to a regular instruction"
        )
        axes.set_xlim(left=0)
        axes.tick_params(axis="y", length=0)
        grid(axes, "x")

    return as_svg((7.2, 1.2 + 0.4 * len(systems)), draw)


def _bars(axes: "Axes", series: Sequence[Sequence[Estimate]], scale: float = 1) -> None:
    """A group of bars in each row, one bar a series, with its interval as a line."""
    height = 0.8 / max(1, len(series))
    for index, estimates in enumerate(series):
        offset = (index - (len(series) - 1) / 2) * height
        for row, estimate in enumerate(estimates):
            if estimate.mean is None:
                continue
            axes.barh(row + offset, estimate.mean * scale, height * 0.9, **fill(index))
            if estimate.low is not None and estimate.high is not None:
                axes.hlines(row + offset, estimate.low * scale, estimate.high * scale, color=INK, linewidth=1)


def _curve(table: Table, measure: str, labels: tuple[str, str, str]) -> bytes:
    """One measure of a table of curves; ``labels`` are of the axes, and the title."""
    scale = 100.0 if measure == "shifted" else 1.0
    first = table.columns.index(measure)
    contexts = list(dict.fromkeys(str(row[0]) for row in table.rows))
    known = any(row[first] is not None for row in table.rows)

    def draw(axes: "Axes") -> None:
        for index, context in enumerate(contexts if known else ()):
            rows = [row for row in table.rows if row[0] == context]
            positions = [int(str(row[1])) for row in rows]
            # NaN for a missing value: matplotlib leaves a gap there.
            mean, low, high = (
                [value * scale if isinstance(value := row[part], (int, float)) else nan for row in rows]
                for part in range(first, first + 3)
            )
            color, style = series_color(index), LINE_STYLES[index % len(LINE_STYLES)]
            marker = "o" if len(positions) < 3 else ""
            axes.fill_between(positions, low, high, color=color, alpha=0.2, linewidth=0)
            axes.plot(positions, mean, style, color=color, marker=marker, markersize=3, label=one_line(context))
        if measure == "base_rank":
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            # Two powers of ten at least, or the axis would have a single number.
            axes.set_ylim(1, max(10, axes.get_ylim()[1]))
        elif known:
            axes.set_ylim(bottom=0)
        axes.set(xlabel=labels[0], ylabel=labels[1], title=labels[2])
        grid(axes)
        if known:
            legend(axes)
        else:
            axes.set(xticks=[], yticks=[])
            axes.minorticks_off()
            why = "not known of any token" if contexts else "too few measured answers to draw"
            axes.text(0.5, 0.5, why, ha="center", transform=axes.transAxes)

    return as_svg((5.2, 3.2), draw)
