"""Threshold curves, also of ranks that are known as a range alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import BOOTSTRAP, served, table_of, token
from tests.token_shift.test_greedy import candidates
from urial.records.shift_figures import ShiftFigures
from urial.token_shift.figures.candidates import candidates_of, rank_bounds
from urial.token_shift.figures.summary import summarize
from urial.token_shift.figures.thresholds import NATS, RANKS

FIVE = candidates("base", (1, 0.4), (2, 0.3), (3, 0.1), (4, 0.05), (5, 0.05))


def figures(*rows: dict[str, object]) -> ShiftFigures:
    return summarize(table_of({str(number): [row] for number, row in enumerate(rows)}), None, BOOTSTRAP)


def bounds(row: dict[str, object]) -> tuple[float, float]:
    table = table_of({"a": [row]})
    least, most = rank_bounds(table, candidates_of(table, None))
    return float(least[0]), float(most[0])


@given(st.lists(st.tuples(st.integers(1, 3000), st.none() | st.floats(0, 20, width=32)), min_size=1, max_size=20))
def test_curves_are_counts_and_never_rise(measured: list[tuple[int, float | None]]) -> None:
    found = figures(*(token(rank, kl=kl) for rank, kl in measured))
    ranks = [found.rank_above[str(threshold)].mean for threshold in RANKS]
    assert ranks == [pytest.approx(np.mean([rank > threshold for rank, _ in measured])) for threshold in RANKS]
    assert ranks == sorted(ranks, reverse=True)  # type: ignore[type-var]
    assert found.rank_above["3"].mean == found.shifted.mean
    known = [kl for _, kl in measured if kl is not None]
    assert bool(found.kl_above) == bool(known)
    for nats in NATS if known else ():
        share = found.kl_above[f"{nats:g}"]
        assert share.mean == pytest.approx(np.mean([kl > nats for kl in known]))
        assert share.positions == len(known)


def test_of_what_a_server_tells_a_rank_is_known_where_its_range_is_on_one_side() -> None:
    exact = served(2, base_ties=0, base_logprob=np.log(0.3), **FIVE)
    within = served(5, base_logprob=np.log(0.05), **FIVE)
    at_most = served(40, base_logprob=np.log(0.01), **FIVE)
    below = served(None, base_logprob=np.log(0.01), **FIVE)
    assert [bounds(row) for row in (exact, within, at_most, below)] == [(2, 2), (5, 5), (6, 40), (6, np.inf)]
    found = figures(exact, at_most, below).rank_above
    assert [(found[key].mean, found[key].positions) for key in ("1", "5", "20", "50")] == [
        (1, 3), (pytest.approx(2 / 3), 3), (0, 1), (0, 2)]  # fmt: skip
    # Three candidates at least are above it, also where none are written.
    assert bounds(served(None, base_logprob=np.log(0.4))) == (4, np.inf)


def test_what_nothing_is_known_of_is_not_there() -> None:
    found = figures(served(1))
    assert found.kl_above == {}
    assert found.log_ratio is found.aligned_rank_1 is None
    dumped = summarize(table_of({}), None, BOOTSTRAP).model_dump()
    assert not {
        "log_ratio",
        "aligned_rank_1",
        "first_divergence",
        "landmarks",
        "truncated",
        "rank_above",
        "kl_above",
    } & set(dumped)


def test_the_signed_difference_is_of_positions_and_its_interval_of_answers() -> None:
    rows = [
        token(1, base_logprob=-2.0, aligned_logprob=-0.5),
        token(1, base_logprob=-1.0, aligned_logprob=-1.0, aligned_rank=3),
    ]
    found = summarize(table_of({"a": rows, "b": [rows[0]]}), None, BOOTSTRAP)
    assert found.log_ratio is not None
    assert found.aligned_rank_1 is not None
    assert (found.log_ratio.mean, found.log_ratio.positive.mean, found.aligned_rank_1.mean) == (1.0, 2 / 3, 2 / 3)
    # All resamples are of a, of b, or of both.
    assert (found.log_ratio.low, found.log_ratio.high) == (0.75, 1.5)
