"""How two base contexts differ over the same answers: what a prompt alone explains of the shift."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from urial.records.report import ContextComparison, Estimate, ShiftDifference
from urial.statistics.bootstrap import Bootstrap, ratio, sign_flip_p
from urial.statistics.paired import with_holm
from urial.token_shift.figures.positions import CATEGORIES, COLUMNS, Floats, Integers, Positions

if TYPE_CHECKING:
    import pyarrow as pa

TESTED = ("unshifted", "shifted", "kl")


@dataclass(frozen=True)
class Pairing:
    """The rows of two measurements that stand for the same position of the same answer."""

    # Rows of each, in the order of the first.
    first: Integers
    second: Integers
    # Positions that both measured, but with different tokens: the answers are not the same.
    different: int


def compare_contexts(tables: Mapping[str, "pa.Table"], bootstrap: Bootstrap) -> tuple[ContextComparison, ...]:
    """Every context against the first one, with p-values corrected for all of these together."""
    names = list(tables)
    return with_holm(
        tuple(compare((names[0], name), (tables[names[0]], tables[name]), bootstrap) for name in names[1:])
    )


def compare(names: tuple[str, str], tables: tuple["pa.Table", "pa.Table"], bootstrap: Bootstrap) -> ContextComparison:
    """The second context against the first, over the positions measured under both; p-values are not yet corrected.

    Differences are ratios of sums over answers. Flipping the sign of an answer flips all of its positions, so a test is of
    one number an answer: the sum of its positions' differences.
    """
    both = pair(*tables)
    first, second = (
        Positions.of(table.select(COLUMNS).take(rows))
        for table, rows in zip(tables, (both.first, both.second), strict=True)
    )
    columns = _columns(first, second)
    sums = bootstrap.sums(np.stack(list(columns.values()), axis=1))
    total = dict(zip(columns, sums.T, strict=True))

    def share(top: str, bottom: str) -> Estimate:
        return bootstrap.estimates(ratio(total[top], total[bottom])[:, None])[0]

    counts: dict[str, Any] = {
        name: int(total[name][0]) for name in ("positions", "shifted_first", "shifted_second", "shifted_both")
    }
    fields: dict[str, Any] = {
        name: ShiftDifference(
            **share(name, known).model_dump(),
            positions=int(total[known][0]),
            p=sign_flip_p(columns[name][columns[known] > 0].tolist(), bootstrap.seed),
            p_holm=None,
        )
        for name, known in zip(TESTED, ("positions", "positions", "kl_known"), strict=True)
    }
    return ContextComparison(
        first=names[0],
        second=names[1],
        answers=len(first.ids),
        only_first=len(tables[0]) - counts["positions"],
        only_second=len(tables[1]) - counts["positions"],
        **counts,
        **fields,
        explained=share("explained", "shifted_first"),
        introduced=share("introduced", "shifted_second"),
    )


def pair(first: "pa.Table", second: "pa.Table") -> Pairing:
    """Rows of the same instruction, position and token. An instruction's positions are each in one row of a table."""
    import pyarrow.compute as pc

    ids = pc.unique(first["instruction_id"])
    span = 1 + max((pc.max(table["position"]).as_py() or 0 for table in (first, second)), default=0)
    keys, rows = [], []
    for table in (first, second):
        found = pc.index_in(table["instruction_id"], value_set=ids)
        known = found.is_valid().to_numpy()
        answer = np.asarray(found.filter(known).to_numpy(), np.int64)
        rows.append(np.flatnonzero(known))
        keys.append(answer * span + np.asarray(table["position"].to_numpy(), np.int64)[known])
    _, *places = np.intersect1d(keys[0], keys[1], assume_unique=True, return_indices=True)
    matched = [own[place] for own, place in zip(rows, places, strict=True)]
    order = np.argsort(matched[0])
    one, other = (own[order] for own in matched)
    same = pc.equal(first["token"].take(one), second["token"].take(other)).to_numpy()
    return Pairing(one[same], other[same], int((~same).sum()))


def _columns(first: Positions, second: Positions) -> dict[str, Floats]:
    """Sums over the positions of each answer; differences are second minus first."""
    unshifted, shifted = (
        [found.category == CATEGORIES.index(name) for found in (first, second)] for name in ("unshifted", "shifted")
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
    return {name: np.bincount(first.answer, value, len(first.ids)).astype(float) for name, value in values.items()}
