"""The first divergence against a plain loop, and what of it is not known."""

from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.measured import BOOTSTRAP, served, table_of, token
from urial.records.shift_figures import FirstDivergence
from urial.statistics.bootstrap import Bootstrap
from urial.token_shift.figures.candidates import candidates_of, groups_of
from urial.token_shift.figures.greedy import (
    PARTED,
    SAME,
    UNKNOWN,
    divergence_how,
    divergence_reasons,
    first_divergence,
    greedy_states,
)
from urial.token_shift.figures.position_figures import first_divergences

INFINITY = float("inf")
FIRSTS = st.lists(st.none() | st.just(INFINITY) | st.integers(0, 12).map(float), max_size=12)


def candidates(role: str, *chosen: tuple[int, float]) -> dict[str, Any]:
    """The candidates of a model: ids and probabilities."""
    return {
        f"{role}_top_ids": [token_id for token_id, _ in chosen],
        f"{role}_top_tokens": [str(token_id) for token_id, _ in chosen],
        f"{role}_top_logprobs": [log(probability) for _, probability in chosen],
    }


def state(row: dict[str, Any]) -> int:
    table = table_of({"a": [row]})
    return int(greedy_states(table, candidates_of(table, None))[0])


def figures(*first: float | None) -> FirstDivergence:
    found = first_divergence(np.array([np.nan if value is None else value for value in first]), BOOTSTRAP)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(token(1), SAME, id="the emitted token is the first of both"),
        pytest.param(token(2), PARTED, id="it is the aligned model's first alone"),
        pytest.param(token(1, aligned_rank=4), PARTED, id="it is the base model's first alone"),
        pytest.param(token(1, base_ties=1), UNKNOWN, id="another one is as probable to the base model"),
        pytest.param(token(1, aligned_ties=1), UNKNOWN, id="another one is as probable to the aligned model"),
        pytest.param(token(2, aligned_rank=2), UNKNOWN, id="it is the first of none, and there are no candidates"),
        pytest.param(served(1), UNKNOWN, id="a server shows no aligned rank"),
        pytest.param(served(1, aligned_rank=1, aligned_ties=0, base_ties=0), SAME, id="a server shows that it is the first of both"),
        pytest.param(served(None, aligned_rank=1, aligned_ties=0), PARTED, id="a server shows that it is below its candidates"),
        pytest.param(
            served(1, bound=None, aligned_rank=1, aligned_ties=0, base_ties=0), UNKNOWN, id="tokens that are aligned by text"
        ),
    ],
)  # fmt: skip
def test_ranks_of_the_emitted_token_decide_where_they_can(row: dict[str, Any], expected: int) -> None:
    assert state(row) == expected


@pytest.mark.parametrize(
    ("base", "aligned", "expected"),
    [
        ([(5, 0.5), (6, 0.3)], [(5, 0.9), (7, 0.1)], SAME),
        ([(5, 0.5), (6, 0.3)], [(6, 0.9), (5, 0.1)], PARTED),
        ([(5, 0.4), (6, 0.4), (7, 0.1)], [(5, 0.9), (7, 0.1)], UNKNOWN),
        ([(5, 0.4), (6, 0.4), (7, 0.1)], [(6, 0.4), (5, 0.4), (8, 0.1)], SAME),
        ([(5, 0.4), (6, 0.4), (7, 0.1)], [(7, 0.6), (8, 0.1)], PARTED),
        # There may be more that are as probable.
        ([(5, 0.4), (6, 0.4)], [(7, 0.6), (8, 0.1)], UNKNOWN),
        ([(5, 0.4)], [(5, 0.6), (8, 0.1)], UNKNOWN),
    ],
)
def test_candidates_decide_where_the_emitted_token_is_nobodys_first(
    base: list[tuple[int, float]], aligned: list[tuple[int, float]], expected: int
) -> None:
    row = token(3, aligned_rank=3, **candidates("base", *base), **candidates("aligned", *aligned))
    assert state(row) == expected


def test_an_answer_parts_at_its_first_other_token_and_is_not_known_behind_what_is_not() -> None:
    same, parted, unknown = token(1), token(2), token(1, base_ties=1)
    table = table_of(
        {
            "at-0": [parted, unknown],
            "at-2": [same, same, parted, parted],
            "never": [same, same],
            "tie-before": [same, unknown, parted],
            "tie-behind": [same, parted, unknown],
            "tie-only": [same, unknown],
            "a-gap": [same, {**parted, "position": 2}],
            "a-gap-behind": [parted, {**same, "position": 5}],
            "first-missing": [{**same, "position": 1}],
        }
    )
    assert first_divergences(table, groups_of(table), None) == {
        "at-0": 0, "at-2": 2, "never": INFINITY, "tie-before": None, "tie-behind": 1, "tie-only": None, "a-gap": None,
        "a-gap-behind": 0, "first-missing": None,
    }  # fmt: skip


def test_the_order_of_rows_does_not_matter() -> None:
    table = table_of({"a": [token(1), token(2), token(9)], "b": [token(1)]})
    back = table.take(list(range(len(table)))[::-1])
    assert first_divergences(back, groups_of(back), None) == {"a": 1, "b": INFINITY}


def test_an_end_token_that_stands_for_the_base_models_own_is_the_same_one() -> None:
    # eos: base. The aligned model ends with 2, which is the base model's 9.
    own, other = candidates("base", (9, 0.6), (4, 0.3)), candidates("aligned", (2, 0.7), (4, 0.2))
    end = token(1, is_end=True, token_id=2, **own, **other)
    inside = token(3, aligned_rank=3, **own, **other)
    table = table_of({"a": [inside, end]})
    assert first_divergences(table, groups_of(table), None) == {"a": INFINITY}
    # Where the end token was measured as it is, they are two tokens.
    alone = table_of({"a": [inside, token(1)]})
    assert first_divergences(alone, groups_of(alone), None) == {"a": 0}


def test_the_figures_of_known_answers() -> None:
    found = figures(0, 0, 2, 3, 7, INFINITY, None)
    assert (found.answers, found.unknown) == (6, 1)
    assert [found.at_0.mean, found.at_least_3.mean, found.at_least_5.mean, found.never.mean] == [
        2 / 6,
        3 / 6,
        2 / 6,
        1 / 6,
    ]
    assert found.median.mean == 2
    assert [share.mean for share in found.parted] == pytest.approx(
        [2 / 6, 2 / 6, 3 / 6, 4 / 6, 4 / 6, 4 / 6, 4 / 6, 5 / 6]
    )


def test_never_is_no_number() -> None:
    found = figures(1, INFINITY, INFINITY)
    assert found.median.mean is found.median.high is None
    assert found.median.low == 1
    alone = figures(INFINITY)
    assert alone.median.model_dump() == {"mean": None, "low": None, "high": None}
    assert alone.parted == ()
    assert figures(None).model_dump()["at_0"] == {"mean": None, "low": None, "high": None}
    assert first_divergence(np.zeros(0), BOOTSTRAP) is None


@given(FIRSTS.filter(bool))
def test_shares_are_those_of_a_plain_loop_and_agree_with_each_other(first: list[float | None]) -> None:
    found = figures(*first)
    known = [value for value in first if value is not None]
    assert (found.answers, found.unknown) == (len(known), len(first) - len(known))
    if not known:
        assert found.median.mean is found.at_0.mean is None
        return
    for share, counts in (
        (found.at_0, [value == 0 for value in known]),
        (found.at_least_3, [value >= 3 for value in known]),
        (found.at_least_5, [value >= 5 for value in known]),
        (found.never, [value == INFINITY for value in known]),
    ):
        assert share.mean == pytest.approx(sum(counts) / len(known))
    parted = [share.mean or 0 for share in found.parted]
    assert parted == sorted(parted)
    assert 1 - (parted[2] if len(parted) > 2 else max(parted, default=0)) == pytest.approx(found.at_least_3.mean)
    # The smallest position that half of the known answers do not go beyond.
    reached = [value for value in sorted(known) if 2 * sum(other <= value for other in known) >= len(known)]
    assert found.median.mean == (None if reached[0] == INFINITY else reached[0])
    ends = [INFINITY if end is None else end for end in (found.median.low, found.median.mean, found.median.high)]
    assert len(known) < 2 or ends[0] <= ends[2]


def test_the_interval_of_the_median_resamples_answers_and_has_never_as_its_end() -> None:
    first = np.array([0.0] * 4 + [INFINITY] * 4)
    found = first_divergence(first, Bootstrap(500, 0.9, 3))
    assert found is not None
    assert (found.median.mean, found.median.low, found.median.high) == (0, 0, None)


@given(FIRSTS)
def test_the_reasons_count_what_the_figures_are_of(first: list[float | None]) -> None:
    array = np.array([np.nan if value is None else value for value in first])
    for field in ("at_0", "at_least_3", "never", "unknown", "answers", "median"):
        reasons = divergence_reasons(array, field)
        expected = {
            "at_0": sum(value == 0 for value in first),
            "at_least_3": sum(value is not None and value >= 3 for value in first),
            "never": first.count(INFINITY),
            "unknown": first.count(None),
        }.get(field, len(first) - first.count(None))
        assert reasons.count(None) == expected
        assert divergence_how(field)
    assert divergence_reasons(array, "parted", "2").count(None) == sum(
        value is not None and value <= 2 for value in first
    )
