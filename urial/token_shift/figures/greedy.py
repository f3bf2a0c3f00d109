"""First divergence: the first position of an answer at which the base model's most probable next token is another than the aligned
model's.

Along a greedy answer of the aligned model this is where greedy decoding of the base model, behind its own prompt, leaves it: until
then both have written the same text. Along any other answer it is the first position at which the two would choose differently if
each went on from there. Of tokens that are exactly as probable greedy decoding takes one by a rule of the software, so that a
position is known where the rule makes no difference: no token is the most probable one of both, or the same ones are.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from urial.records.estimate import Estimate
from urial.records.shift_figures import FirstDivergence
from urial.statistics.bootstrap import Bootstrap, Floats, Integers, ratio
from urial.token_shift.figures.candidates import Candidates, known_to_mean_the_same, rank_bounds
from urial.token_shift.figures.positions import Positions, floats

if TYPE_CHECKING:
    import pyarrow as pa

# Of one position: both models have the same most probable token, another one each, or it is not known.
SAME, PARTED, UNKNOWN = 0, 1, 2
# Shares of answers that part no earlier, as published of greedy base and instruct models.
EARLIEST = (3, 5)
# Positions of the curve of answers that have parted.
CURVE = 50
_FIELDS = ("at_0", *(f"at_least_{earliest}" for earliest in EARLIEST), "never")


def greedy_states(table: "pa.Table", candidates: Candidates) -> Integers:
    """SAME, PARTED or UNKNOWN for each row of a table that has the candidates.

    The emitted token's ranks decide where it is the only most probable token of one model and its rank under the other is
    known, the candidates elsewhere.
    """
    alone = {
        role: (floats(table[f"{role}_rank"]) == 1) & (floats(table[f"{role}_ties"]) == 0)
        for role in ("base", "aligned")
    }
    below = {"base": rank_bounds(table, candidates)[0] > 1, "aligned": floats(table["aligned_rank"]) > 1}
    by_rank = np.full(len(table), UNKNOWN)
    by_rank[(alone["aligned"] & below["base"]) | (alone["base"] & below["aligned"])] = PARTED
    by_rank[alone["aligned"] & alone["base"]] = SAME
    states = np.where(by_rank == UNKNOWN, _by_candidates(candidates), by_rank)
    return np.where(known_to_mean_the_same(table), states, UNKNOWN)


def _by_candidates(candidates: Candidates) -> Integers:
    """By the most probable candidates of each; unknown where a model's are all equal, so that there may be more."""
    states = np.full(len(candidates.comparable), UNKNOWN)
    if not candidates.base.size or not candidates.aligned.size:
        return states
    first, second = (side == side[:, :1] for side in (candidates.base, candidates.aligned))
    counts = (first.sum(axis=1), second.sum(axis=1))
    common = (first & (candidates.at_base(second.astype(np.float64)) > 0)).sum(axis=1)
    known = candidates.comparable & (counts[0] < candidates.base_count) & (counts[1] < candidates.aligned_count)
    states[known & (common == 0)] = PARTED
    states[known & (common == counts[0]) & (common == counts[1])] = SAME
    return states


@dataclass(frozen=True)
class Parting:
    """What is known of each of A answers, filled some rows at a time: positions, infinity where there is no such one."""

    parted: Floats
    unknown: Floats

    @classmethod
    def of_none(cls, answers: int) -> "Parting":
        """Before any row."""
        return cls(np.full(answers, np.inf), np.full(answers, np.inf))

    def add(self, answer: Integers, position: Integers, states: Integers) -> None:
        """Rows of answers, each at its position and with its state."""
        for state, first in ((PARTED, self.parted), (UNKNOWN, self.unknown)):
            np.minimum.at(first, answer[states == state], position[states == state])

    def first(self, positions: Positions) -> Floats:
        """The first divergence of each answer: a position, infinity: never within the answer, NaN: not known.

        It is not known where a position before it is not, or has no row.
        """
        until = np.minimum(self.parted, positions.lengths)
        before = np.bincount(
            positions.answer[positions.position < until[positions.answer]], minlength=len(positions.ids)
        )
        return np.where((self.unknown < self.parted) | (before < until), np.nan, self.parted)


def first_divergence(first: Floats, bootstrap: Bootstrap) -> FirstDivergence | None:
    """The figures of answers, of which ``first`` has the first divergence as Parting.first tells it; None: there are no answers."""
    if not len(first):
        return None
    known = np.isfinite(first) | np.isinf(first)
    columns = [np.where(known, first == 0, 0), *(known & (first >= earliest) for earliest in EARLIEST), np.isinf(first)]
    # The share of the known answers that have parted by each of the first positions, up to the last at which one does.
    last = int(min(CURVE - 1, first[np.isfinite(first)].max(initial=-1)))
    # NaN is at most nothing.
    columns += [first <= position for position in range(last + 1)]
    sums = bootstrap.sums(np.stack([*columns, known], axis=1).astype(np.float64))
    estimates = bootstrap.estimates(ratio(sums[:, :-1], sums[:, -1:]))
    return FirstDivergence(
        answers=int(known.sum()),
        unknown=int((~known).sum()),
        median=_median(np.where(known, first, np.nan), bootstrap),
        parted=tuple(estimates[len(_FIELDS) :]),
        **dict(zip(_FIELDS, estimates, strict=False)),
    )


def divergence_how(field: str, place: str = "") -> str:
    """How a value of FirstDivergence is made, in words; of ``parted``, that of the position ``place``."""
    if field == "parted":
        return f"share of the answers, of those that are known, that part at position {place} or before"
    if field in ("answers", "unknown"):
        return "count of the measured answers of which the first divergence is " + (
            "known" if field == "answers" else "not known"
        )
    if field == "median":
        return "smallest position by which half of the answers, of those that are known, have parted"
    earliest = field.removeprefix("at_least_")
    what = {"at_0": "part at position 0", "never": "do not part"}.get(field, f"do not part before position {earliest}")
    return f"share of the answers, of those that are known, that {what}"


def divergence_reasons(first: Floats, field: str, place: str = "") -> list[str | None]:
    """Why an answer does not count in a figure of FirstDivergence, named likewise; None where it does."""
    counts = {
        "at_0": (first == 0, "parts later, or never"),
        **{f"at_least_{earliest}": (first >= earliest, "parts earlier") for earliest in EARLIEST},
        "never": (np.isinf(first), "parts"),
        "unknown": (np.isnan(first), "known"),
    }
    if field == "parted":
        counts[field] = (first <= float(place), "parts later, or never")
    counted, others = counts.get(field, (~np.isnan(first), ""))
    return [
        None if is_counted else "not known" if np.isnan(value) else others
        for value, is_counted in zip(first.tolist(), counted.tolist(), strict=True)
    ]


def _median(first: Floats, bootstrap: Bootstrap) -> Estimate:
    """The smallest position by which half of the known answers have parted, and its interval, by the same rule.

    A position is one of those that are there, and is not interpolated: there is nothing between one and never.
    """
    order = np.argsort(first, kind="stable")  # NaN last
    ordered = first[order][: int((~np.isnan(first)).sum())]

    def medians(counts: Floats) -> Floats:
        """Of answers counted so often, [draws, answers] -> [draws]; NaN of a draw without any that is known."""
        totals = counts[:, order[: len(ordered)]].cumsum(axis=1)
        if not totals.shape[1]:
            return np.full(len(counts), np.nan)
        reached = totals >= totals[:, -1:] / 2
        return np.where(totals[:, -1] > 0, ordered[reached.argmax(axis=1)], np.nan)

    mean = medians(np.ones((1, len(first))))[0]
    drawn = [medians(counts) for counts in bootstrap.counts(len(first))]
    resampled = np.sort(np.concatenate([*drawn, np.zeros(0)]))
    resampled = resampled[~np.isnan(resampled)]
    tail = (1 - bootstrap.confidence) / 2
    ends = (
        [resampled[max(0, int(np.ceil(part * len(resampled))) - 1)] for part in (tail, 1 - tail)]
        if len(resampled)
        else [np.nan] * 2
    )
    low, high = (float(end) if np.isfinite(end) else None for end in ends)
    return Estimate(mean=float(mean) if np.isfinite(mean) else None, low=low, high=high)
