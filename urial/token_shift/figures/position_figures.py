"""What more a position tells: signed difference, first divergence, landmarks, truncated divergences and threshold curves.

All of it is of the stored columns and candidates. These are read once, some rows at a time, and only sums over each answer are kept.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.records.shift_figures import LogRatio, PositionMean
from urial.records.token_shift import ShiftCoverage
from urial.statistics.bootstrap import Bootstrap, Floats, Integers, ratio
from urial.token_shift.figures.candidates import Groups, candidates_of, exchanged_ends, rank_bounds
from urial.token_shift.figures.greedy import Parting, first_divergence, greedy_states
from urial.token_shift.figures.landmarks import Landmarks, landmark_figures
from urial.token_shift.figures.positions import Positions, Truths, floats
from urial.token_shift.figures.thresholds import above_nats, above_ranks
from urial.token_shift.figures.truncated import truncated_figures, truncations, values_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass
class CandidateSums:
    """What the candidates tell of each of A answers, as sums over its rows."""

    parting: Parting
    # By threshold: rows of which it is known whether the rank is above it, and those where it is.
    ranks: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)
    # By the way of truncating and by what is summed.
    truncated: dict[str, dict[str, Floats]] = field(default_factory=lambda: defaultdict(dict))


def candidate_sums(
    table: "pa.Table", positions: Positions, groups: Groups, coverage: Sequence[ShiftCoverage] | None
) -> CandidateSums:
    """Of the rows that ``groups`` has, which are those of the table."""
    import pyarrow as pa
    import pyarrow.compute as pc

    count, names = len(positions.ids), pa.array(positions.ids, pa.string())
    exchanged, sums = exchanged_ends(table, groups, coverage), CandidateSums(Parting.of_none(count))
    for group in groups():
        if not len(group):
            continue
        answer = np.asarray(pc.index_in(group["instruction_id"], value_set=names).to_numpy(), np.int64)
        candidates = candidates_of(group, exchanged)
        sums.parting.add(answer, np.asarray(group["position"].to_numpy(), np.int64), greedy_states(group, candidates))
        for rank, both in above_ranks(*rank_bounds(group, candidates)).items():
            known, above = sums.ranks.setdefault(rank, (np.zeros(count), np.zeros(count)))
            _add(known, answer, both[0])
            _add(above, answer, both[1])
        for name, found in truncations(candidates):
            for value, row_values in values_of(found, floats(group["kl"]), floats(group["js"])).items():
                _add(sums.truncated[name].setdefault(value, np.zeros(count)), answer, row_values)
    return sums


def _add(totals: Floats, answer: Integers, values: Any) -> None:
    """Add what each row has to its answer's; the rows of a group are of few answers that stand together."""
    low, high = int(answer.min()), int(answer.max()) + 1
    totals[low:high] += np.bincount(answer - low, values, high - low)


def first_divergences(
    table: "pa.Table", groups: Groups, coverage: Sequence[ShiftCoverage] | None
) -> dict[str, float | None]:
    """The first divergence of each measured answer by its instruction: a position, infinity: never within it, None: not known."""
    positions = Positions.of(table)
    first = candidate_sums(table, positions, groups, coverage).parting.first(positions)
    return {name: None if np.isnan(value) else value for name, value in zip(positions.ids, first.tolist(), strict=True)}


def further_figures(
    table: "pa.Table",
    positions: Positions,
    groups: Groups,
    coverage: Sequence[ShiftCoverage] | None,
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    """The fields of ShiftFigures that this module is about, by name."""
    sums = candidate_sums(table, positions, groups, coverage)
    rank = floats(table["aligned_rank"])
    of_rows = {"kl_above": above_nats(positions.kl), "aligned_rank": {"1": (np.isfinite(rank), rank == 1)}}
    counted = {("rank_above", name): both for name, both in sums.ranks.items()} | {
        (field, name): (_of_answers(positions, known), _of_answers(positions, above))
        for field, thresholds in of_rows.items()
        for name, (known, above) in thresholds.items()
        if known.any()
    }
    shares = _shares(counted, bootstrap)
    return {
        "log_ratio": _log_ratio(positions, bootstrap),
        "aligned_rank_1": shares.get(("aligned_rank", "1")),
        "first_divergence": first_divergence(sums.parting.first(positions), bootstrap),
        "landmarks": landmark_figures(Landmarks.of(table, positions), bootstrap),
        "truncated": truncated_figures(sums.truncated, len(table), bootstrap),
        "rank_above": {name: share for (of, name), share in shares.items() if of == "rank_above"},
        "kl_above": {name: share for (of, name), share in shares.items() if of == "kl_above"},
    }


def _log_ratio(positions: Positions, bootstrap: Bootstrap) -> LogRatio | None:
    """Of the emitted tokens; None where it is not known of any."""
    found = positions.log_ratio
    known = np.isfinite(found)
    if not known.any():
        return None
    weights = (known, np.where(known, found, 0.0), known & (found > 0))
    counts, sums, above = (np.bincount(positions.answer, weight, len(positions.ids)).tolist() for weight in weights)
    mean, positive = bootstrap.ratios([(sums, counts), (above, counts)])
    return LogRatio(**mean.model_dump(), positions=int(known.sum()), positive=positive)


def _of_answers(positions: Positions, counted: Truths) -> Floats:
    """How many rows of each answer count."""
    return np.bincount(positions.answer, counted, len(positions.ids)).astype(np.float64)


def _shares(
    counted: Mapping[tuple[str, str], tuple[Floats, Floats]], bootstrap: Bootstrap
) -> dict[tuple[str, str], PositionMean]:
    """By field and threshold: of the positions that are known, the share that counts; both are counts of each answer."""
    if not counted:
        return {}
    known, above = (np.stack([pair[part] for pair in counted.values()], axis=1) for part in (0, 1))
    sums = bootstrap.sums(np.concatenate([known, above], axis=1))
    estimates = bootstrap.estimates(ratio(sums[:, len(counted) :], sums[:, : len(counted)]))
    return {
        name: PositionMean(**estimate.model_dump(), positions=int(total))
        for name, estimate, total in zip(counted, estimates, known.sum(axis=0), strict=True)
    }
