"""The pages of the site as HTML: no request, every text escaped."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from urial.core.text import cut, visible
from urial.records.judge import RulesIdentity, describe
from urial.records.left_out import describe_left_out
from urial.records.model import EmbeddedModel
from urial.records.preference import describe_preference_judge
from urial.records.report import AspectFigures, Report
from urial.report import shift_tables, tables
from urial.report.charts.every import Picture
from urial.report.examples import examples, probability, quoted
from urial.report.inputs import ReportInputs
from urial.statistics.tables import scale_text, shown_aspects
from urial.token_shift.figures.positions import FEWEST_ANSWERS

# A table of every shifted token of a long answer would bury the page.
MAX_TOKEN_ROWS = 100
# Characters of a text that are shown.
MAX_TEXT, MAX_RATIONALE = 4_000, 1_000

# Measure -> what it is called, of the means besides KL(aligned || base).
MEASURES = {
    "kl_reverse": "KL of base from aligned, nats",
    "js": "Jensen-Shannon divergence, nats",
    "base_entropy": "entropy of base, nats",
    "aligned_entropy": "entropy of aligned, nats",
}


def render_site(
    inputs: ReportInputs, report: Report, charts: Mapping[str, Picture], tagged: shift_tables.TagShifts
) -> str:
    """The page as HTML. ``charts`` are those of charts.every.write_charts, ``tagged`` is shift_tables.shifts_by_tag."""
    figures = [system.aspects for system in report.systems.values()]
    aspects, average = shown_aspects(figures)
    return _template().render(
        title="What alignment changed" if "aligned" in inputs.models else "What a prompt makes of a base model",
        report=report,
        plan=inputs.plan,
        models=inputs.models,
        instructions=inputs.instructions,
        systems=inputs.systems,
        aspects=aspects,
        average=average,
        scale=scale_text(figures),
        turns=tables.turn_table(report),
        charts={name: (inline_svg(name, picture), picture) for name, picture in charts.items()},
        left_out=describe_left_out(report.study, report.left_out),
        embedded=any(isinstance(manifest.source, EmbeddedModel) for manifest in inputs.models.values()),
        judge="none: the answers are not judged" if report.judge is None else describe(report.judge),
        rules_judge=isinstance(report.judge, RulesIdentity),
        comparing=describe_preference_judge(report.preference_judge) if report.preference_judge else "nobody",
        examples=examples(inputs),
        max_token_rows=MAX_TOKEN_ROWS,
        fewest_answers=FEWEST_ANSWERS,
        measures=MEASURES,
        tagged=tagged,
    )


def inline_svg(name: str, picture: Picture) -> Markup:
    """A chart for use inside the page: ids of its own, a label for readers of screens; empty where there is none."""
    # Two charts with the same id would clip and mark each other.
    text = re.sub(r'(\bid="|href="#|url\(#)', lambda match: f"{match[1]}{name}-", (picture.svg or b"").decode())
    label = escape(picture.caption)
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S704 (charts.drawing escaped it)


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        broken=lambda token: token.replace("\n", "↵\n"),
        excerpt=lambda text: cut(text, MAX_TEXT),
        fixed=_fixed,
        grouped="{:,}".format,
        percent=lambda share: f"{share * 100:g}\N{NO-BREAK SPACE}%",
        probability=probability,
        quoted=quoted,
        rationale=lambda text: cut(text, MAX_RATIONALE),
        # A whole score as it is, a mean over probabilities with two digits.
        score=lambda value: f"{value:g}" if value == int(value) else _fixed(value),
        signed=lambda value, digits=2: f"{value:+,.{digits}f}".replace("-", "−"),
        spaced=lambda status: status.replace("_", " "),
        words=_missing_scores,
    )
    return environment.get_template("site.html.j2")


def _shown(value: object) -> object:
    """Every text on the page passes here, so that nothing invisible or missing can slip in; then it is escaped."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return visible(str(value))
    raise TypeError(f"the page cannot show {type(value).__name__}: format it first")


def _fixed(value: float, digits: int = 2) -> str:
    return f"{value:,.{digits}f}"


def _missing_scores(figures: AspectFigures) -> str:
    """Why an aspect's figures count fewer scores than instructions, in words."""
    parts = (
        (figures.not_applicable, "not applicable"),
        (figures.invalid, "without a valid verdict"),
        (figures.refused, "refused by the judge"),
        (figures.filtered, "kept back by a content filter"),
        (figures.failed, "without a reply of the judge"),
        (figures.no_completion, "without an answer"),
    )
    return ", ".join(f"{count:,} {text}" for count, text in parts if count) or "none missing"
