"""Sends one request as often as it takes: limits of rate, attempts, waits that the server asks for, and giving up.

What goes wrong is named at once, the first time of each kind, and again where it lasts.
"""

import asyncio
import itertools
import math
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from urial.api.concurrency import Concurrency
from urial.api.errors import Failure, may_pass, no_reply, not_reached, status_error
from urial.api.line import Line
from urial.api.rates import Rates
from urial.api.servers import Server, open_client
from urial.core.progress import duration, notice
from urial.records.model import Limits

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import APIConnectionError, AsyncOpenAI

Reply = TypeVar("Reply")

# The longest wait after the first attempt; it doubles with each further one.
BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 60.0
# An attempt after timeouts may take so many times as long as the first, so that a server that hangs is given up.
MOST_TIMES_LONGER = 8
# A fault that lasts is named so often.
SECONDS_BETWEEN_NOTICES = 60.0
# A pause of this length is announced, since nothing else happens meanwhile.
LONG_PAUSE_SECONDS = 10.0
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True)
class Call(Generic[Reply]):
    """One request: how to send it once, and how to read the bytes of a good reply."""

    send: Callable[["AsyncOpenAI"], Awaitable["Response"]]
    # Raises ValueError for what is no reply.
    read: Callable[[bytes], Reply]
    # For tokens_per_minute.
    tokens: int = 0
    # Whether its faults are told; of what a server need not know they are none.
    is_needed: bool = True


@dataclass
class Learned:
    """What the requests so far have shown of a server; its client keeps it from run to run."""

    # Whether there ever was a connection.
    reached: bool = False
    # The most seconds that a reply took, its turn come.
    slowest: float = 0.0
    # How long the next attempt may take, after timeouts and until the next reply.
    patience: float = 0.0
    # When a fault of each kind was named last.
    named: dict[str, float] = field(default_factory=dict)


class Sender:
    """What the requests of one run share: connections, rates, and the server's wish to be left alone for a while."""

    def __init__(self, server: Server, limits: Limits, learned: Learned, concurrency: Concurrency) -> None:
        """For the event loop that is running; `close` belongs to it too."""
        self.server, self.limits, self.learned = server, limits, learned
        self._client = open_client(server, limits)
        self._rates = Rates(limits)
        self._line = Line(concurrency)
        self._paused_until = 0.0
        self._announced = 0.0
        # Ends all connections.
        self.close = self._client.close

    async def send(self, call: Call[Reply]) -> Reply:
        """The reply. Raises StatusError and NoReplyError."""
        loop = asyncio.get_running_loop()
        started, deadline, timeouts = loop.time(), math.inf, 0
        for attempt in itertools.count(1):
            asked = loop.time()
            async with self._line.place():
                await self._rates.acquire(call.tokens)
                # Waiting for our own limits is not the server's doing, nor is its line.
                deadline += loop.time() - asked
                if not await self._pause(deadline):
                    break
                if attempt == 1:
                    started, deadline = loop.time(), loop.time() + self.limits.total_seconds
                attempted = await self._attempt(call, self._seconds(timeouts), deadline - loop.time())
            reply, seconds_in_line = attempted
            deadline += seconds_in_line
            if not isinstance(reply, Failure):
                return reply
            failure = reply
            timeouts += failure.timed_out
            if failure.wait is not None:
                self._paused_until = max(self._paused_until, loop.time() + failure.wait)
            # Also after a pause that the server asks for, so that not all come back at the same moment.
            back_off = random.uniform(0, min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2 ** (attempt - 1)))
            too_late = loop.time() + back_off + (failure.wait or 0) > deadline
            if attempt > self.limits.retries or too_late or self._paused_until > deadline:
                break
            if call.is_needed:
                self._name_fault(failure, attempt, min(self._seconds(timeouts), deadline - loop.time()))
            if not await self._pause(deadline):
                break
            await asyncio.sleep(back_off)
        raise no_reply(self.server, attempt, loop.time() - started, failure)

    def _seconds(self, timeouts: int) -> float:
        """How long an attempt may take, after so many timeouts of the same: a slow server needs longer than it was given."""
        usual = self.limits.timeout_seconds
        longer = max(usual * 2.0**timeouts, self.learned.patience)
        return max(min(longer, MOST_TIMES_LONGER * usual), 2 * self.learned.slowest)

    async def _attempt(self, call: Call[Reply], limit: float, left: float) -> tuple[Reply | Failure, float]:
        """The reply to one attempt, or why there is none, and how long it waited behind others. Raises StatusError."""
        import openai

        async with self._line.turn(min(limit, left)) as turn:
            try:
                async with turn.timeout:
                    response = await call.send(self._client)
            except TimeoutError:
                self._line.refused(turn)
                self.learned.patience = max(self.learned.patience, 2 * limit)
                within = f"no whole reply within {self.limits.timeout_seconds:g} s" if limit <= left else None
                return Failure(within or "no whole reply in time", timed_out=True), turn.seconds_in_line
            except openai.APIStatusError as error:
                response = error.response
            except openai.APIConnectionError as error:
                return self._disconnected(error), turn.seconds_in_line
        self.learned.reached = True
        if response.is_success:
            self.learned.slowest, self.learned.patience = max(self.learned.slowest, self._line.answered(turn)), 0.0
            try:
                return call.read(response.content), turn.seconds_in_line
            except ValueError as error:
                return Failure(self.server.clean(f"a reply that is no JSON object: {error}")), turn.seconds_in_line
        # Outside of the handlers: the library's errors know the request with its key, and would be part of this one.
        refused = status_error(self.server, response.status_code, response.content, response.headers.get("location"))
        if not may_pass(refused):
            raise refused
        self._line.refused(turn)
        cause = f"status {refused.status}: {refused.message}" if refused.message else f"status {refused.status}"
        return Failure(cause, retry_after(response.headers, time.time()), refused.status), turn.seconds_in_line

    def _disconnected(self, error: "APIConnectionError") -> Failure:
        """Raises NotReachedError where there never was a connection."""
        import httpx2

        # The words of the innermost error that has any.
        words, inner, connected = "", error.__cause__ or error.__context__, True
        while inner:
            connected = connected and not isinstance(inner, (httpx2.ConnectError, httpx2.ConnectTimeout))
            words, inner = str(inner) or words, inner.__cause__ or inner.__context__
        words = self.server.clean(words or str(error))
        if connected:
            self.learned.reached = True
        elif not self.learned.reached:
            raise not_reached(self.server, words)
        return Failure(f"the connection failed: {words}")

    def _name_fault(self, failure: Failure, attempt: int, seconds: float) -> None:
        """What went wrong and what follows, unless a fault of its kind was named a short while ago."""
        kind = "timeout" if failure.timed_out else "status" if failure.status else "connection"
        now = asyncio.get_running_loop().time()
        if now - self.learned.named.get(kind, -math.inf) < SECONDS_BETWEEN_NOTICES:
            return
        self.learned.named[kind] = now
        allowed = self._line.concurrency.allowed
        places = "1 request" if allowed == 1 else f"{allowed} requests"
        text = f"{self.server.address}: {failure.cause}; attempt {attempt + 1} of {self.limits.retries + 1}"
        if failure.timed_out:
            text += f", for up to {duration(seconds)}, since it may be working still"
        text += f"; {places} at a time"
        if failure.timed_out:
            text += "; for a slow server raise `timeout_seconds`, or lower `concurrency`"
        notice(text)

    async def _pause(self, deadline: float) -> bool:
        """Waits while the server asks to; at once False when that would pass the deadline."""
        loop = asyncio.get_running_loop()
        while (wait := self._paused_until - loop.time()) > 0:
            if self._paused_until > deadline:
                return False
            if wait >= LONG_PAUSE_SECONDS and self._announced < self._paused_until:
                self._announced = self._paused_until
                notice(f"{self.server.address} asks for a pause of {duration(wait)}")
            await asyncio.sleep(wait)
        return True


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a reply asks to wait, None if it asks for none.

    ``now`` is the time in seconds since 1970, for a wait that is given as a date.
    """
    milliseconds, value = (headers.get(name, "").strip() for name in ("retry-after-ms", "retry-after"))
    if _SECONDS.fullmatch(milliseconds):
        wait = float(milliseconds) / 1000
    elif _SECONDS.fullmatch(value):
        wait = float(value)
    else:
        try:
            then = parsedate_to_datetime(value)
            wait = (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError, IndexError):
            return None
    return wait if wait > 0 else None
