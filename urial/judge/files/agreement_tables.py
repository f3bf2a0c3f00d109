"""Agreement on preferences as Markdown for people."""

from collections.abc import Sequence

from urial.core.tables import Cell, Table
from urial.core.text import and_more, cut, one_line
from urial.judge.files.agreement_records import PreferenceAgreement, PreferencePart
from urial.records.diagnostics import Share
from urial.records.preference import describe_preference_judge
from urial.statistics.tables import interval, interval_caption

MAX_RATIONALE = 160
MAX_PEOPLE = 12


def preference_agreement_text(agreement: PreferenceAgreement) -> str:
    """The tables of an agreement on preferences: those that have something to show."""
    parts = agreement.parts
    tables = []
    if any(part.both for part in parts):
        tables += [_between(parts), _systems(parts)]
    if any(part.alpha.rated_twice for part in parts):
        tables.append(_among(parts))
    tables.append(_leanings(agreement))
    if any(part.spread for part in parts):
        tables.append(_spreads(parts))
    if agreement.largest:
        tables.append(_largest(agreement))
    return "\n".join([table.markdown() for table in tables] + [f"{line}\n" for line in _captions(agreement)])


def _between(parts: Sequence[PreferencePart]) -> Table:
    columns = [*_LABELS, "rated by both", "only A", "only B", "inconsistent", "agreement %", "bias %", "variance %",
               "equal votes %", "without ties %", "kappa", "quadratic kappa"]  # fmt: skip
    rows: list[Sequence[Cell]] = [
        [
            *_labels(part), part.both, part.only_a, part.only_b, part.inconsistent, interval(part.agreement, 100),
            interval(part.bias, 100), interval(part.variance, 100), _share(part.with_ties), _share(part.without_ties),
            part.kappa, part.quadratic_kappa,
        ]
        for part in parts
    ]  # fmt: skip
    return Table("Agreement of A and B", columns, rows)


def _systems(parts: Sequence[PreferencePart]) -> Table:
    columns = [*_LABELS, "system", "baseline", "pairs", "win rate A %", "win rate B %", "Spearman", "Pearson"]
    rows: list[Sequence[Cell]] = [
        [*_labels(part), row.system, row.baseline, row.pairs, 100 * row.win_rate_a, 100 * row.win_rate_b,
         part.spearman, part.pearson]
        for part in parts
        for row in part.systems
    ]  # fmt: skip
    return Table("Win rates by A and by B", columns, rows)


def _among(parts: Sequence[PreferencePart]) -> Table:
    columns = [*_LABELS, "rated by several", "agreement %", "equal votes %", "without ties %", "alpha, nominal",
               "ordinal", "interval"]  # fmt: skip
    rows: list[Sequence[Cell]] = [
        [
            *_labels(part), part.alpha.rated_twice, interval(part.among_b, 100), _share(part.b_with_ties),
            _share(part.b_without_ties), part.alpha.nominal, part.alpha.ordinal, part.alpha.interval,
        ]
        for part in parts
    ]  # fmt: skip
    return Table("Agreement of people with each other", columns, rows)


def _leanings(agreement: PreferenceAgreement) -> Table:
    sides = [*(["A"] if agreement.judge_a else []), *(["B"] if agreement.judge_b or agreement.people else [])]
    rows: list[Sequence[Cell]] = []
    for part in agreement.parts:
        for side in sides:
            lean = part.leaning_a if side == "A" else part.leaning_b
            baseline = None if lean.baseline is None else 100 * lean.baseline
            rows.append([*_labels(part), side, _share(lean.longer), _share(lean.lists), baseline])
    return Table("What the preferences lean to", [*_LABELS, "", "longer %", "lists %", "baseline %"], rows)


def _spreads(parts: Sequence[PreferencePart]) -> Table:
    columns = [*_LABELS, "judgings", "rows", "same in all %", "deviation", "lowest mean", "highest mean"]
    rows: list[Sequence[Cell]] = [
        [*_labels(part), found.judgings, found.rows, _share(found.same), found.deviation, found.lowest, found.highest]
        for part in parts
        if (found := part.spread)
    ]
    return Table("The same judged again by A", columns, rows)


def _largest(agreement: PreferenceAgreement) -> Table:
    rows: list[Sequence[Cell]] = [
        [
            row.instruction_id, row.turn, row.criterion, row.system, row.baseline, row.preference_a, row.preference_b,
            row.people, *(text and cut(text, MAX_RATIONALE)[0] for text in (row.rationale_a, row.rationale_b)),
        ]
        for row in agreement.largest
    ]  # fmt: skip
    columns = ["instruction", "turn", "criterion", "system", "baseline", "A", "B", "raters of B", "A says", "B says"]
    return Table("Largest disagreements", columns, rows)


def _captions(agreement: PreferenceAgreement) -> list[str]:
    people = f"{len(agreement.people):,} people ({and_more(agreement.people, MAX_PEOPLE)})"
    b = describe_preference_judge(agreement.judge_b) if agreement.judge_b else people
    lines = []
    if agreement.judge_a:
        again = f", {agreement.judgings} judgings" if agreement.judgings > 1 else ""
        lines.append(f"A: {one_line(describe_preference_judge(agreement.judge_a))}{again}.")
    if agreement.judge_b or agreement.people:
        lines.append(f"B: {one_line(b)}.")
    lines.append(
        "Agreement is 1 - the mean distance of a preference (0 to 1) from the majority of B; bias that of A's majority, "
        "variance that of each judging from the majority of the others. Equal votes are of A and each of B; kappa is of A and "
        "the majority of B, over win, tie and loss. Orders that disagree are a tie."
    )
    lines.append(
        "Longer: preferences for the longer answer where lengths differ by more than 30 characters; lists: for the one answer "
        "with a list; baseline: mean preference for it. "
        + interval_caption(agreement.confidence, agreement.resamples, agreement.seed, "pairs of answers")
    )
    return lines


_LABELS = ("criterion", "turn")


def _labels(part: PreferencePart) -> list[Cell]:
    return [part.criterion, "all" if part.turn is None else part.turn]


def _share(part: Share) -> str | None:
    return None if part.share is None else f"{100 * part.share:.1f} ({part.count:,}/{part.of:,})"
