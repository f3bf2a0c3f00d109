"""Figures as tables for people: scores and token shift by whatever a caller sets beside each other, and differences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from urial.core.tables import Cell, Table, show
from urial.records.estimate import Estimate, PairedDifference
from urial.records.judgment import ASPECTS, EVERY_ASPECT, OVERALL_ASPECTS, SCALE, Aspect
from urial.records.report import AspectFigures, TurnFigures
from urial.records.shift_figures import ShiftFigures


@dataclass(frozen=True)
class ScoreRow:
    """One row of a table of scores: labels in front, other cells behind; None is an aspect that the judge was not asked about."""

    labels: Sequence[Cell]
    aspects: Mapping[Aspect, AspectFigures]
    average: Estimate
    words: Estimate | None = None
    more: Sequence[Cell] = ()


def score_table(
    labels: Sequence[str],
    rows: Sequence[ScoreRow],
    *,
    of: str = "",
    more: Sequence[str] = (),
    caption: str | None = None,
) -> Table:
    """Mean scores with intervals, and how many of the aspects are scored; words where any row has them.

    A row without any aspect is of answers that are not judged. ``of`` stands behind the title.
    """
    words = any(row.words for row in rows)
    aspects, average = shown_aspects([row.aspects for row in rows])
    columns = [*labels, *aspects, *["average"] * average, *["words"] * words, "scored/total", *more]
    cells: list[Sequence[Cell]] = [
        [
            *row.labels,
            *(interval(row.aspects[aspect]) if aspect in row.aspects else None for aspect in aspects),
            *[interval(row.average)] * average,
            *([interval(row.words)] if row.words else []),
            _scored_text(row),
            *row.more,
        ]
        for row in rows
    ]
    return Table(f"Scores ({scale_text(row.aspects for row in rows)}){of}", columns, cells, caption)


def shown_aspects(rows: Iterable[Mapping[Aspect, AspectFigures]]) -> tuple[tuple[Aspect, ...], bool]:
    """The aspects that a table has columns of, and whether it has Just-Eval's average.

    All six of Just-Eval, unless only the answer as a whole is judged; that only where it is.
    """
    present = {aspect for row in rows for aspect in row}
    whole = OVERALL_ASPECTS if present & set(OVERALL_ASPECTS) else ()
    six = () if whole and not present & set(ASPECTS) else ASPECTS
    return (*six, *whole), bool(six)


def scale_text(rows: Iterable[Mapping[Aspect, AspectFigures]]) -> str:
    """``1-5``; where the answer as a whole has another scale than aspects that are shown beside it, both."""
    scales: dict[int, list[str]] = {}
    for row in rows:
        for aspect, figures in row.items():
            if figures.total:
                scales.setdefault(figures.scale, []).append(aspect)
    if len(scales) < 2:
        return f"1-{next(iter(scales), SCALE)}"
    others = (f"{', '.join(dict.fromkeys(names))} 1-{scale}" for scale, names in scales.items() if scale != SCALE)
    return f"1-{SCALE}; {'; '.join(others)}"


def turn_table(
    labels: Sequence[str], rows: Iterable[tuple[Sequence[Cell], TurnFigures]], title: str = "Scores by turn"
) -> Table | None:
    """Mean scores of each turn, and both means over all turns, one row an aspect; None without any instruction of several turns."""
    known = list(rows)
    turns = sorted({turn for _, figures in known for turn in figures.by_turn}, key=int)
    cells: list[Sequence[Cell]] = [
        [
            *names, aspect,
            *(interval(of[aspect]) if aspect in (of := figures.by_turn.get(turn, {})) else None for turn in turns),
            interval(figures.pooled[aspect]), interval(figures.mean_of_turns[aspect]),
            f"{figures.pooled[aspect].scored}/{figures.pooled[aspect].total}",
        ]
        for names, figures in known
        for aspect in EVERY_ASPECT
        if aspect in figures.pooled
    ]  # fmt: skip
    if not cells:
        return None
    columns = [*labels, "aspect", *(f"turn {turn}" for turn in turns), "pooled", "mean of turns", "scored/answers"]
    scale = scale_text(figures.pooled for _, figures in known)
    return Table(f"{title} ({scale})", columns, cells, TURNS_CAPTION)


def pooled_table(labels: Sequence[str], rows: Iterable[tuple[Sequence[Cell], TurnFigures]]) -> Table | None:
    """The pooled means, one row a system, with the mean of each turn behind them; None without any."""
    known = list(rows)
    aspects = [aspect for aspect in EVERY_ASPECT if any(aspect in figures.pooled for _, figures in known)]
    cells: list[Sequence[Cell]] = []
    for names, figures in known:
        turns = {
            aspect: "; ".join(interval(estimate_only(of[aspect])) for of in figures.by_turn.values() if aspect in of)
            for aspect in figures.pooled
        }
        shown = [f"{interval(figures.pooled[of])} ({turns[of]})" if of in turns else None for of in aspects]
        cells.append([*names, *shown])
    if not aspects:
        return None
    scale = scale_text(figures.pooled for _, figures in known)
    caption = f"{POOLED_CAPTION} In round brackets the mean of each turn, first to last."
    return Table(f"Scores over all turns, pooled ({scale})", [*labels, *aspects], cells, caption)


def estimate_only(estimate: Estimate) -> Estimate:
    """The mean without its interval."""
    return Estimate(mean=estimate.mean, low=None, high=None)


POOLED_CAPTION = "Of the instructions of several turns; pooled: the mean of all scores of all turns, as MT-Bench publishes its average."
TURNS_CAPTION = f"{POOLED_CAPTION} Mean of turns: the mean of the turns' means."


def _scored_text(row: ScoreRow) -> str:
    figures = row.aspects.values()
    return f"{sum(part.scored for part in figures)}/{sum(part.total for part in figures)}" if figures else "not judged"


def kl_text(shift: ShiftFigures) -> str:
    """Mean KL where it is exact; a bound is never shown as if it were the mean."""
    known = ((shift.kl, ""), (shift.kl_lower_bound, "at least "))
    return "; ".join(
        f"{bound}{interval(mean)}"
        + ("" if mean.positions == shift.positions else f" over {mean.positions:,} positions")
        for mean, bound in known
        if mean.positions
    ) or show(None)


def measured_text(shift: ShiftFigures) -> str:
    """Measured answers of all instructions, as far as those are known."""
    if shift.no_answer is None or shift.too_long is None or shift.unsupported is None:
        return f"{shift.measured}/?"
    return f"{shift.measured}/{shift.measured + shift.no_answer + shift.too_long + shift.unsupported}"


SHIFT_COLUMNS: Mapping[str, Callable[[ShiftFigures], Cell]] = {
    "unshifted %": lambda shift: interval(shift.unshifted, 100),
    "marginal %": lambda shift: interval(shift.marginal, 100),
    "shifted %": lambda shift: interval(shift.shifted, 100),
    "KL (nats)": kl_text,
    "KL reversed (nats)": lambda shift: interval(shift.kl_reverse),
    "base probability": lambda shift: interval(shift.base_probability),
    "aligned rank 1 %": lambda shift: interval(shift.aligned_rank_1, 100) if shift.aligned_rank_1 else show(None),
    "style share of shifted %": lambda shift: (
        interval(shift.style.share_of_shifted, 100) if shift.style else show(None)
    ),
    "positions": lambda shift: shift.positions,
    "measured/instructions": measured_text,
    "answers": lambda shift: shift.measured,
}


def shift_table(
    labels: Sequence[str],
    rows: Iterable[tuple[Sequence[Cell], ShiftFigures]],
    more: Sequence[str],
    caption: str | None = None,
) -> Table:
    """Shares and KL with intervals (paper, section 2.2), then those of SHIFT_COLUMNS that ``more`` names."""
    columns = ["unshifted %", "marginal %", "shifted %", "KL (nats)", *more]
    cells = [[*names, *(SHIFT_COLUMNS[column](shift) for column in columns)] for names, shift in rows]
    return Table("Token distribution shift", [*labels, *columns], cells, caption)


def difference_table(differences: Sequence[PairedDifference], name: Callable[[str], str]) -> Table:
    """Paired differences of scores, one row a test; ``name`` is what a system is called."""
    rows: list[Sequence[Cell]] = [
        [name(row.first), name(row.second), row.aspect, row.n, interval(row), _p(row.p), _p(row.p_holm)]
        for row in differences
    ]
    return Table("Paired differences", ["A", "B", "aspect", "n", "A - B", "p", "p (Holm)"], rows)


def difference_text(difference: Estimate, p: float | None, *, scale: float = 1.0, n: int | None = None) -> str:
    """``+0.25 [0.10, 0.40] (n 40, p 0.0120)``; a dash for what is missing."""
    if difference.mean is None:
        return show(None)
    notes = ", ".join([*([] if n is None else [f"n {n:,}"]), *([] if p is None else [f"p {_p(p)}"])])
    sign = "+" if round(difference.mean * scale, 2) > 0 else ""
    return f"{sign}{interval(difference, scale)}" + (f" ({notes})" if notes else "")


def interval(estimate: Estimate, scale: float = 1.0) -> str:
    """``4.20 [4.01, 4.35]``; a dash for what is missing."""
    if estimate.mean is None:
        return show(None)
    text = f"{estimate.mean * scale:z.2f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [{estimate.low * scale:z.2f}, {estimate.high * scale:z.2f}]"


def interval_caption(confidence: float, resamples: int, seed: int, unit: str) -> str:
    """What the brackets are."""
    return f"In brackets: {100 * confidence:g} % bootstrap intervals ({resamples:,} resamples of {unit}, seed {seed})."


def _p(value: float | None) -> str | None:
    return None if value is None else f"{value:.4f}"
