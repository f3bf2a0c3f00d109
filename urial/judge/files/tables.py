"""Comparisons as Markdown for people."""

from collections.abc import Mapping, Sequence

from urial.core.tables import Cell, Table
from urial.core.text import and_more, cut, one_line
from urial.judge.files.records import Agreement, AspectAgreement, Summary, SystemSummary
from urial.judge.files.repeated import spread_table
from urial.records.instruction import TagKind
from urial.records.judge import JudgeIdentity, describe
from urial.records.judgment import Aspect
from urial.statistics.tables import ScoreRow, difference_table, interval, interval_caption, score_table, turn_table

COUNTS = ("scored", "not_applicable", "invalid", "refused", "filtered", "failed", "no_completion", "total")
MAX_RATIONALE = 160


# What stands in front of a system's figures, and these.
Labelled = tuple[list[Cell], SystemSummary]


def summary_text(summary: Summary) -> str:
    """The tables of a summary, each with what is needed to read it."""
    judged = summary.mixed_judges
    tables = [_scores(_labelled(summary.systems, judged), judged), _counts(summary.systems, judged)]
    if summary.differences:
        names = {
            system.system: f"{system.system} (judge: {_all_judges(system)})" if judged else system.system
            for system in summary.systems
        }
        tables.append(difference_table(summary.differences, names.__getitem__))
    turns = [_turns(_labelled(summary.systems, judged), judged)]
    if summary.by:
        groups = [
            ([tag, system.instructions, *labels], system)
            for tag, group in summary.groups.items()
            for labels, system in _labelled(group, judged)
        ]
        tables.append(_scores(groups, judged, summary.by))
        turns.append(_turns(groups, judged, summary.by))
    tables += [table for table in turns if table]
    return "\n".join([table.markdown() for table in tables] + [f"{_caption(summary)}\n"])


def agreement_text(agreement: Agreement) -> str:
    """The tables of an agreement."""
    tables = []
    if agreement.system is not None:
        of = f"Agreement on the answers of {agreement.system}"
        tables.append(_agreement(of, agreement.aspects))
        tables += [_agreement(f"{of}: turn {turn}", aspects) for turn, aspects in agreement.turns.items()]
    if agreement.system is None or any(part.alpha and part.alpha.rated_twice for part in agreement.aspects.values()):
        tables.append(_people(agreement.aspects))
    if agreement.spread:
        tables.append(spread_table(agreement.spread))
    if agreement.largest:
        largest = [
            [
                row.instruction_id, *([row.turn] if agreement.turns else []), row.aspect, f"{row.score_a:g}",
                f"{row.score_b:g}", *(text and cut(text, MAX_RATIONALE)[0] for text in (row.rationale_a, row.rationale_b)),
            ]
            for row in agreement.largest
        ]  # fmt: skip
        names = ["instruction", *(["turn"] if agreement.turns else []), "aspect", "A", "B", "A says", "B says"]
        tables.append(Table("Largest disagreements", names, largest))
    people = and_more(agreement.people, 12)
    if agreement.system is None:
        return f"{tables[0].markdown()}\nPeople: {people}.\n"
    several = f"people: {people}; of several the mean" if len(agreement.people) > 1 else "people"
    caption = [
        f"A: {_judges(agreement.judge_a)}.",
        f"B: {several if agreement.judge_b is None else _judges(agreement.judge_b)}.",
        "Kappa is Cohen's, quadratic with squared distances as weights; for both and for equal scores, scores are made whole, "
        "halves upwards. "
        + interval_caption(agreement.confidence, agreement.resamples, agreement.seed, "instructions"),
    ]
    return "\n".join([table.markdown() for table in tables] + [f"{line}\n" for line in caption])


def _labelled(systems: Sequence[SystemSummary], judged: bool) -> list[Labelled]:
    return [(_labels(system, judged), system) for system in systems]


def _names(judged: bool, by: TagKind | None) -> list[str]:
    """What the labels are."""
    return [*([by, "instructions"] if by else []), "system", *["judge"] * judged]


def _turns(systems: Sequence[Labelled], judged: bool, by: TagKind | None = None) -> Table | None:
    rows = ((labels, system.turns) for labels, system in systems if system.turns)
    return turn_table(_names(judged, by), rows, f"Scores by turn{_by(by)}")


def _by(by: TagKind | None) -> str:
    return f", by {by}" if by else ""


def _agreement(title: str, aspects: Mapping[Aspect, AspectAgreement]) -> Table:
    rows: list[Sequence[Cell]] = [
        [
            aspect, part.n, part.only_a, part.only_b, part.spearman, part.pearson, part.kappa, part.cohen_kappa,
            interval(part.bias), None if part.exact is None else f"{100 * part.exact:.1f} %",
        ]
        for aspect, part in aspects.items()
    ]  # fmt: skip
    columns = ["aspect", "scored by both", "only A", "only B", "Spearman", "Pearson", "quadratic kappa", "kappa", "A - B",
               "equal"]  # fmt: skip
    return Table(title, columns, rows)


def _people(aspects: Mapping[Aspect, AspectAgreement]) -> Table:
    rows: list[Sequence[Cell]] = [
        [aspect, part.alpha.rated_twice, part.alpha.nominal, part.alpha.ordinal, part.alpha.interval]
        for aspect, part in aspects.items()
        if part.alpha
    ]
    columns = ["aspect", "scored by several", "alpha, nominal", "ordinal", "interval"]
    return Table("Agreement of people with each other (Krippendorff's alpha)", columns, rows)


def _scores(systems: Sequence[Labelled], judged: bool, by: TagKind | None = None) -> Table:
    rows = [ScoreRow(labels, system.aspects, system.average, system.words) for labels, system in systems]
    return score_table(_names(judged, by), rows, of=_by(by))


def _counts(systems: Sequence[SystemSummary], judged: bool) -> Table:
    rows = [
        [*_labels(system, judged), aspect, *(getattr(figures, name) for name in COUNTS)]
        for system in systems
        for aspect, figures in system.aspects.items()
    ]
    columns = ["system", *["judge"] * judged, "aspect", *(name.replace("_", " ") for name in COUNTS)]
    return Table("Rows", columns, rows)


def _labels(system: SystemSummary, judged: bool) -> list[Cell]:
    return [system.system, *[_all_judges(system)] * judged]


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
    lines.append(interval_caption(summary.confidence, summary.resamples, summary.seed, "instructions"))
    if summary.differences:
        tests = sum(difference.p is not None for difference in summary.differences)
        lines.append(
            "Paired differences are over the n instructions on which both systems have a score; p is of a two-sided "
            f"permutation test by sign flips ({summary.permutations:,} draws, or all), p (Holm) the same corrected for "
            f"the {tests} tests of the table."
        )
    if summary.by and summary.untagged:
        lines.append(f"Instructions without a {summary.by}, in no row by {summary.by}: {summary.untagged:,}.")
    if summary.without_row:
        lines.append(f"Instructions in the file of instructions that were not judged: {summary.without_row:,}.")
    return "\n\n".join(lines)


def _all_judges(system: SystemSummary) -> str:
    """Each judge once; the category where there are two."""
    judges = {category: "; ".join(map(describe, names)) for category, names in system.judges.items()}
    if len(set(judges.values())) == 1:
        return next(iter(judges.values()))
    return "; ".join(f"{category}: {names}" for category, names in judges.items())


def _judges(judges: Sequence[JudgeIdentity]) -> str:
    return one_line("; ".join(map(describe, judges)))
