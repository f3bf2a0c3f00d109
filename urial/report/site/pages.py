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
from urial.report.examples import examples, probability, quoted
from urial.report.inputs import ReportInputs
from urial.statistics.tables import scale_text, shown_aspects
from urial.token_shift.figures.positions import FEWEST_ANSWERS

# A table of every shifted token of a long answer would bury the page.
MAX_TOKEN_ROWS = 100
# Characters of a text that are shown.
MAX_TEXT, MAX_RATIONALE = 4_000, 1_000

# Name of a chart -> what it shows, for people who do not see it.
CAPTIONS = {
    "scores": "Mean score by aspect and system. The line through a dot is its interval.",
    "words": "Mean length of the answers to regular instructions by system. The line through a dot is its interval.",
    "categories": "Share of unshifted, marginal and shifted tokens under each base context.",
    "labels": "What the shifted tokens are: the share of each label. The line through a dot is its interval.",
    "curve_kl": "Divergence of the aligned from the base distribution at each position of the answer.",
    "curve_shifted": "Share of shifted tokens at each position.",
    "curve_base_rank": "Mean rank of the aligned answer's token under the base model at each position.",
    "curve_base_probability": "Mean probability that the base model gives the aligned answer's token.",
    "tenth_kl": "Divergence of the aligned from the base distribution in each tenth of the answers.",
    "tenth_shifted": "Share of shifted tokens in each tenth of the answers.",
}
# Measure -> what it is called, of the means besides KL(aligned || base).
MEASURES = {
    "kl_reverse": "KL of base from aligned, nats",
    "js": "Jensen-Shannon divergence, nats",
    "base_entropy": "entropy of base, nats",
    "aligned_entropy": "entropy of aligned, nats",
}


def render_site(
    inputs: ReportInputs, report: Report, charts: Mapping[str, bytes], tagged: shift_tables.TagShifts
) -> str:
    """The page as HTML. ``charts`` are the SVGs of charts.write_charts by name, ``tagged`` is shift_tables.shifts_by_tag."""
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
        charts={name: (inline_svg(name, svg), CAPTIONS.get(name, name)) for name, svg in charts.items()},
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


def inline_svg(name: str, svg: bytes) -> Markup:
    """A chart for use inside the page: no XML prologue, ids of its own, a label for readers of screens."""
    text = svg.decode("utf-8")
    text = text[text.index("<svg") :]
    # Two charts with the same id would clip and mark each other.
    text = re.sub(r'(\bid="|href="#|url\(#)', lambda match: f"{match[1]}{name}-", text)
    label = escape(CAPTIONS.get(name, name))
    return Markup(text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1))  # noqa: S704 (charts.py escaped it)


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
