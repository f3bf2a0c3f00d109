"""What the paper published, to be shown beside a run: other models, other answers and another judge."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from urial.core.store import read_json
from urial.core.text import one_line
from urial.records.base import Record, Text
from urial.records.judge import describe
from urial.records.judgment import ASPECTS, SCALE
from urial.records.report import Report
from urial.report.charts.figure import Figure, Missing, Row, distinct
from urial.report.charts.scores import score_dots, score_figure
from urial.report.charts.shift import category_figure, share_bars
from urial.report.charts.style import CATEGORY_COLORS, series, shapes

if TYPE_CHECKING:
    import altair as alt


class PublishedSystem(Record):
    """One row of a published table of scores."""

    system: Text
    helpfulness: float
    clarity: float
    factuality: float
    depth: float
    engagement: float
    safety: float
    average: float
    words: float


class PublishedScores(Record):
    """A published table of scores; ``source`` is where it stands."""

    source: Text
    judge: Text
    instructions: Text
    rows: tuple[PublishedSystem, ...] = Field(min_length=1)


class PublishedPair(Record):
    """Published shares of the three categories, in percent."""

    base: Text
    aligned: Text
    unshifted: float
    marginal: float
    shifted: float


class PublishedShift(Record):
    """Published shares of several pairs."""

    source: Text
    instructions: Text
    rows: tuple[PublishedPair, ...] = Field(min_length=1)


class Published(Record):
    """published.json: figures alone, each with its source."""

    scores: PublishedScores
    token_shift: PublishedShift


def published() -> Published:
    """What came with urial."""
    return read_json(Path(__file__).with_name("published.json"), Published)


def paper_name(name: str) -> str:
    """The name of a published row, which no row of a run has: names of systems have no brackets."""
    return f"{name} (paper)"


def sources(report: Report, known: Published) -> tuple[str, str]:
    """What a run's own scores and published ones are told apart by: their judges."""
    own = one_line(describe(report.judge)) if report.judge else "none"
    return f"this run; judge: {own}", f"paper, other models; judge: {known.scores.judge}"


def published_score_figure(report: Report, known: Published) -> Figure | Missing:
    """The scores of a run over those of the paper, which have another color and shape."""
    own = score_figure(report)
    caption = (
        f"{own.caption} Rows marked (paper) are of other models and another judge ({known.scores.judge}), on "
        f"{known.scores.instructions}; they were published without intervals. Source: {known.scores.source}."
    )
    if isinstance(own, Missing):
        return Missing("scores_published", caption, own.value, own.why)
    named = sources(report, known)
    rows: list[Row] = [{**row, "source": named[0]} for row in own.rows if row["aspect"] in ASPECTS]
    rows += [
        {
            "system": paper_name(row.system), "aspect": aspect, "mean": getattr(row, aspect),
            **dict.fromkeys(("low", "high", "scored", "total")), "source": named[1],
        }
        for row in known.scores.rows
        for aspect in ASPECTS
    ]  # fmt: skip
    return Figure("scores_published", caption, own.value, rows, lambda data: _panels(data, rows, named))


def _panels(data: "alt.InlineData", rows: Sequence[Row], named: Sequence[str]) -> "alt.TopLevelMixin":
    import altair as alt

    column = alt.Column("aspect:N", sort=list(ASPECTS), title=None)
    legend = alt.Legend(columns=1, labelLimit=600)
    told_apart = {
        "color": alt.Color("source:N", scale=series(named), legend=legend),
        "shape": alt.Shape("source:N", scale=shapes(named), legend=legend),
    }
    return score_dots(data, distinct(rows, "system"), SCALE, **told_apart).facet(column=column, spacing=14)


def published_category_figure(report: Report, known: Published) -> Figure | Missing:
    """The shares of a run over those of the paper."""
    own = category_figure(report)
    caption = (
        f"{own.caption} Rows marked (paper) are of other models, each named by its aligned one, on "
        f"{known.token_shift.instructions}. Source: {known.token_shift.source}."
    )
    if isinstance(own, Missing):
        return Missing("categories_published", caption, own.value, own.why)
    rows: list[Row] = [
        *own.rows,
        *(
            {
                "context": paper_name(row.aligned), "category": category, "mean": getattr(row, category) / 100,
                **dict.fromkeys(("low", "high", "positions")),
            }
            for row in known.token_shift.rows
            for category in CATEGORY_COLORS
        ),
    ]  # fmt: skip
    contexts = distinct(rows, "context")
    return Figure("categories_published", caption, own.value, rows, lambda data: share_bars(data, contexts))
