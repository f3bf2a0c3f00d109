"""From positions to figures: category shares, means, labels, the tokens shifted most, and what was not measured."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.core.errors import UrialError
from urial.records.report import EndCounts, KindFigures, PositionMean, ShiftFigures
from urial.records.token_shift import LABELS, ShiftCoverage
from urial.statistics.bootstrap import Bootstrap, ratio
from urial.token_shift.figures.positions import (
    CATEGORIES,
    KINDS,
    SHIFTED,
    Floats,
    Integers,
    Positions,
    grouped,
    indices,
)
from urial.token_shift.figures.tokens import (
    PRIOR_TOTAL,
    TOP_SHIFTED,
    token_counts,
    top_log_odds,
    top_tokens,
    top_words,
    word_counts,
)

if TYPE_CHECKING:
    import pyarrow as pa

MEANS = ("kl", "kl_lower_bound", "kl_reverse", "js", "base_entropy", "aligned_entropy", "base_probability")


def summarize(
    table: "pa.Table", coverage: Sequence[ShiftCoverage] | None, bootstrap: Bootstrap, top: int = TOP_SHIFTED
) -> ShiftFigures:
    """Figures of one context, with intervals over the measured answers; lists have ``top`` tokens or words at most.

    Without ``coverage``, answers that were not measured are not known and not counted.
    """
    found = Positions.of(table)
    sums = bootstrap.sums(found.categories().astype(np.float64))
    shares = bootstrap.estimates(ratio(sums, sums.sum(axis=1, keepdims=True)))
    tokens, words = token_counts(table, found), word_counts(table, found)
    kinds = _kinds(table, found, bootstrap)
    fields: dict[str, Any] = {
        **_counts(found, coverage),
        **dict(zip(CATEGORIES, shares, strict=True)),
        **_means(table, found, bootstrap),
    }
    return ShiftFigures(
        **fields,
        positions=len(table),
        ties=_ties(table),
        style=kinds.get("style"),
        knowledge=kinds.get("knowledge"),
        labels=dict(zip(LABELS, _of_kinds(found, found.label, len(LABELS), bootstrap), strict=True)),
        top_shifted=top_tokens(tokens, top),
        top_words=top_words(words, top),
        log_odds_prior=PRIOR_TOTAL,
        log_odds_tokens=top_log_odds(tokens, top),
        log_odds_words=top_log_odds(words, top),
    )


def _counts(found: Positions, coverage: Sequence[ShiftCoverage] | None) -> dict[str, object]:
    if coverage is None:
        unknown = ("no_answer", "too_long", "unsupported", "retokenized", "unmatched", "ends", "vocabulary")
        return {"measured": len(found.ids), **dict.fromkeys(unknown)}
    statuses = Counter(row.status for row in coverage)
    measured = [row for row in coverage if row.status == "measured"]
    ends = Counter(row.end for row in measured)
    return {
        **{status: statuses[status] for status in ("measured", "no_answer", "too_long", "unsupported")},
        "retokenized": sum(row.retokenized for row in measured),
        "unmatched": sum(row.unmatched for row in measured),
        "ends": EndCounts(none=ends["none"], same=ends["same"], base=ends["base"], dropped=ends["dropped"]),
        "vocabulary": _vocabulary(measured),
    }


def _vocabulary(measured: Sequence[ShiftCoverage]) -> int | None:
    sizes = sorted({row.vocabulary for row in measured if row.vocabulary is not None})
    if len(sizes) > 1:
        raise UrialError(
            f"answers of one context were measured over different vocabularies: of {sizes[0]:,} and {sizes[1]:,} tokens",
            expected="the coverage of one pair of models",
        )
    return sizes[0] if sizes else None


def _ties(table: "pa.Table") -> int | None:
    known = table["base_ties"].drop_null().to_numpy()
    return int((known > 0).sum()) if len(known) or not len(table) else None


def _means(table: "pa.Table", found: Positions, bootstrap: Bootstrap) -> dict[str, PositionMean]:
    """Each mean over the positions whose value is known."""
    frame = table.select(MEANS[:-1]).to_pandas()
    frame[MEANS[-1]] = found.base_probability
    groups = frame.groupby(found.answer)
    means = {}
    for name in MEANS:
        sums, counts = groups[name].sum(), groups[name].count()
        estimate = bootstrap.ratio(sums.tolist(), counts.tolist())
        means[name] = PositionMean(**estimate.model_dump(), positions=int(counts.sum()))
    return means


def _kinds(table: "pa.Table", found: Positions, bootstrap: Bootstrap) -> dict[str, KindFigures]:
    """Figures by kind; empty where no truth is known."""
    kind = indices(table["kind"], KINDS)
    if (kind < 0).all():
        return {}
    # Tokens of no kind come last and are left out.
    figures = _of_kinds(found, np.where(kind < 0, len(KINDS), kind), len(KINDS) + 1, bootstrap)
    return dict(zip(KINDS, figures, strict=False))


def _of_kinds(found: Positions, kind: Integers, kinds: int, bootstrap: Bootstrap) -> list[KindFigures]:
    """Figures of the tokens of each kind, which ``kind`` numbers from 0."""
    shape = (len(found.ids), kinds)
    shifted = found.category == SHIFTED
    emitted, moved = grouped(found.answer, kind, shape), grouped(found.answer[shifted], kind[shifted], shape)
    sums: Floats = bootstrap.sums(np.hstack([emitted, moved]).astype(np.float64))
    emitted_sums, moved_sums = sums[:, :kinds], sums[:, kinds:]
    rates = bootstrap.estimates(ratio(moved_sums, emitted_sums))
    parts = bootstrap.estimates(ratio(moved_sums, moved_sums.sum(axis=1, keepdims=True)))
    return [
        KindFigures(positions=int(total), shifted=rate, share_of_shifted=part)
        for total, rate, part in zip(emitted_sums[0], rates, parts, strict=True)
    ]
