"""The line before a server, in virtual time: waiting in it is no timeout, and what hangs or is lost still is one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.virtual_loop import VirtualLoop
from urial.api.concurrency import Concurrency
from urial.api.line import Line

LIMIT = 10.0
# The server works on each request in its turn.
Work = Callable[[int], Awaitable[None]]


def run(work: Any) -> Any:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)


async def ask_all(count: int, at_once: int, work: Work) -> list[float | None]:
    """When each request was answered; None: it timed out."""
    line = Line(Concurrency(at_once, at_once))

    async def one(number: int) -> float | None:
        async with line.place(), line.turn(LIMIT) as turn:
            try:
                async with turn.timeout:
                    await work(number)
            except TimeoutError:
                line.refused(turn)
                return None
            line.answered(turn)
            return asyncio.get_running_loop().time()

    return await asyncio.gather(*(one(number) for number in range(count)))


def one_slot(seconds: Callable[[int], float]) -> Work:
    """A server that works on one request at a time, in the order of coming."""
    slot = asyncio.Lock()

    async def work(number: int) -> None:
        async with slot:
            await asyncio.sleep(seconds(number))

    return work


@given(st.integers(1, 12), st.lists(st.floats(0, LIMIT - 0.1), min_size=1, max_size=12))
def test_no_wait_behind_others_is_a_timeout(at_once: int, seconds: list[float]) -> None:
    async def asked() -> list[float | None]:
        return await ask_all(len(seconds), at_once, one_slot(lambda number: seconds[number]))

    answered = run(asked())
    expected = [sum(seconds[: number + 1]) for number in range(len(seconds))]
    assert answered == pytest.approx(expected, abs=0.01)


def test_a_server_that_hangs_is_given_up() -> None:
    async def asked() -> tuple[list[float | None], float]:
        found = await ask_all(4, 4, one_slot(lambda number: 1e6))
        return found, asyncio.get_running_loop().time()

    found, seconds = run(asked())
    assert found == [None] * 4
    assert seconds == pytest.approx(LIMIT, abs=0.01)


def test_one_that_hangs_in_the_middle_is_given_up_with_those_behind_it() -> None:
    async def asked() -> list[float | None]:
        return await ask_all(6, 6, one_slot(lambda number: 1e6 if number == 3 else 6))

    # Those behind it run out of their time together with it.
    assert (
        run(asked())
        == [pytest.approx(6, abs=0.01), pytest.approx(12, abs=0.01), pytest.approx(18, abs=0.01)] + [None] * 3
    )


def test_a_request_that_is_lost_is_overtaken_and_runs_out_of_its_time() -> None:
    """The server answers all others, also those that are sent later, for as long as it likes."""
    lost: list[float] = []

    async def asked() -> list[float | None]:
        async def work(number: int) -> None:
            try:
                await asyncio.sleep(1e6 if number == 1 else 3)
            except asyncio.CancelledError:
                lost.append(asyncio.get_running_loop().time())
                raise

        return await ask_all(100, 2, work)

    answered = run(asked())
    assert answered[1] is None
    assert None not in answered[:1] + answered[2:]
    # Its own time began when the first one was answered.
    assert lost == [pytest.approx(3 + LIMIT, abs=0.01)]


def test_places_are_given_in_the_order_of_asking_and_never_more_than_allowed() -> None:
    begun: list[int] = []
    under_way = 0

    async def work(number: int) -> None:
        nonlocal under_way
        begun.append(number)
        under_way += 1
        assert under_way <= 3
        await asyncio.sleep(1 + number % 2)
        under_way -= 1

    async def asked() -> list[float | None]:
        return await ask_all(20, 3, work)

    assert None not in run(asked())
    assert begun == list(range(20))


@given(st.lists(st.tuples(st.floats(0, 20), st.booleans()), min_size=1, max_size=20), st.integers(1, 4))
def test_a_place_is_never_lost_to_one_that_is_cancelled(requests: list[tuple[float, bool]], at_once: int) -> None:
    """Some are cancelled at some time; afterwards, all places are free again."""

    async def asked() -> None:
        line = Line(Concurrency(at_once, at_once))

        async def one() -> None:
            async with line.place():
                await asyncio.sleep(3)

        tasks = [asyncio.create_task(one()) for _ in requests]
        for task, (at, cancelled) in zip(tasks, requests, strict=True):
            if cancelled:
                asyncio.get_running_loop().call_later(at, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        started = asyncio.get_running_loop().time()
        await asyncio.gather(*(one() for _ in range(at_once)))
        assert asyncio.get_running_loop().time() - started == pytest.approx(3, abs=0.01)

    run(asked())
