"""Requests and tokens a minute, in virtual time."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.api.asking import PATH, client, echo, jobs
from tests.api.virtual_loop import VirtualLoop
from tests.faulty_server import answers, serving_faulty, too_many
from urial.api.client import Job
from urial.api.rates import BURST_SECONDS, Rates
from urial.records.model import Limits


def passes(limits: Limits, tokens: Sequence[int]) -> tuple[list[float], list[int]]:
    """When each request passes, all being there from the start, and in which order."""
    order: list[int] = []

    async def one(rates: Rates, index: int) -> float:
        waited = await rates.acquire(tokens[index])
        order.append(index)
        assert waited == pytest.approx(asyncio.get_running_loop().time(), abs=1e-4)
        return waited

    async def run() -> list[float]:
        rates = Rates(limits)
        return list(await asyncio.gather(*(one(rates, index) for index in range(len(tokens)))))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(run()), order


def test_without_limits_nobody_waits() -> None:
    times, order = passes(Limits(), [10**9] * 5)
    assert times == pytest.approx([0] * 5, abs=0.01)
    assert order == [0, 1, 2, 3, 4]


@given(st.integers(1, 10_000), st.integers(1, 60))
@example(59, 60)
@example(61, 60)
@example(1, 3)
def test_requests_pass_at_the_rate_without_a_minute_s_burst(per_minute: int, count: int) -> None:
    times, order = passes(Limits(requests_per_minute=per_minute), [0] * count)
    assert order == list(range(count))
    burst = max(1, per_minute * BURST_SECONDS / 60)
    for number, at in enumerate(times, start=1):
        assert number <= burst + at * per_minute / 60 + 1e-6
    # And no slower than allowed.
    assert times[-1] <= max(0, count - burst) * 60 / per_minute + 0.1


@given(st.integers(1, 100_000), st.lists(st.integers(0, 200_000), min_size=1, max_size=12))
@example(60, [10**9, 1, 10**9])
def test_tokens_pass_at_the_rate_in_the_order_of_asking(per_minute: int, tokens: list[int]) -> None:
    times, order = passes(Limits(tokens_per_minute=per_minute), tokens)
    assert order == list(range(len(tokens)))
    burst = max(1, per_minute * BURST_SECONDS / 60)
    totals = itertools.accumulate(min(item, per_minute) for item in tokens)
    for total, at in zip(totals, times, strict=True):
        assert total <= burst + at * per_minute / 60 + per_minute * 1e-6
        assert at <= max(0, total - burst) * 60 / per_minute + 0.1


def test_retries_count_as_requests() -> None:
    # 20 at once, then 20 a second.
    with serving_faulty([*[too_many()] * 29, answers({})]) as server:
        client(server, requests_per_minute=1200, retries=100).ask(PATH, {})
    assert server.asked[-1].at - server.asked[0].at >= 9 / 20


def test_waiting_for_the_own_limits_is_no_time_of_the_server() -> None:
    # One at once, then one every 1.5 s: longer than the total time, for the second attempt and for the next job.
    script = [too_many(), answers({"index": 0}), answers({"index": 1})]
    with serving_faulty(script) as server:
        outcomes = list(client(server, requests_per_minute=40, concurrency=2, total_seconds=1).run(jobs(2)))
    assert [outcome.error for outcome in outcomes] == [None] * 2


def test_jobs_bring_their_tokens() -> None:
    # 1,000 at once, then 1,000 a second.
    few = [Job(str(index), PATH, {"index": index}, tokens=250) for index in range(6)]
    with serving_faulty(echo) as server:
        list(client(server, tokens_per_minute=60_000, concurrency=6).run(few))
    assert server.asked[-1].at - server.asked[0].at >= 0.4
