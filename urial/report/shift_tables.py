"""The tables of the token distribution shift, of a run's base contexts or of any measurements."""

from collections.abc import Callable, Mapping, Sequence

from urial.core.tables import Cell, Table
from urial.records.estimate import Estimate
from urial.records.instruction import TagKind
from urial.records.shift_figures import ContextComparison, ShiftFigures
from urial.report.inputs import ReportInputs
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.paired import PERMUTATIONS
from urial.statistics.scores import by_tag
from urial.statistics.tables import difference_text, interval
from urial.token_shift.figures.positions import CATEGORIES, MEASURES, CurvePoint, curve, relative_curve
from urial.token_shift.figures.summary import MEANS
from urial.token_shift.figures.tags import TagShift, tag_shifts

Figures = Mapping[str, ShiftFigures]
# Shares by kind of tag, tag and base context.
TagShifts = Mapping[TagKind, Mapping[str, Mapping[str, TagShift]]]
CONTEXT, MEASUREMENT = "base context", "measurement"
# Whose the answers are that are not given.
OWN_ANSWERS = "the aligned model"
TAG_KINDS: tuple[TagKind, ...] = ("task", "topic")
ENDS = ("mean", "low", "high")


def divergence_table(figures: Figures, named: str = CONTEXT) -> Table:
    """Every mean over positions, with the number of positions whose value is known."""
    rows: list[Sequence[Cell]] = [
        [name, measure, mean.mean, mean.low, mean.high, mean.positions, shift.positions]
        for name, shift in figures.items()
        for measure, mean in ((measure, getattr(shift, measure)) for measure in MEANS)
    ]
    return Table(
        "Means over positions",
        [named, "measure", *ENDS, "known", "positions"],
        rows,
        "All but the probability in nats. kl_lower_bound is what KL is at least where it is not exact, and no estimate of it.",
    )


def coverage_table(figures: Figures, named: str = CONTEXT) -> Table:
    """What became of every answer and of its end token."""
    columns = [
        named, "measured", "no answer", "too long", "unsupported", "retokenized", "positions", "unmatched tokens",
        "end as it is", "end as the base's own", "end dropped", "no end", "shared vocabulary",
    ]  # fmt: skip
    rows: list[Sequence[Cell]] = []
    for name, shift in figures.items():
        ends = shift.ends
        rows.append(
            [
                name, shift.measured, shift.no_answer, shift.too_long, shift.unsupported, shift.retokenized, shift.positions,
                shift.unmatched, *([None] * 4 if ends is None else [ends.same, ends.base, ends.dropped, ends.none]),
                shift.vocabulary,
            ]
        )  # fmt: skip
    return Table("What was measured", columns, rows)


def label_table(figures: Figures, named: str = CONTEXT) -> Table:
    """How much of each label is shifted, and how much of what is shifted has the label."""
    rows: list[Sequence[Cell]] = [
        [name, label, kind.positions, interval(kind.shifted, 100), interval(kind.share_of_shifted, 100)]
        for name, shift in figures.items()
        for label, kind in shift.labels.items()
    ]
    return Table(
        "Kinds of tokens, by the rules of the lexicon",
        [named, "label", "tokens", "shifted %", "share of all shifted %"],
        rows,
    )


def shifted_tables(figures: Figures, named: str = CONTEXT) -> tuple[Table, Table]:
    """The tokens, and the words, shifted most often."""
    tokens: list[Sequence[Cell]] = []
    words: list[Sequence[Cell]] = []
    for name, shift in figures.items():
        tokens += [[name, repr(row.token), row.shifted, row.positions] for row in shift.top_shifted]
        words += [[name, repr(row.word), row.shifted, row.occurrences] for row in shift.top_words]
    caption = "A word is shifted where any of its tokens is."
    return (
        Table("Most often shifted tokens", [named, "token", "shifted", "emitted"], tokens),
        Table("Most often shifted words", [named, "word", "shifted", "emitted"], words, caption),
    )


def log_odds_table(figures: Figures, named: str = CONTEXT) -> Table:
    """The tokens and words that belong most to the shifted ones."""
    rows: list[Sequence[Cell]] = [
        [name, unit, repr(odds.text), odds.z, odds.log_odds, odds.shifted, odds.unshifted]
        for name, shift in figures.items()
        for unit, texts in (("token", shift.log_odds_tokens), ("word", shift.log_odds_words))
        for odds in texts
    ]
    priors = sorted({shift.log_odds_prior for shift in figures.values()})
    return Table(
        "Most shifted tokens and words by weighted log-odds",
        [named, "of", "text", "z", "log-odds", "shifted", "unshifted"],
        rows,
        "Shifted against unshifted, with the frequencies of all tokens (words) as prior, of "
        f"{' and '.join(f'{prior:g}' for prior in priors) or 'no'} pseudo-counts in all; z is the ratio over its standard "
        "error (Monroe, Colaresi and Quinn 2008).",
    )


def context_table(comparisons: Sequence[ContextComparison], named: str = CONTEXT) -> Table | None:
    """What a prompt alone explains; None where nothing is compared."""
    if not comparisons:
        return None
    rows: list[Sequence[Cell]] = []
    tests = 0
    for row in comparisons:
        tested = ((row.unshifted, 100), (row.shifted, 100), (row.kl, 1))
        tests += sum(change.p is not None for change, _ in tested)
        changes = (difference_text(change, change.p_holm, scale=scale) for change, scale in tested)
        shares = (interval(share, 100) for share in (row.explained, row.introduced))
        rows.append([row.second, row.first, *changes, *shares, row.positions, row.answers])
    columns = [
        named, "against", "unshifted, points", "shifted, points", "KL (nats)", "explained %", "introduced %", "positions",
        "answers",
    ]  # fmt: skip
    return Table(
        "What the prompt alone explains",
        columns,
        rows,
        "Differences to the one it is compared with, over the positions measured under both; p is of a two-sided permutation "
        f"test by sign flips of answers ({PERMUTATIONS:,} draws, or all), corrected for the {tests} tests of the table "
        "(Holm). Explained: the share of the positions shifted under the other context that are not shifted under this one; "
        "introduced: of those shifted under this one that are not shifted under the other.",
    )


def curve_tables(inputs: ReportInputs) -> tuple[Table, Table]:
    """Means by position in the answer (paper, figure 3), and by tenth of it, the first of which is 1."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    columns = [
        "answers",
        *_part_names(MEASURES),
        "positions",
        "kl_positions",
        "base_rank_positions",
        "log_ratio_positions",
    ]

    def table(title: str, place: str, points_of: Callable[..., Sequence[CurvePoint]], first: int) -> Table:
        rows: list[Sequence[Cell]] = [
            [
                name, first + point.index, point.answers, *_parts([getattr(point, measure) for measure in MEASURES]),
                point.positions, point.kl_positions, point.base_rank_positions, point.log_ratio_positions,
            ]
            for name, context in inputs.contexts.items()
            for point in points_of(context.table, bootstrap)
        ]  # fmt: skip
        return Table(f"Token distribution shift by {title}", [CONTEXT, place, *columns], rows)

    return table("position", "position", curve, 0), table("tenth of the answer", "tenth", relative_curve, 1)


def shifts_by_tag(inputs: ReportInputs) -> TagShifts:
    """Category shares by task and topic; an instruction counts under each of its tags. A kind without tags is not there."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    tagged: dict[TagKind, Mapping[str, Mapping[str, TagShift]]] = {}
    for kind in TAG_KINDS:
        if tags := by_tag(inputs.instructions, kind):
            shifts = {name: tag_shifts(context.table, tags, bootstrap) for name, context in inputs.contexts.items()}
            tagged[kind] = {tag: {name: shares[tag] for name, shares in shifts.items()} for tag in tags}
    return tagged


def shift_tag_table(tagged: TagShifts) -> Table:
    """The same as a table."""
    rows: list[Sequence[Cell]] = [
        [kind, tag, name, shift.answers, shift.positions, *_parts([shift.unshifted, shift.marginal, shift.shifted])]
        for kind, tags in tagged.items()
        for tag, shifts in tags.items()
        for name, shift in shifts.items()
    ]
    columns = ["kind", "tag", CONTEXT, "answers", "positions", *_part_names(CATEGORIES)]
    return Table("Token distribution shift by task and topic", columns, rows)


def _part_names(measures: Sequence[str]) -> list[str]:
    return [f"{measure}{end}" for measure in measures for end in ("", "_low", "_high")]


def _parts(estimates: Sequence[Estimate]) -> list[float | None]:
    return [getattr(estimate, part) for estimate in estimates for part in ENDS]
