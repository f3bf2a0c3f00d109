"""The tables of known answers: how many each system gives, and how far the two models agree, fact by fact."""

from collections.abc import Mapping, Sequence

from urial.core.tables import Cell, Table
from urial.records.known_answers import KnownAgreement, KnownAnswerFigures, KnownSummary
from urial.records.report import Report
from urial.statistics.tables import difference_text, interval, interval_caption

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


def known_agreement_table(agreements: Sequence[KnownAgreement]) -> Table | None:
    """Two systems fact by fact, one row a pair; None where there are none."""
    rows: list[Sequence[Cell]] = [
        [
            row.first, row.second, row.both, row.only_first, row.only_second, row.neither, row.no_completion,
            difference_text(row.difference, row.difference.p_holm, scale=100),
        ]
        for row in agreements
    ]  # fmt: skip
    columns = ["A", "B", "both", "only A", "only B", "neither", "no completion", "A - B, points"]
    tests = sum(row.difference.p is not None for row in agreements)
    text = (
        "Instructions by which of the two answers has an accepted one in it; no completion: one of them has no answer. "
        "A - B: A's share minus B's, over the instructions that both answer; p is of McNemar's exact test, corrected for the "
        f"{tests} tests of the table (Holm)."
    )
    return Table("Known answers, fact by fact", columns, rows, text) if rows else None


def known_summary_text(summary: KnownSummary) -> str:
    """The tables of files of answers, with what is needed to read them."""
    tables = (known_answer_table(summary.systems), known_agreement_table(summary.agreements))
    caption = interval_caption(summary.confidence, summary.resamples, summary.seed, "instructions")
    return "\n".join([*(table.markdown() for table in tables if table), f"{caption}\n"])
