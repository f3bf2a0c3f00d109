"""Comparisons as Markdown for people."""

from collections.abc import Sequence

from urial.core.tables import Cell, Table
from urial.core.text import cut, one_line
from urial.judge.files.records import Agreement, Summary, SystemSummary
from urial.records.judge import JudgeIdentity, describe
from urial.records.judgment import ASPECTS
from urial.records.report import AspectFigures, PairedDifference
from urial.statistics.tables import interval

COUNTS = ("scored", "not_applicable", "invalid", "refused", "filtered", "failed", "no_completion", "total")
MAX_RATIONALE = 160


def summary_text(summary: Summary) -> str:
    """The tables of a summary, each with what is needed to read it."""
    judged = summary.mixed_judges
    tables = [_scores("Scores (1-5)", summary.systems, judged), _counts(summary.systems, judged)]
    if summary.differences:
        tables.append(_differences(summary))
    tables += [
        _scores(f"Scores (1-5): {summary.by} {one_line(tag)}", group, judged) for tag, group in summary.groups.items()
    ]
    return "\n".join([table.markdown() for table in tables] + [f"{_caption(summary)}\n"])


def agreement_text(agreement: Agreement) -> str:
    """The tables of an agreement."""
    rows: list[Sequence[Cell]] = [
        [
            aspect, found.n, found.only_a, found.only_b, found.spearman, found.kappa, interval(found.bias),
            None if found.exact is None else f"{100 * found.exact:.1f} %",
        ]
        for aspect, found in agreement.aspects.items()
    ]  # fmt: skip
    columns = ["aspect", "scored by both", "only A", "only B", "Spearman", "kappa", "A - B", "equal"]
    tables = [Table(f"Agreement on the answers of {agreement.system}", columns, rows)]
    if agreement.largest:
        found = [
            [
                item.instruction_id, item.aspect, f"{item.score_a:g}", f"{item.score_b:g}",
                _short(item.rationale_a), _short(item.rationale_b),
            ]
            for item in agreement.largest
        ]  # fmt: skip
        names = ["instruction", "aspect", "A", "B", "A says", "B says"]
        tables.append(Table("Largest disagreements", names, found))
    people = "people" if agreement.judge_b is None else _judges(agreement.judge_b)
    caption = [
        f"A: {_judges(agreement.judge_a)}.",
        f"B: {people}.",
        "Kappa has quadratic weights over 1 to 5; for it and for equal scores, scores are made whole, halves upwards. "
        + _intervals(agreement),
    ]
    return "\n".join([table.markdown() for table in tables] + [f"{line}\n" for line in caption])


def _scores(title: str, systems: Sequence[SystemSummary], judged: bool) -> Table:
    rows: list[Sequence[Cell]] = []
    for system in systems:
        found = [system.aspects.get(aspect) for aspect in ASPECTS]
        present = [item for item in found if item is not None]
        rows.append(
            [
                system.system,
                *([_all_judges(system)] if judged else []),
                *(None if item is None else interval(item) for item in found),
                interval(system.average),
                interval(system.words),
                f"{sum(item.scored for item in present)}/{sum(item.total for item in present)}",
            ]
        )
    judge = ["judge"] if judged else []
    return Table(title, ["system", *judge, *ASPECTS, "average", "words", "scored/total"], rows)


def _counts(systems: Sequence[SystemSummary], judged: bool) -> Table:
    rows: list[Sequence[Cell]] = [
        [system.system, *([_all_judges(system)] if judged else []), aspect, *_numbers(found)]
        for system in systems
        for aspect, found in system.aspects.items()
    ]
    judge = ["judge"] if judged else []
    return Table("Rows", ["system", *judge, "aspect", *(name.replace("_", " ") for name in COUNTS)], rows)


def _numbers(found: AspectFigures) -> list[int]:
    return [getattr(found, name) for name in COUNTS]


def _differences(summary: Summary) -> Table:
    judges = {system.system: _all_judges(system) for system in summary.systems}

    def name(system: str) -> str:
        return f"{system} (judge: {judges[system]})" if summary.mixed_judges else system

    rows: list[Sequence[Cell]] = [
        [name(item.first), name(item.second), item.aspect, item.n, interval(item), _p(item.p), _p(item.p_holm)]
        for item in summary.differences
    ]
    return Table("Paired differences", ["A", "B", "aspect", "n", "A - B", "p", "p (Holm)"], rows)


def _caption(summary: Summary) -> str:
    lines = []
    if not summary.mixed_judges:
        # Judges are the same for every system, or the summary would have been refused.
        judges = summary.systems[0].judges
        lines += [f"Judge of {category} instructions: {_judges(names)}." for category, names in judges.items()]
    counted = summary.not_applicable
    lines.append(
        "Not applicable is left out of every mean."
        if counted is None
        else f"Not applicable counts as {counted} in every mean, though not as scored."
    )
    lines.append(_intervals(summary))
    if summary.differences:
        lines.append(
            "Paired differences are over the n instructions on which both systems have a score; p is of a two-sided "
            f"permutation test by sign flips ({summary.permutations:,} draws, or all), p (Holm) the same corrected for "
            f"the {_tests(summary.differences)} tests of the table."
        )
    if summary.by and summary.untagged:
        lines.append(f"Instructions without a {summary.by}, in none of its tables: {summary.untagged:,}.")
    if summary.without_row:
        lines.append(f"Instructions in the file of instructions that were not judged: {summary.without_row:,}.")
    return "\n\n".join(lines)


def _intervals(found: Summary | Agreement) -> str:
    return (
        f"In brackets: {100 * found.confidence:g} % bootstrap intervals ({found.resamples:,} resamples of instructions, "
        f"seed {found.seed})."
    )


def _tests(differences: Sequence[PairedDifference]) -> int:
    return sum(item.p is not None for item in differences)


def _p(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"


def _all_judges(system: SystemSummary) -> str:
    """Each judge once; the category where there are two."""
    judges = {category: "; ".join(map(describe, names)) for category, names in system.judges.items()}
    if len(set(judges.values())) == 1:
        return next(iter(judges.values()))
    return "; ".join(f"{category}: {names}" for category, names in judges.items())


def _judges(judges: Sequence[JudgeIdentity]) -> str:
    return one_line("; ".join(map(describe, judges)))


def _short(rationale: str | None) -> str | None:
    return None if rationale is None else cut(rationale, MAX_RATIONALE)[0]
