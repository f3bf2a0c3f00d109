"""How two base contexts differ over the same answers: what a prompt alone explains of the shift."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.records.shift_figures import ContextComparison, ShiftDifference
from urial.statistics.bootstrap import Bootstrap, Floats, Integers, ratio
from urial.statistics.paired import PERMUTATIONS, sign_flip_p, with_holm
from urial.token_shift.figures.positions import CATEGORIES, COLUMNS, Positions

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class PairedFigure:
    """A figure of the positions measured under both, by the names of ``position_values``: a sum of its own, over another one."""

    how: str
    # Positions that go in.
    of: str = "positions"
    # Those of them that count, and that a mean is over; None: those whose own value is not 0, and a share is over all.
    counted: str | None = None
    others: str = "the same under both"
    # A count is over nothing.
    is_count: bool = False

    @property
    def over(self) -> str:
        """What the sum is divided by."""
        return self.counted or self.of


_COUNT = "over the positions of both contexts, counted"
_CHANGE = "over the positions measured under both, second minus first"
PAIRED_FIGURES: Mapping[str, PairedFigure] = {
    "positions": PairedFigure(_COUNT, is_count=True),
    **{
        name: PairedFigure(_COUNT, others=f"not {name.replace('_', ' ')}", is_count=True)
        for name in ("shifted_first", "shifted_second", "shifted_both")
    },
    "unshifted": PairedFigure(_CHANGE),
    "shifted": PairedFigure(_CHANGE),
    "kl": PairedFigure(_CHANGE, counted="kl_known", others="not known under both"),
    "explained": PairedFigure(
        "of the positions shifted under the first, the share that is not under the second",
        of="shifted_first",
        others="shifted under both",
    ),
    "introduced": PairedFigure(
        "of the positions shifted under the second, the share that is not under the first",
        of="shifted_second",
        others="shifted under both",
    ),
}
TESTED = ("unshifted", "shifted", "kl")


@dataclass(frozen=True)
class Pairing:
    """The rows of two measurements that stand for the same position of the same answer."""

    # Rows of each, in the order of the first.
    first: Integers
    second: Integers
    # Positions that both measured, but with different tokens: the answers are not the same.
    different: int


def comparison_how(name: str, field: str, seed: int) -> str:
    """How the value ``field`` of a ContextComparison's figure ``name`` is made, in words."""
    if field not in ("p", "p_holm"):
        return PAIRED_FIGURES.get(name, PAIRED_FIGURES["positions"]).how
    corrected = "; corrected for all tests of the list (Holm)" if field == "p_holm" else ""
    return (
        f"two-sided permutation test of {name} by sign flips of answers, {PERMUTATIONS:,} draws or all, seed "
        f"{seed}{corrected}"
    )


def compare_contexts(
    tables: Mapping[str, "pa.Table"], bootstrap: Bootstrap, read: Mapping[str, Hashable] | None = None
) -> tuple[ContextComparison, ...]:
    """Every measurement against the first one of the same answers, with p-values corrected for all of these together.

    ``read`` says which answers behind which aligned prompts each is of: only the base model's prompts differ between two that
    are compared. None: all are of the same.
    """
    firsts: dict[Hashable, str] = {}
    pairs = [(firsts.setdefault(read and read[name], name), name) for name in tables]
    return with_holm(
        tuple(
            compare_measurements((first, name), (tables[first], tables[name]), bootstrap)
            for first, name in pairs
            if name != first
        )
    )


def compare_measurements(
    names: tuple[str, str], tables: tuple["pa.Table", "pa.Table"], bootstrap: Bootstrap
) -> ContextComparison:
    """The second context against the first, over the positions measured under both; p-values are not yet corrected.

    Differences are ratios of sums over answers. Flipping the sign of an answer flips all of its positions, so a test is of
    one number an answer: the sum of its positions' differences.
    """
    both = pair(*tables)
    taken = zip(tables, (both.first, both.second), strict=True)
    first, second = (Positions.of(table.select(COLUMNS).take(rows)) for table, rows in taken)
    answers, values = len(first.ids), position_values(first, second)
    # Sums over the positions of each answer.
    columns = {name: np.bincount(first.answer, value, answers).astype(float) for name, value in values.items()}
    sums = bootstrap.sums(np.stack(list(columns.values()), axis=1))
    totals = dict(zip(columns, sums.T, strict=True))
    fields: dict[str, Any] = {
        name: int(totals[name][0])
        if figure.is_count
        else bootstrap.estimates(ratio(totals[name], totals[figure.over])[:, None])[0]
        for name, figure in PAIRED_FIGURES.items()
    }
    for name in TESTED:
        over = PAIRED_FIGURES[name].over
        fields[name] = ShiftDifference(
            **fields[name].model_dump(),
            positions=int(totals[over][0]),
            p=sign_flip_p(columns[name][columns[over] > 0].tolist(), bootstrap.seed),
            p_holm=None,
        )
    return ContextComparison(
        first=names[0],
        second=names[1],
        answers=answers,
        only_first=len(tables[0]) - fields["positions"],
        only_second=len(tables[1]) - fields["positions"],
        **fields,
    )


def pair(first: "pa.Table", second: "pa.Table") -> Pairing:
    """Rows of the same instruction, position and token. An instruction's positions are each in one row of a table."""
    import pyarrow.compute as pc

    ids = pc.unique(first["instruction_id"])
    span = 1 + max((pc.max(table["position"]).as_py() or 0 for table in (first, second)), default=0)
    keys, rows = [], []
    for table in (first, second):
        answers = pc.index_in(table["instruction_id"], value_set=ids)
        known = answers.is_valid().to_numpy()
        answer = np.asarray(answers.filter(known).to_numpy(), np.int64)
        rows.append(np.flatnonzero(known))
        keys.append(answer * span + np.asarray(table["position"].to_numpy(), np.int64)[known])
    _, *common = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    matched = [own[index] for own, index in zip(rows, common, strict=True)]
    order = np.argsort(matched[0])
    one, other = (own[order] for own in matched)
    same = pc.equal(first["token"].take(one), second["token"].take(other)).to_numpy()
    return Pairing(one[same], other[same], int((~same).sum()))


def position_values(first: Positions, second: Positions) -> dict[str, Floats]:
    """What figures add up of each position measured under both; differences are second minus first."""
    unshifted, shifted = (
        [side.category == CATEGORIES.index(name) for side in (first, second)] for name in ("unshifted", "shifted")
    )
    kl = second.kl - first.kl
    known = np.isfinite(kl)
    values = {
        "positions": np.ones(len(kl)),
        "unshifted": unshifted[1].astype(float) - unshifted[0],
        "shifted": shifted[1].astype(float) - shifted[0],
        "kl": np.where(known, kl, 0.0),
        "kl_known": known,
        "shifted_first": shifted[0],
        "shifted_second": shifted[1],
        "shifted_both": shifted[0] & shifted[1],
        "explained": shifted[0] & ~shifted[1],
        "introduced": shifted[1] & ~shifted[0],
    }
    return {name: np.asarray(value, np.float64) for name, value in values.items()}
