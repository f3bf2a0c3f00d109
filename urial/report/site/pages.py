"""The static pages: what a run found, and how far alignment shifted the tokens. They read without scripts."""

from collections.abc import Mapping
from typing import Any

from urial.core.tables import Table
from urial.records.judge import RulesIdentity, describe
from urial.records.left_out import describe_left_out
from urial.records.model import EmbeddedModel
from urial.records.params.blends import control_of, rule_label
from urial.records.preference import describe_preference_judge
from urial.records.report import Report
from urial.report import tables
from urial.report.branching_tables import EXPLAINED
from urial.report.charts.every import Picture
from urial.report.examples import choose
from urial.report.inputs import ReportInputs
from urial.report.known_tables import NORMALIZED
from urial.report.shift_tables import TagShifts
from urial.report.site import heat
from urial.report.site.drawings import inline_svg
from urial.report.site.frame import ANSWERS, OVERVIEW, SHIFT, TOKENS, Frame, render
from urial.report.site.headline import headline
from urial.report.site.index import identifier, title_of
from urial.report.site.lengths import lengths
from urial.report.site.numbers import Numbers
from urial.report.site.panel import origins
from urial.statistics.tables import scale_text, shown_aspects
from urial.token_shift.figures.positions import FEWEST_ANSWERS

# Measure -> what it is called, of the means besides KL(aligned || base).
MEASURES = {
    "kl_reverse": "KL of base from aligned, nats",
    "js": "Jensen-Shannon divergence, nats",
    "base_entropy": "entropy of base, nats",
    "aligned_entropy": "entropy of aligned, nats",
}


def render_pages(
    inputs: ReportInputs, report: Report, charts: Mapping[str, Picture], tagged: TagShifts, scores_by_tag: Table | None
) -> tuple[dict[str, str], dict[str, Any]]:
    """The pages by name as HTML, and where their numbers are from.

    ``charts`` are those of charts.every.write_charts, ``tagged`` is shift_tables.shifts_by_tag, ``scores_by_tag`` tables.tag_table.
    """
    numbers, frame = Numbers(report), frame_of(report)
    common = {
        "report": report,
        "plan": inputs.plan,
        "instructions": inputs.instructions,
        "n": numbers,
        "charts": {name: (inline_svg(name, picture), picture) for name, picture in charts.items()},
    }
    pages = {OVERVIEW.href: render(OVERVIEW, frame, **common, **_overview(inputs, report, numbers, scores_by_tag))}
    if report.token_shift:
        shift = {
            "named": "measurement" if report.given else "base context",
            "fewest_answers": FEWEST_ANSWERS,
            "measures": MEASURES,
            "branching": EXPLAINED,
            "tagged": tagged,
            "maps": heat.shift_maps(tagged),
        }
        pages[SHIFT.href] = render(SHIFT, frame, **common, **shift)
    pages |= {page.href: render(page, frame) for page in frame.pages if page not in (OVERVIEW, SHIFT)}
    return pages, origins(numbers.shown, inputs, report)


def frame_of(report: Report) -> Frame:
    """The header of every page: a page of what was not measured is not linked."""
    shown = [OVERVIEW, *([SHIFT, TOKENS] if report.token_shift else []), ANSWERS]
    return Frame(report.study, identifier(report), shown)


def _overview(inputs: ReportInputs, report: Report, numbers: Numbers, scores_by_tag: Table | None) -> dict[str, Any]:
    """What the overview alone shows."""
    figures = [system.aspects for system in report.systems.values()]
    aspects, average = shown_aspects(figures)
    return {
        "title": title_of(inputs),
        "headline": headline(report, numbers),
        "models": inputs.models,
        "systems": inputs.systems,
        "aspects": aspects,
        "average": average,
        "scale": scale_text(figures),
        "totals": {aspect: max(each[aspect].total for each in figures if aspect in each) for aspect in aspects}
        if any(figures)
        else {},
        "turns": tables.turn_table(report),
        "pooled": dict.fromkeys(
            aspect for system in report.systems.values() if system.turns for aspect in system.turns.pooled
        ),
        "normalized": NORMALIZED,
        "maps": heat.score_maps(scores_by_tag, figures),
        "lengths": lengths(inputs),
        "controls": {name: control_of(name) for name in report.blends},
        "rules": {name: rule_label(blend.rule) for name, blend in report.blends.items()},
        "left_out": describe_left_out(report.study, report.left_out),
        "embedded": any(isinstance(manifest.source, EmbeddedModel) for manifest in inputs.models.values()),
        "judge": "none: the answers are not judged" if report.judge is None else describe(report.judge),
        "rules_judge": isinstance(report.judge, RulesIdentity),
        "comparing": describe_preference_judge(report.preference_judge) if report.preference_judge else "nobody",
        "examples": [
            (index, inputs.instructions[index]) for index in choose(inputs.instructions, inputs.plan.report.examples)
        ],
    }
