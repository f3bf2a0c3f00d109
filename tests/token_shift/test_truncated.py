"""Truncated divergences of a few candidates, by hand and against a plain loop."""

from math import exp, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import BOOTSTRAP, covered, served, table_of, token
from tests.token_shift.test_greedy import candidates
from urial.records.shift_figures import TruncatedDivergence
from urial.token_shift.figures.candidates import candidates_of, exchanged_ends, groups_of
from urial.token_shift.figures.summary import summarize
from urial.token_shift.figures.truncated import Truncated, truncated

Chosen = list[tuple[int, float]]


def cut(way: str, base: Chosen, aligned: Chosen, **changes: Any) -> Truncated:
    table = table_of({"a": [token(1, **candidates("base", *base), **candidates("aligned", *aligned), **changes)]})
    return truncated(candidates_of(table, None), way)


def figures(*rows: dict[str, Any]) -> dict[str, TruncatedDivergence]:
    return dict(summarize(table_of({"a": list(rows)}), None, BOOTSTRAP).truncated)


def test_one_and_the_same_token_is_no_divergence_and_two_others_are_ln_2() -> None:
    same = cut("top_p_0.7", [(1, 0.8), (2, 0.1)], [(1, 0.7), (2, 0.2)])
    assert (same.js[0], same.kl[0]) == (0, 0)
    other = cut("top_p_0.7", [(1, 0.8), (2, 0.1)], [(2, 0.7), (1, 0.2)])
    assert other.js[0] == pytest.approx(log(2))
    assert other.kl[0] == np.inf
    assert other.kl_common[0] == 0


def test_the_token_that_reaches_the_probability_is_kept_and_the_next_one_is_not() -> None:
    # Base: 1 and 2, renormalized 5/8 and 3/8; aligned: 1 alone.
    found = cut("top_p_0.7", [(1, 0.5), (2, 0.3), (3, 0.1)], [(1, 0.75), (2, 0.2)])
    assert found.kl[0] == pytest.approx(log(8 / 5))
    middle = (1 + 5 / 8) / 2
    expected = (5 / 8 * log(5 / 8 / middle) + 3 / 8 * log(2) + log(1 / middle)) / 2
    assert found.js[0] == pytest.approx(expected)


def test_candidates_suffice_where_those_of_both_reach_the_probability() -> None:
    few = [(1, 0.4), (2, 0.2)]
    for base, aligned in (([(1, 0.9)], few), (few, [(1, 0.9)]), (few, few)):
        assert not cut("top_p_0.7", base, aligned).sufficient[0]
    assert cut("top_p_0.7", [(1, 0.9)], [(3, 0.9)]).sufficient[0]
    # A token outside of the other's candidates has no part in its distribution, whatever it had.
    assert cut("top_p_0.7", [(1, 0.9)], [(3, 0.9)]).js[0] == pytest.approx(log(2))


def test_the_demo_of_the_paper_sums_over_common_candidates_and_can_be_negative() -> None:
    found = cut("top_k_2", [(1, 0.2), (2, 0.1)], [(1, 0.3), (3, 0.1)])
    assert found.kl_common[0] == pytest.approx(2 / 3 * log((2 / 3) / (3 / 4)))
    assert found.kl_common[0] < 0
    assert found.kl[0] == np.inf
    assert not cut("top_k_3", [(1, 0.2), (2, 0.1)], [(1, 0.3), (3, 0.1)]).sufficient[0]


def test_the_exact_figures_are_of_the_same_positions() -> None:
    both = [(1, 0.8), (2, 0.1)]
    sure = {**candidates("base", *both), **candidates("aligned", *both)}
    unsure = {**candidates("base", (1, 0.3), (2, 0.1)), **candidates("aligned", (3, 0.3), (4, 0.1))}
    parts = {**candidates("base", *both), **candidates("aligned", (2, 0.8), (1, 0.1))}
    found = figures(
        token(1, kl=1.0, js=0.5, **sure), token(1, kl=4.0, js=0.25, **parts), token(1, kl=9.0, js=0.6, **unsure)
    )
    nucleus = found["top_p_0.7"]
    assert (nucleus.positions, nucleus.insufficient, nucleus.kl_infinite) == (2, 1, 1)
    assert nucleus.js.mean == pytest.approx(log(2) / 2)
    assert nucleus.js_exact.mean == 0.375
    assert nucleus.js_zero.mean == 0.5
    assert (nucleus.kl.mean, nucleus.kl.positions, nucleus.kl_exact.mean, nucleus.kl_exact.positions) == (0, 1, 1, 1)
    assert nucleus.kl_common is None
    assert found["top_k_2"].positions == 3
    assert found["top_k_2"].kl_common is not None
    assert "kl_common" not in nucleus.model_dump()


def test_a_server_gives_truncated_figures_and_no_exact_ones() -> None:
    both = {**candidates("base", (1, 0.8), (2, 0.1)), **candidates("aligned", (2, 0.8), (1, 0.1))}
    found = figures(served(2, **both))["top_p_0.7"]
    assert found.positions == 1
    assert found.js.mean == pytest.approx(log(2))
    assert (found.js_exact.mean, found.js_exact.positions, found.kl_infinite) == (None, 0, 1)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"kl": None}, id="tokens that are aligned by text"),
        pytest.param({"base_top_ids": []}, id="a server that names texts"),
        pytest.param({"aligned_top_ids": [], "aligned_top_logprobs": [], "aligned_top_tokens": []}, id="no candidates"),
    ],
)
def test_without_ids_that_mean_the_same_there_are_none(changes: dict[str, Any]) -> None:
    both = {**candidates("base", (1, 0.8)), **candidates("aligned", (1, 0.8))}
    assert figures(token(1, **{**both, **changes})) == {}


def test_the_exchanged_end_tokens_are_found_where_the_base_model_ranks_its_own() -> None:
    own, other = candidates("base", (4, 0.5), (9, 0.3)), candidates("aligned", (2, 0.7), (4, 0.2))
    rows = [token(1, **own, **other), token(2, is_end=True, token_id=2, **own, **other)]
    table = table_of({"a": rows})
    assert exchanged_ends(table, groups_of(table), None) == (2, 9)
    assert exchanged_ends(table, groups_of(table), [covered("a", 2, end="base")]) == (2, 9)
    assert exchanged_ends(table, groups_of(table), [covered("a", 2)]) is None
    found = candidates_of(table, (2, 9))
    # The base model's 4 and 9 are the aligned model's 4 and 2.
    assert found.place.tolist() == [[1, 0], [1, 0]]
    below = table_of({"a": [rows[0], token(7, is_end=True, token_id=2, **own, **other)]})
    assert exchanged_ends(below, groups_of(below), None) is None


@st.composite
def distributions(draw: Any) -> Chosen:
    """Some tokens with probabilities, most probable first, as float32 would have them."""
    ids = draw(st.lists(st.integers(0, 8), min_size=1, max_size=6, unique=True))
    weights = [draw(st.floats(0.01, 1)) for _ in ids]
    total = sum(weights) + draw(st.floats(0, 1))
    return list(zip(ids, sorted((weight / total for weight in weights), reverse=True), strict=True))


def naive(way: str, chosen: Chosen) -> dict[int, float] | None:
    kept: dict[int, float] = {}
    for token_id, probability in chosen:
        reached = len(kept) >= int(way[6:]) if way.startswith("top_k") else sum(kept.values()) >= float(way[6:])
        if reached:
            break
        kept[token_id] = exp(np.float32(log(probability)))
    enough = len(kept) >= int(way[6:]) if way.startswith("top_k") else sum(kept.values()) >= float(way[6:])
    return {token_id: value / sum(kept.values()) for token_id, value in kept.items()} if enough else None


def kl(left: dict[int, float], right: dict[int, float]) -> float:
    return sum(value * log(value / right[token_id]) for token_id, value in left.items())


@given(distributions(), distributions(), st.sampled_from(["top_p_0.7", "top_p_0.95", "top_k_1", "top_k_3"]))
def test_it_is_what_a_plain_loop_gives(base: Chosen, aligned: Chosen, way: str) -> None:
    found, sides = cut(way, base, aligned), [naive(way, base), naive(way, aligned)]
    first, second = sides
    assert found.sufficient[0] == (first is not None and second is not None)
    if first is None or second is None:
        return
    middle = {token_id: (first.get(token_id, 0) + second.get(token_id, 0)) / 2 for token_id in {**first, **second}}
    assert found.js[0] == pytest.approx((kl(first, middle) + kl(second, middle)) / 2, abs=1e-9)
    assert 0 <= found.js[0] <= log(2) + 1e-12
    assert np.isinf(found.kl[0]) == bool(second.keys() - first.keys())
    if not second.keys() - first.keys():
        assert found.kl[0] == pytest.approx(kl(second, first), abs=1e-9)
        assert found.kl[0] >= 0
    common = {token_id: value for token_id, value in first.items() if token_id in second}
    assert found.kl_common[0] == pytest.approx(kl(common, second), abs=1e-9)
