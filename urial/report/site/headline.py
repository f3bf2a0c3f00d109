"""The sentence at the top: what the run found, in its own figures."""

from typing import Any

from markupsafe import Markup

from urial.records.report import Report
from urial.report.site.numbers import Numbers
from urial.statistics.tables import shown_aspects

PERCENT: dict[str, Any] = {"scale": 100, "digits": 1, "unit": "\N{NO-BREAK SPACE}%"}


def headline(report: Report, numbers: Numbers) -> list[Markup]:
    """Sentences on token shift and on scores, each as far as it was measured."""
    return [*_shift(report, numbers), *_scores(report, numbers)]


def _shift(report: Report, numbers: Numbers) -> list[Markup]:
    if not report.token_shift:
        return [] if "aligned" not in report.models else [Markup("This run measured no token distribution shift.")]
    # Measurements of given answers say nothing of the aligned model's own.
    given = {row.name for row in report.given}
    own_compared = [item for item in report.context_comparisons if item.first not in given]
    compared = max(own_compared, key=lambda item: item.explained.mean or -1, default=None)
    own = next((name for name in report.token_shift if name not in given), None)
    if own is None:
        return []
    first = compared.first if compared else own
    unshifted = report.token_shift[first].unshifted
    if unshifted.mean is None:
        return [Markup("No answer of the aligned model could be measured.")]
    share = numbers.estimate("token_shift", first, "unshifted", **PERCENT)
    sentences = [
        Markup("{} of the aligned model’s tokens are the base model’s own first choice (<code>{}</code>).").format(
            share, first
        )
    ]
    if compared and compared.explained.mean is not None:
        place = report.context_comparisons.index(compared)
        which = f", of the {len(own_compared)} compared the one that explains most" * (len(own_compared) > 1)
        sentences.append(
            Markup("A prompt alone, <code>{}</code>{}, explains {} of those that are shifted.").format(
                compared.second, which, numbers.estimate("context_comparisons", place, "explained", **PERCENT)
            )
        )
    return sentences


def _scores(report: Report, numbers: Numbers) -> list[Markup]:
    if report.judge is None:
        return [Markup("The answers are not judged.")]
    aspects, average = shown_aspects([system.aspects for system in report.systems.values()])
    # Of the average, or of the answer as a whole where that is all that is judged.
    figure = "average" if average else aspects[0]
    scored = {
        name: estimate.mean
        for name, system in report.systems.items()
        if (estimate := getattr(system, figure)) is not None and estimate.mean is not None
    }
    base = {name: mean for name, mean in scored.items() if report.systems[name].model == "base"}
    aligned = [name for name in scored if report.systems[name].model == "aligned"]
    if not base:
        return [Markup("No system of the base model has every score.")]
    best = max(base, key=lambda name: base[name])
    by = "on average over the aspects" if average else f"by {figure}"
    text = Markup("With a prompt alone the base model scores at best {} {} (<code>{}</code>)").format(
        numbers.estimate("systems", best, figure), by, best
    )
    if aligned:
        text += Markup(", the aligned model {}").format(numbers.estimate("systems", aligned[0], figure))
    return [text + Markup(".")]
