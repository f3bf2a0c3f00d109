"""The requests that a server has, in the order of sending: no more than fit it, and each with its own time.

Many a server answers one request after the other. What it has not begun waits in its line, and that is no sign that it
hangs. So the time of a request begins anew with every reply to one that was sent before it: waiting in the line does not
count, and what is lost, or hangs, is overtaken by others and runs out of its time.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from urial.api.concurrency import Concurrency


class Turn:
    """One request that was sent."""

    def __init__(self, number: int, seconds: float) -> None:
        """``seconds`` is how long it may take when its turn has come."""
        self.number, self.seconds = number, seconds
        # When it was sent, and when its turn began, as far as the replies to others show.
        self.sent = self.began = asyncio.get_running_loop().time()
        self.timeout = asyncio.timeout(seconds)

    @property
    def seconds_in_line(self) -> float:
        """How long it waited behind others."""
        return self.began - self.sent

    def begin_anew(self, now: float) -> None:
        """One that was sent before is answered."""
        if not self.timeout.expired():
            self.began = now
            self.timeout.reschedule(now + self.seconds)


class Line:
    """For one event loop."""

    def __init__(self, concurrency: Concurrency) -> None:
        self.concurrency = concurrency
        # Each is done when a place is free for it, which then counts as taken.
        self._outside: deque[asyncio.Future[None]] = deque()
        self._places_taken = 0
        self._turns: dict[int, Turn] = {}
        self._sent = 0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Waits, in the order of asking, until one more request may be sent, and keeps its place inside."""
        if self._outside or self._places_taken >= self.concurrency.allowed:
            await self._wait()
        else:
            self._places_taken += 1
        try:
            yield
        finally:
            self._places_taken -= 1
            self._let_in()

    async def _wait(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outside.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._places_taken -= 1
                self._let_in()
            raise

    def _let_in(self) -> None:
        while self._outside and self._places_taken < self.concurrency.allowed:
            place = self._outside.popleft()
            if not place.done():
                self._places_taken += 1
                place.set_result(None)

    @asynccontextmanager
    async def turn(self, seconds: float) -> AsyncIterator[Turn]:
        """One more request, as long as it is under way; its ``timeout`` is to be entered inside, at once."""
        turn = Turn(self._sent, seconds)
        self._sent += 1
        if not self._turns:
            self.concurrency.resume(turn.sent)
        self._turns[turn.number] = turn
        try:
            yield turn
        finally:
            del self._turns[turn.number]

    def answered(self, turn: Turn) -> float:
        """A request got its reply, so that those sent after it come nearer; returns how long it took when its turn had come."""
        now = asyncio.get_running_loop().time()
        for other in reversed(self._turns.values()):
            if other.number <= turn.number:
                break
            other.begin_anew(now)
        self.concurrency.replied(now)
        return now - turn.began

    def refused(self, turn: Turn) -> None:
        """A request was refused, or timed out."""
        self.concurrency.refused(turn.sent, asyncio.get_running_loop().time())
