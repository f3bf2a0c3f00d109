"""The tables of known answers: how many each system gives, and how far the two models agree, fact by fact."""

from collections.abc import Mapping, Sequence

from urial.core.tables import Cell, Table
from urial.records.known_answers import KnownAnswerFigures, KnownDifference
from urial.records.report import Report
from urial.statistics.tables import difference_text, interval

NORMALIZED = (
    "Answers are compared without case, punctuation and articles, as in SQuAD and TriviaQA; thinking is no part of one."
)


def known_answer_table(figures: Mapping[str, KnownAnswerFigures], caption: str = "") -> Table | None:
    """Shares by system; None where no answer is known."""
    rows: list[Sequence[Cell]] = [
        [
            name,
            interval(known.contained, 100),
            interval(known.exact, 100),
            known.answered,
            known.no_completion,
            known.total,
        ]
        for name, known in figures.items()
    ]
    columns = ["system", "contained %", "exact %", "answers", "no completion", "known"]
    text = (
        "Of the answers to instructions with accepted answers, the share that has one in it as whole words, and the share that "
        f"is one and nothing else. {NORMALIZED}{caption}"
    )
    return Table("Known answers", columns, rows, text) if rows else None


def reported_known_answers(report: Report) -> Table | None:
    """That of a run; says so where there is no aligned model to agree with."""
    figures = {name: system.known_answers for name, system in report.systems.items() if system.known_answers}
    alone = f" Agreement with an aligned model is left out, since the study {report.study} has none."
    return known_answer_table(figures, "" if "aligned" in report.models else alone)


def known_agreement_table(report: Report) -> Table | None:
    """Both models fact by fact; None where no answer is known, or only one of them has systems."""
    rows: list[Sequence[Cell]] = [
        [
            row.base, row.aligned, row.both, row.only_base, row.only_aligned, row.neither, row.no_completion,
            known_difference_text(row.difference),
        ]
        for row in report.known_agreement
    ]  # fmt: skip
    columns = [
        "system",
        "against",
        "both",
        "only system",
        "only against",
        "neither",
        "no completion",
        "difference, points",
    ]
    text = (
        "Instructions by which of the two answers has an accepted one in it; no completion: one of them has no answer. "
        "Difference: share of the system minus the other's, over the instructions that both answer; p is of McNemar's exact test, "
        f"corrected for the {sum(row.difference.p is not None for row in report.known_agreement)} tests of the table (Holm)."
    )
    return Table("Known answers, base and aligned model fact by fact", columns, rows, text) if rows else None


def known_difference_text(difference: KnownDifference) -> str:
    """In points, with its corrected p-value."""
    return difference_text(difference, difference.p_holm, scale=100)
