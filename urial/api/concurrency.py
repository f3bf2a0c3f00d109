"""How many requests a server gets at a time: as many as it answers faster in sum, learned from its replies.

It begins with a quarter of the most that is allowed. After a round of replies, which are as many as it gets at a time, it gets
four times as many, for two rounds. If replies then come faster in sum by a quarter of what could be gained, it stays so;
otherwise the server only queues them, and gets as many as before. A refusal or a timeout halves the number at once. After a
setback, twice as many are tried, and later each time. So one that answers one by one is hardly asked for more, and one that
answers hundreds at a time gets them from the second round on.

Time is given, never read; nothing here is about one request, and no reply depends on it.
"""

import math
from dataclasses import dataclass

FIRST_SHARE = 4
FIRST_GROWTH = 4
LATER_GROWTH = 2
# One alone would often be the slow end of equal replies.
TRIAL_ROUNDS = 2
# Of what more requests at a time could bring at best.
LEAST_GAIN = 0.25
# Rounds after a setback, at most, until more are tried.
LONGEST_REST = 32


@dataclass(frozen=True)
class _Trial:
    """What was allowed before more was tried, and how many replies came in a second."""

    allowed: int
    rate: float


class Concurrency:
    """``allowed`` requests at a time, never more than ``most``. For one server, from its first request on."""

    def __init__(self, most: int, start: int | None = None) -> None:
        """``start`` None: a quarter of the most."""
        self.most = most
        self.allowed = math.ceil(most / FIRST_SHARE) if start is None else min(start, most)
        self._growth = FIRST_GROWTH
        self._trial: _Trial | None = None
        # Rounds to go until more is tried, and how many there are after the next setback.
        self._rest, self._next_rest = 0, 1
        # Since when this many are allowed, and the replies since then.
        self._since, self._replies = -math.inf, 0
        # When there was a setback last: what was sent before then tells nothing of what is allowed since.
        self._set_back_at = -math.inf

    def resume(self, now: float) -> None:
        """A request is sent when none is under way: the time before is not the server's."""
        self._since, self._replies = now, 0

    def replied(self, now: float) -> None:
        """A request was answered."""
        self._replies += 1
        if self._replies % (self.allowed * (1 if self._trial is None else TRIAL_ROUNDS)):
            return
        rate = self._replies / max(now - self._since, 1e-9)
        trial, self._trial = self._trial, None
        if trial is not None and rate < trial.rate * self._worth(trial.allowed):
            self._set_back(trial.allowed, now)
        elif self._rest:
            self._rest -= 1
        elif self.allowed < self.most:
            self._trial = _Trial(self.allowed, rate)
            self._allow(min(self.most, self._growth * self.allowed), now)

    def refused(self, sent: float, now: float) -> bool:
        """A request that was sent then was refused or timed out; returns whether fewer are allowed from now on."""
        if sent < self._set_back_at:
            return False
        before = self.allowed
        self._set_back_at, self._trial = now, None
        self._set_back(max(1, self.allowed // 2), now)
        return self.allowed < before

    def _worth(self, before: int) -> float:
        """How many times as fast replies have to come for more to be kept."""
        return 1 + LEAST_GAIN * (self.allowed / before - 1)

    def _allow(self, allowed: int, now: float) -> None:
        self.allowed, self._since, self._replies = allowed, now, 0

    def _set_back(self, allowed: int, now: float) -> None:
        self._allow(allowed, now)
        self._growth = LATER_GROWTH
        self._rest, self._next_rest = self._next_rest, min(2 * self._next_rest, LONGEST_REST)
