"""Every figure of a run, and the files that have their specifications."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from urial.core.store import write_bytes
from urial.core.tables import Table
from urial.records.report import Report
from urial.records.token_shift import describe_given
from urial.report.charts.curves import branching_figures, curve_figures
from urial.report.charts.density import density_figure
from urial.report.charts.drawing import svg
from urial.report.charts.figure import Figure, Missing, Specification, specification, specification_bytes
from urial.report.charts.positions import position_figures
from urial.report.charts.preferences import preference_figure
from urial.report.charts.safety import safety_figures
from urial.report.charts.scores import radar_figure, score_figure, word_figure
from urial.report.charts.shift import category_figure, kind_figure, label_figure
from urial.report.charts.tags import tag_figures
from urial.report.inputs import ReportInputs

# In the order in which they are shown.
NAMES = (
    "scores", "radar", "words", "tags", "radar_tasks", "radar_topics", "preferences", "categories", "curve_kl", "curve_shifted",
    "curve_base_rank", "curve_base_probability", "curve_log_ratio", "tenth_kl", "tenth_shifted", "curve_branching", "tenth_branching", "first_divergence", "landmark_shifted", "landmark_kl",
    "rank_above", "kl_above", "labels", "kinds", "js_entropy", "safety_rates", "safety_kl", "safety_rank",
)  # fmt: skip


def all_figures(
    inputs: ReportInputs,
    report: Report,
    curves: tuple[Table, Table],
    branching: tuple[Table, Table],
    by_tag: Table | None,
    *,
    landmarks: Table,
) -> list[Figure | Missing]:
    """The figures of a run, from its report, its curves by position and by tenth, its scores by tag, and its tokens.

    ``curves`` are shift_tables.curve_tables, ``branching`` branching_tables.branching_curve_tables, ``landmarks``
    position_tables.landmark_curve_table.
    """
    of_shift = [
        category_figure(report),
        *curve_figures(report, *curves),
        *branching_figures(report, *branching),
        *position_figures(report, landmarks),
        label_figure(report),
        kind_figure(report),
        density_figure(report, {name: context.table for name, context in inputs.contexts.items()}),
    ]
    whose = describe_given(report.given)
    return [
        score_figure(report),
        radar_figure(report),
        word_figure(report),
        *tag_figures(report, by_tag),
        preference_figure(report),
        *(replace(figure, caption=f"{figure.caption} {whose}") if whose else figure for figure in of_shift),
        *safety_figures(report),
    ]


@dataclass(frozen=True)
class Picture:
    """A figure as a page shows it: no SVG where the run cannot have it, and then ``missing`` says why."""

    caption: str
    svg: bytes | None
    missing: str | None = None


def write_charts(figures: Sequence[Figure | Missing], run: str, folder: Path) -> dict[str, Picture]:
    """Write the specification of each figure to ``folder``/NAME.json; the same figures drawn, by name.

    ``run`` is the identifier of the report. A figure that the run cannot have has a file, too, which says why: `dvc plots show`
    knows the figures by name and shows that in its place.
    """
    pictures = {}
    for figure in figures:
        made = specification(figure, run)
        write_bytes(folder / f"{figure.name}.json", specification_bytes(made))
        pictures[figure.name] = picture(figure, made)
    return pictures


def picture(figure: Figure | Missing, made: Specification) -> Picture:
    """A figure drawn from its specification."""
    if isinstance(figure, Missing):
        return Picture(figure.caption, None, figure.why)
    return Picture(figure.caption, svg(made))
