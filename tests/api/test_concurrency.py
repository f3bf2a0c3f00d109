"""How many requests a server gets at a time: with any server, in simulated time, and by hand."""

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.api.concurrency import LONGEST_REST, Concurrency


@dataclass(frozen=True)
class Run:
    """What a simulated run came to."""

    seconds: float
    # How many were allowed after each reply.
    allowed: list[int]
    refused: int


def simulate(
    concurrency: Concurrency, count: int, slots: float, service: Callable[[], float], room: float = math.inf
) -> Run:
    """A server that works on so many requests at a time, in the order of coming, and refuses what it has no ``room`` for."""
    now, left, number, refused, allowed = 0.0, count, 0, 0, []
    waiting: list[float] = []
    # (when it is done, a number that keeps the order, when it was sent)
    working: list[tuple[float, int, float]] = []
    while left or waiting or working:
        while left and len(waiting) + len(working) < concurrency.allowed:
            if not waiting and not working:
                concurrency.resume(now)
            if len(waiting) + len(working) >= room:
                refused += 1
                concurrency.refused(now, now)
                break
            left -= 1
            waiting.append(now)
        while waiting and len(working) < slots:
            number += 1
            heapq.heappush(working, (now + service(), number, waiting.pop(0)))
        now, _, _ = heapq.heappop(working)
        concurrency.replied(now)
        allowed.append(concurrency.allowed)
    return Run(now, allowed, refused)


def steady() -> float:
    return 1.0


def varied(seed: int) -> Callable[[], float]:
    """Replies of very different lengths, of one second on average."""
    numbers = random.Random(seed)
    return lambda: numbers.expovariate(1)


@pytest.mark.parametrize("most", [1, 2, 3, 4, 16, 64, 100, 4096])
def test_a_fast_server_gets_all_from_the_second_round_on(most: int) -> None:
    concurrency = Concurrency(most)
    assert concurrency.allowed == math.ceil(most / 4)
    run = simulate(concurrency, 30 * most, math.inf, steady)
    assert concurrency.allowed == most
    # A round of a quarter: three quarters of a second are lost, of 30, and what is left ends a second later.
    assert run.seconds <= 31


@pytest.mark.parametrize("most", [16, 64])
def test_a_fast_server_with_varied_replies_loses_few_percent(most: int) -> None:
    ratios = []
    for seed in range(30):
        fixed = simulate(Concurrency(most, most), 100 * most, math.inf, varied(seed))
        ratios.append(simulate(Concurrency(most), 100 * most, math.inf, varied(seed)).seconds / fixed.seconds)
    assert sum(ratios) / len(ratios) <= 1.03
    # Where the first few replies happen to be quick, more seem not to help at first.
    assert max(ratios) <= 1.2


@pytest.mark.parametrize("most", [4, 16, 64])
def test_a_server_of_one_slot_is_not_given_more_for_long(most: int) -> None:
    run = simulate(Concurrency(most), 4000, 1, steady)
    assert run.seconds == pytest.approx(4000)
    first = math.ceil(most / 4)
    assert sum(allowed > first for allowed in run.allowed) / len(run.allowed) < 0.25


@pytest.mark.parametrize("slots", [2, 3, 5, 6, 8, 12, 16])
def test_a_server_of_some_slots_is_kept_busy(slots: int) -> None:
    run = simulate(Concurrency(16), 1600, slots, steady)
    assert run.seconds <= 1.3 * 1600 / slots + 20


def test_a_server_that_refuses_gets_half_as_many_and_is_tried_ever_more_rarely() -> None:
    concurrency = Concurrency(16)
    run = simulate(concurrency, 3000, math.inf, steady, room=10)
    assert 1 <= run.refused <= 20
    assert run.seconds <= 3000 / 4


def test_what_was_sent_before_a_refusal_is_no_second_one() -> None:
    concurrency = Concurrency(16, start=16)
    concurrency.resume(0)
    assert concurrency.refused(0, 5)
    assert not any(concurrency.refused(1, 6) for _ in range(15))
    assert concurrency.allowed == 8
    assert concurrency.refused(7, 8)
    assert concurrency.allowed == 4


def test_one_is_always_allowed() -> None:
    concurrency = Concurrency(3, start=1)
    assert not concurrency.refused(0, 1)
    assert concurrency.allowed == 1


def test_after_the_longest_rest_a_server_that_recovered_gets_all_again() -> None:
    concurrency = Concurrency(16)
    for second in range(100):
        concurrency.refused(second, second)
    assert concurrency.allowed == 1
    run = simulate(concurrency, 32 * (LONGEST_REST + 2) * 4, math.inf, steady)
    assert run.allowed[-1] == 16


@given(
    st.integers(1, 4096),
    st.lists(st.tuples(st.sampled_from(["resume", "reply", "refusal"]), st.floats(0, 1e6)), max_size=200),
)
def test_whatever_comes_the_number_is_within_its_limits(most: int, events: list[tuple[str, float]]) -> None:
    concurrency, now = Concurrency(most), 0.0
    for kind, seconds in events:
        now += seconds
        before = concurrency.allowed
        if kind == "resume":
            concurrency.resume(now)
        elif kind == "reply":
            concurrency.replied(now)
        else:
            fewer = concurrency.refused(now, now)
            assert fewer == (concurrency.allowed < before)
        assert 1 <= concurrency.allowed <= most


@given(st.integers(1, 64), st.integers(1, 20), st.integers(0, 2**32))
def test_with_any_server_it_is_not_slower_than_a_quarter_of_the_most_for_good(most: int, slots: int, seed: int) -> None:
    run = simulate(Concurrency(most), 20 * most, slots, varied(seed))
    assert run.seconds <= 1.5 * simulate(Concurrency(math.ceil(most / 4), most), 20 * most, slots, varied(seed)).seconds
