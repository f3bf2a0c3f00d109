"""How much each variant differs from the full prompt: dots with their intervals, a panel each for score, shift explained and words."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.errors import UrialError
from urial.core.text import counted, one_line
from urial.exchange.figures.files import FORMATS
from urial.experiments.chart_files import require_ending
from urial.experiments.chart_files import write_chart as write_figure
from urial.experiments.probing.tables import SCALES, caption, missing_lines
from urial.records.judge import describe
from urial.records.probing import Measure, ProbedPrompt, Probing, VariantDifference
from urial.report.charts.figure import Figure, Row, distinct, estimate_cells
from urial.report.charts.style import SERIES_COLORS, STEP, named_rows

if TYPE_CHECKING:
    import altair as alt

PANELS: dict[Measure, str] = {"average": "score (average)", "overall": "score (overall)", "known": "known answers, points", "explained": "shift explained, points", "words": "words"}  # fmt: skip
PANEL_WIDTH = 170


def require_image(path: Path) -> None:
    """Raises UrialError for a file whose name asks for no format of an image."""
    require_ending(path, FORMATS)


def write_chart(probing: Probing, path: Path) -> None:
    """Draw the differences to FILE.svg, .png or .pdf, which has the caption inside. Raises UrialError where there are none."""
    require_image(path)
    mark = f"urial probe {one_line(probing.run)} of the study {probing.study}"
    write_figure(difference_figure(probing), path, probing.commit or probing.run, mark)


def difference_figure(probing: Probing) -> Figure:
    """The differences as a figure. Raises UrialError where there are none."""
    rows = [row for prompt in probing.prompts for row in _rows(probing, prompt)]
    if not rows:
        raise UrialError(
            "no variant can be compared with the full prompt, so there is no chart", fix="leave --chart out"
        )
    judge = one_line(describe(probing.judge)) if probing.judge else "none"
    title = f"Differences to the full prompt: {', '.join(prompt.prompt for prompt in probing.prompts)}"
    below = f"{counted(probing.instructions, 'instruction')} of {probing.instruction_set}, judge: {judge}, {100 * probing.confidence:g} % intervals"  # fmt: skip

    def draw(data: "alt.InlineData") -> "alt.TopLevelMixin":
        import altair as alt

        column = alt.Column("panel:N", sort=list(PANELS.values()), title=None)
        facets = _dots(data, distinct(rows, "variant")).facet(column=column, spacing=14)
        heading = alt.TitleParams(one_line(title), subtitle=one_line(below), subtitleColor="#666", subtitleFontSize=11)
        return facets.resolve_scale(x="independent").properties(title=heading)

    what = " ".join(["Dots left of 0 are below the full prompt.", caption(probing), *missing_lines(probing)])
    return Figure("probing", f"{title}. {what}", "mean", rows, draw)


def _rows(probing: Probing, prompt: ProbedPrompt) -> list[Row]:
    """A row a variant and panel; a variant of several prompts has its prompt's name before it."""
    before = f"{prompt.prompt.rpartition('/')[2]}: " if len(probing.prompts) > 1 else ""
    found: list[tuple[str, str, Measure, VariantDifference]] = [
        (f"{before}{variant.label}", panel, name, variant.differences[name])
        for name, panel in PANELS.items()
        for variant in prompt.variants
        if name in variant.differences
    ]
    return [
        {
            "variant": one_line(label), "panel": panel, **estimate_cells(difference, scale=SCALES.get(name, 1)),
            "n": difference.n, "p_holm": difference.p_holm,
        }
        for label, panel, name, difference in found
    ]  # fmt: skip


def _dots(data: "alt.InlineData", variants: Sequence[str]) -> "alt.LayerChart":
    import altair as alt

    axis, scale = alt.Axis(tickCount=5), alt.Scale(zero=True, nice=False, padding=6)
    low, mean = (alt.X(f"{part}:Q", title="difference", scale=scale, axis=axis) for part in ("low", "mean"))
    base = alt.Chart(data).encode(y=named_rows("variant", variants), color=alt.value(SERIES_COLORS[0]))
    panel = alt.layer(
        # The full prompt.
        alt.Chart(data).mark_rule(strokeDash=[3, 3]).encode(x=alt.datum(0)),
        base.mark_rule(strokeWidth=1.5).encode(x=low, x2="high:Q"),
        base.mark_point(size=30, filled=True, opacity=1).encode(x=mean),
    )
    return panel.properties(width=PANEL_WIDTH, height=alt.Step(STEP))
