"""Win rates as Markdown for people."""

from collections.abc import Sequence

from urial.core.hashing import short_hash
from urial.core.tables import Cell, Table
from urial.core.text import one_line
from urial.records.instruction import TagKind
from urial.records.preference import describe_preference_judge
from urial.records.win_rates import LengthControl, Ratings, SystemWinRates, WinRate, WinRates
from urial.statistics.diagnostics import answers_text, share, share_text
from urial.statistics.tables import interval, interval_caption

Line = tuple[SystemWinRates, WinRate]
COUNTS = {
    "win": "wins", "tie": "ties", "loss": "losses", "inconsistent": "inconsistent", "invalid": "invalid",
    "no completion": "no_completion", "no baseline": "no_baseline", "total": "total",
}  # fmt: skip


def win_rates_text(rates: WinRates) -> str:
    """The tables of win rates, each with what is needed to read it."""
    lines = [(system, figure) for system in rates.systems for figure in system.figures]
    tables = [_rates("Win rates (%)", lines, rates), _counts(lines, rates), _habits(rates)]
    controlled = [(system, figure) for system, figure in lines if figure.length_control]
    if controlled:
        tables.append(_control(controlled, rates))
    tables += [_ratings(one, len(rates.ratings) > 1) for one in rates.ratings]
    if rates.by:
        tables.append(_by_tag(rates, rates.by))
    return "\n".join([*(table.markdown() for table in tables), "\n\n".join(_captions(rates, lines)), ""])


def control_name(control: LengthControl) -> str:
    """What a win rate at equal lengths may be called: AlpacaEval 2's name only against its own files."""
    if control.reference is None:
        return "length-adjusted"
    if control.form == "length_adjusted":
        return f"length-adjusted with difficulty (reference {_cited(control)})"
    if control.reference.alpaca_eval_2:
        return f"length-controlled (AlpacaEval 2, reference {_cited(control)})"
    return f"length-controlled (reference {_cited(control)})"


def _cited(control: LengthControl) -> str:
    assert control.reference is not None  # noqa: S101
    return f"{control.reference.name}, sha256 {short_hash(control.reference.hash)}"


def _by_tag(rates: WinRates, by: TagKind) -> Table:
    """The win rates of each tag, with the number of its rows, with a preference or without."""
    lines, labels = [], list[list[Cell]]()
    for tag in sorted({tag for system in rates.systems for tag in system.groups}):
        for system in rates.systems:
            for figure in system.groups.get(tag, ()):
                lines.append((system, figure))
                labels.append([tag, figure.total])
    table = _rates(f"Win rates (%), by {by}", lines, rates)
    rows = [[*label, *row] for label, row in zip(labels, table.rows, strict=True)]
    return Table(table.title, [by, "rows", *table.columns], rows)


def _rates(title: str, lines: Sequence[Line], rates: WinRates) -> Table:
    held = any(figure.length_control for _, figure in lines)
    rows: list[Sequence[Cell]] = [
        [
            *_labels(system, figure, rates), interval(figure.win_rate), figure.standard_error, figure.discrete_win_rate,
            figure.win_share, figure.loss_share,
            *([interval(figure.length_control.win_rate) if figure.length_control else None] * held),
            _whole(figure.characters), _whole(figure.baseline_characters),
        ]
        for system, figure in lines
    ]  # fmt: skip
    columns = [
        *_label_names(rates), "win rate", "standard error", "discrete", "won", "lost", *["at equal lengths"] * held,
        "characters", "baseline's",
    ]  # fmt: skip
    return Table(title, columns, rows)


def _counts(lines: Sequence[Line], rates: WinRates) -> Table:
    rows: list[Sequence[Cell]] = [
        [*_labels(system, figure, rates), *(getattr(figure, name) for name in COUNTS.values())]
        for system, figure in lines
    ]
    return Table("Rows", [*_label_names(rates), *COUNTS], rows)


def _habits(rates: WinRates) -> Table:
    """What is to be known of a judge before its win rates are believed."""
    rows: list[Sequence[Cell]] = [
        [
            system.system, system.baseline, *(share_text(part) for part in (
                system.habits.flips, system.habits.flips_to_first, system.habits.first, system.habits.longer,
                share(system.habits.undecided, system.habits.verdicts),
            )),
        ]
        for system in rates.systems
    ]  # fmt: skip
    columns = ["flips", "of these to the first", "for the first", "for the longer", "no verdict"]
    return Table("The judge's habits", ["system", "baseline", *columns], rows)


def _control(lines: Sequence[Line], rates: WinRates) -> Table:
    rows: list[Sequence[Cell]] = []
    for system, figure in lines:
        if (control := figure.length_control) is not None:
            cells: list[Cell] = [
                control_name(control), _number(control.regularization), _number(control.length),
                _number(control.difficulty), _number(control.strength), control.verdicts, control.shorter, control.longer,
                control.spread,
            ]  # fmt: skip
            rows.append([*_labels(system, figure, rates), *cells])
    columns = ["form", "C", "length", "difficulty", "strength", "fitted", "shorter", "longer", "spread"]
    return Table("At equal lengths", [*_label_names(rates), *columns], rows)


def _ratings(ratings: Ratings, several: bool) -> Table:
    title = f"Ratings by {ratings.criterion}" if several else "Ratings"
    rows: list[Sequence[Cell]] = [[row.system, interval(row.rating), row.comparisons] for row in ratings.ratings]
    return Table(title, ["system", "rating", "comparisons"], rows)


def _label_names(rates: WinRates) -> list[str]:
    criteria, turns = _differing(rates)
    return ["system", "baseline", *["criterion"] * criteria, *["turn"] * turns]


def _labels(system: SystemWinRates, figure: WinRate, rates: WinRates) -> list[Cell]:
    criteria, turns = _differing(rates)
    turn = "all" if figure.turn is None else figure.turn
    return [system.system, system.baseline, *[figure.criterion] * criteria, *[turn] * turns]


def _differing(rates: WinRates) -> tuple[bool, bool]:
    """Whether there is more than the overall criterion, and more than the first turn."""
    figures = [figure for system in rates.systems for figure in system.figures]
    return any(one.criterion != "overall" for one in figures), any(one.turn != 1 for one in figures)


def _captions(rates: WinRates, lines: Sequence[Line]) -> list[str]:
    judges = dict.fromkeys(describe_preference_judge(judge) for system in rates.systems for judge in system.judges)
    captions = [
        f"Judge: {one_line('; '.join(judges))}."
        + (" Systems with different judges do not compare." if rates.mixed_judges else ""),
        "Win rate: mean preference for the system over the rows that have one, where a row's is the mean of its orders; the "
        "standard error is over these rows. Discrete: wins and half of ties and inconsistent rows (the orders disagree). Won, "
        "lost: of the same rows. Rows without a preference (invalid, no completion, no baseline) are in no rate.",
        interval_caption(rates.confidence, rates.resamples, rates.seed, "instructions"),
        "The judge's habits, whatever the answers are: flips, pairs whose orders disagree; verdicts for the answer shown first, of "
        "those that prefer one; wins of the longer answer where lengths differ by more than 30 characters; verdicts that say "
        "nothing.",
        *(answers_text(system.system, system.answers) for system in rates.systems if system.answers),
    ]
    if any(figure.length_control for _, figure in lines):
        captions.append(
            "At equal lengths: what a logistic regression with absolute coefficients as penalty, solved to the end, predicts "
            "where both answers are equally long. C is chosen by cross-validation unless it is given; intervals refit every "
            "resample at this C. Spread is how much predictions vary over instructions, which AlpacaEval prints as a standard "
            "error: it is no error of the win rate."
        )
    captions += [text for line in lines for text in _remarks(*line)]
    if rates.ratings:
        captions.append(
            f"Ratings: Bradley-Terry strengths, all turns pooled, ties as half a win; {rates.ratings[0].anchor} has 1000, and "
            "400 points are odds of 10 to 1. A dash: always or never preferred, so that no finite strength fits."
        )
    untagged = max(system.untagged for system in rates.systems)
    if rates.by and untagged:
        captions.append(f"Instructions without a {rates.by}, in no row by {rates.by}: {untagged:,}.")
    return captions


def _remarks(system: SystemWinRates, figure: WinRate) -> list[str]:
    """What a reader has to know about one figure."""
    name = f"{system.system}, {figure.criterion}" + ("" if figure.turn in (None, 1) else f", turn {figure.turn}")
    control = figure.length_control
    if control is None:
        # That turns are pooled is said by the table itself.
        known = figure.turn is None or figure.no_length_control is None
        return [] if known else [f"{name}: no win rate at equal lengths, since {figure.no_length_control}."]
    if control.chosen == "not_fitted":
        return [f"{name}: system and baseline are one, 50 by definition; nothing is fitted."]
    remarks = []
    if control.join == "row":
        remarks.append(
            f"{name}: joined with the reference by row number, as first published; where rows are missing, difficulty is that "
            "of another instruction."
        )
    if control.extrapolated:
        remarks.append(
            f"{name}: {control.shorter:,} answers are shorter and {control.longer:,} longer than the baseline's, so equal "
            "lengths are hardly seen, and the win rate there is extrapolated."
        )
    if control.length == control.strength == 0 and not control.difficulty:
        remarks.append(
            f"{name}: at this C the penalty leaves no coefficient, so that 50 says nothing of the system; give another C with "
            "--regularization."
        )
    if control.far_from_raw:
        remarks.append(f"{name}: the win rate at equal lengths is far from the raw one; the fit may have failed.")
    return remarks


def _number(value: float | None) -> str | None:
    """Coefficients and C, which a table of two decimals would cut short."""
    return None if value is None else f"{value:.4g}"


def _whole(value: float | None) -> str | None:
    return None if value is None else f"{value:,.0f}"
