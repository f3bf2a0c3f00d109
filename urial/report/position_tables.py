"""The tables of what more a position tells: signed difference, first divergence, landmarks, truncated divergences, thresholds."""

from collections.abc import Sequence

from urial.core.tables import Cell, Table
from urial.records.estimate import Estimate
from urial.report.inputs import ReportInputs
from urial.report.shift_tables import CONTEXT, ENDS, Figures
from urial.statistics.bootstrap import Bootstrap
from urial.statistics.tables import interval
from urial.token_shift.figures.landmarks import landmark_curve

THRESHOLDS = {"rank_above": "base rank above", "kl_above": "KL above, nats"}


def position_tables(figures: Figures, named: str = CONTEXT) -> dict[str, Table]:
    """All of them by name; those of figures that none of the measurements has are empty."""
    return {
        "log_ratio": log_ratio_table(figures, named),
        "first_divergence": first_divergence_table(figures, named),
        "landmarks": landmark_table(figures, named),
        "truncated": truncated_table(figures, named),
        "thresholds": threshold_table(figures, named),
    }


def log_ratio_table(figures: Figures, named: str = CONTEXT) -> Table:
    """The signed difference of the emitted token, and how often it is the aligned model's own first choice."""
    rows: list[Sequence[Cell]] = [
        [
            name,
            *([interval(ratio), interval(ratio.positive, 100), ratio.positions] if ratio else [None, None, 0]),
            *([interval(greedy, 100), greedy.positions] if greedy else [None, 0]),
            interval(shift.unshifted, 100),
            shift.positions,
        ]
        for name, shift in figures.items()
        for ratio, greedy in [(shift.log_ratio, shift.aligned_rank_1)]
    ]
    columns = [
        named, "log ratio (nats)", "above 0 %", "ratio known", "aligned rank 1 %", "rank known", "base rank 1 %", "positions",
    ]  # fmt: skip
    caption = (
        "Log ratio: mean of log p_aligned - log p_base of the emitted token. Aligned rank 1: the token is the aligned model's most "
        "probable one, as all of a greedy answer are."
    )
    return Table("Signed difference and rank under both models", columns, rows, caption)


def first_divergence_table(figures: Figures, named: str = CONTEXT) -> Table:
    """Where greedy decoding of the base model first leaves that of the aligned model."""
    rows: list[Sequence[Cell]] = []
    for name, shift in figures.items():
        if parting := shift.first_divergence:
            shares = (parting.at_0, parting.at_least_3, parting.at_least_5, parting.never)
            rows.append(
                [
                    name,
                    *(interval(share, 100) for share in shares),
                    interval(parting.median),
                    parting.answers,
                    parting.unknown,
                ]
            )
    columns = [named, "at 0 %", "at 3 or later %", "at 5 or later %", "never %", "median", "answers", "not known"]
    caption = (
        "First position of an answer at which the base model's most probable token is another than the aligned model's. Answers that "
        "never part within their length count as later, and make no median where they are more than half."
    )
    return Table("First divergence", columns, rows, caption)


def landmark_table(figures: Figures, named: str = CONTEXT) -> Table:
    """The tokens at each kind of landmark."""
    rows: list[Sequence[Cell]] = [
        [name, landmark, interval(found.shifted, 100), interval(found.kl), found.tokens, found.answers]
        for name, shift in figures.items()
        for landmark, found in shift.landmarks.items()
    ]
    columns = [named, "landmark", "shifted %", "KL (nats)", "tokens", "answers"]
    return Table("Tokens at landmarks of the answers", columns, rows)


def landmark_curve_table(inputs: ReportInputs) -> Table:
    """Means by distance from each kind of landmark, in tokens: below 0 before it."""
    bootstrap = Bootstrap.from_params(inputs.plan.report)
    rows: list[Sequence[Cell]] = [
        [
            name, point.landmark, point.distance, point.answers, *_parts(point.shifted), *_parts(point.kl), point.positions,
            point.kl_positions,
        ]
        for name, context in inputs.contexts.items()
        for point in landmark_curve(context.table, bootstrap)
    ]  # fmt: skip
    columns = [
        CONTEXT, "landmark", "distance", "answers", "shifted", "shifted_low", "shifted_high", "kl", "kl_low", "kl_high", "positions",
        "kl_positions",
    ]  # fmt: skip
    return Table("Token distribution shift by distance from landmarks", columns, rows)


def truncated_table(figures: Figures, named: str = CONTEXT) -> Table:
    """Truncated divergences beside the exact ones over the same positions."""
    rows: list[Sequence[Cell]] = [
        [
            name, way, interval(found.js), interval(found.js_exact), interval(found.js_zero, 100), interval(found.kl),
            interval(found.kl_exact), found.kl_infinite, interval(found.kl_common) if found.kl_common else None, found.positions,
            found.insufficient,
        ]
        for name, shift in figures.items()
        for way, found in shift.truncated.items()
    ]  # fmt: skip
    columns = [
        named, "truncated", "JS", "exact JS", "JS is 0 %", "KL where finite", "exact KL there", "KL infinite", "KL of base, common",
        "positions", "candidates too few",
    ]  # fmt: skip
    caption = (
        "In nats; distributions cut to the most probable tokens and renormalized, at the positions whose stored candidates suffice, "
        "beside the exact figures of the same positions. KL is of aligned from base; KL of base is of base from aligned, over the tokens "
        "that both keep, and can be negative."
    )
    return Table("Truncated divergences", columns, rows, caption)


def threshold_table(figures: Figures, named: str = CONTEXT) -> Table:
    """The share of positions above each threshold."""
    rows: list[Sequence[Cell]] = [
        [name, of, threshold, *(None if value is None else 100 * value for value in _parts(share)), share.positions]
        for name, shift in figures.items()
        for field, of in THRESHOLDS.items()
        for threshold, share in getattr(shift, field).items()
    ]
    columns = [named, "of", "threshold", "% above", "low", "high", "known"]
    return Table("Positions above thresholds", columns, rows)


def _parts(estimate: Estimate) -> list[float | None]:
    return [getattr(estimate, part) for part in ENDS]
