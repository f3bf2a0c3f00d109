"""A server of one slot: it answers one request at a time, in the order of coming, at so many tokens a second.

    with serving_faulty(OneSlot(FakeModel().reply, speed=400)) as server:

Time can pass faster than by the clock: what takes a hundred seconds at 20 tokens a second takes a quarter of one at a speed of
400, and the limits of time are as much shorter.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.faulty_server import Asked, Handler, Reply
from urial.records.model import Limits

TOKENS_A_SECOND = 20


def usual_limits(speed: float, **changes: Any) -> Limits:
    """The limits that there are by default, where time passes so many times as fast."""
    usual = Limits()
    seconds = {name: getattr(usual, name) / speed for name in ("timeout_seconds", "total_seconds")}
    return Limits(**{**seconds, **changes})


class OneSlot:
    """A script for serving_faulty, which answers as another one does, in its time."""

    def __init__(
        self,
        script: Callable[[Asked], Reply],
        speed: float,
        tokens: Callable[[dict[str, Any]], int] = lambda body: int(body["max_tokens"]),
    ) -> None:
        """``tokens`` are those that a request costs, by default all that it may."""
        self.script, self.tokens = script, tokens
        self.tokens_a_second = TOKENS_A_SECOND * speed
        # The most that were there at a time, the one that was worked on included.
        self.longest_line = 0
        self._came, self._served = 0, 0
        self._turn = threading.Condition()

    def __call__(self, asked: Asked) -> Reply:
        """Called as a request comes, which gets its place in the line at once."""
        with self._turn:
            place = self._came
            self._came += 1
            self.longest_line = max(self.longest_line, self._came - self._served)

        def in_turn(handler: Handler, asked: Asked) -> None:
            with self._slot(place):
                stopped = handler.server.stopping.wait(self.tokens(asked.body) / self.tokens_a_second)
            if not stopped:
                self.script(asked)(handler, asked)

        return in_turn

    @contextmanager
    def _slot(self, place: int) -> Iterator[None]:
        with self._turn:
            self._turn.wait_for(lambda: self._served == place)
        try:
            yield
        finally:
            with self._turn:
                self._served += 1
                self._turn.notify_all()
