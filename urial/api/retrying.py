"""Sends one request as often as it takes: limits of rate, attempts, waits that the server asks for, and giving up."""

import asyncio
import logging
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from urial.api.errors import Failure, may_pass, no_reply, status_error
from urial.api.servers import Server, open_client
from urial.records.model import Limits

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

Reply = TypeVar("Reply")

# The longest wait after the first attempt; it doubles with each further one.
BACKOFF_SECONDS = 0.5
MAX_BACKOFF_SECONDS = 60.0
# A pause of this length is announced, since nothing else happens meanwhile.
NOTICE_SECONDS = 60.0
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
# Servers refuse a whole minute's allowance at once.
BURST_SECONDS = 1.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Call(Generic[Reply]):
    """One request: how to send it once, and how to read the bytes of a good reply."""

    send: Callable[["AsyncOpenAI"], Awaitable["Response"]]
    # Raises ValueError for what is no reply.
    read: Callable[[bytes], Reply]
    # For tokens_per_minute.
    tokens: int = 0


class Sender:
    """What the requests of one run share: connections, rates, and the server's wish to be left alone for a while."""

    def __init__(self, server: Server, limits: Limits) -> None:
        """For the event loop that is running; `close` belongs to it too."""
        self.server = server
        self.limits = limits
        self._client = open_client(server, limits)
        self._rates = Rates(limits)
        self._paused_until = 0.0
        self._announced = 0.0
        # Ends all connections.
        self.close = self._client.close

    async def send(self, call: Call[Reply]) -> Reply:
        """The reply. Raises StatusError and NoReplyError."""
        loop = asyncio.get_running_loop()
        await self._rates.acquire(call.tokens)
        await self._pause(float("inf"))
        started = loop.time()
        deadline = started + self.limits.total_seconds
        attempt = 0
        while True:
            attempt += 1
            reply = await self._attempt(call, deadline - loop.time())
            if not isinstance(reply, Failure):
                return reply
            if reply.wait is not None:
                self._paused_until = max(self._paused_until, loop.time() + reply.wait)
            # Also after a pause that the server asks for, so that not all come back at the same moment.
            back_off = random.uniform(0, min(MAX_BACKOFF_SECONDS, BACKOFF_SECONDS * 2 ** (attempt - 1)))
            too_late = loop.time() + back_off + (reply.wait or 0) > deadline
            if attempt > self.limits.retries or too_late or not await self._pause(deadline):
                break
            await asyncio.sleep(back_off)
            # Waiting for our own limits is not the server's doing.
            deadline += await self._rates.acquire(call.tokens)
            if not await self._pause(deadline):
                break
        raise no_reply(self.server, attempt, loop.time() - started, reply)

    async def _attempt(self, call: Call[Reply], seconds: float) -> Reply | Failure:
        """The reply to one attempt within the seconds left. Raises StatusError."""
        import openai

        limit = self.limits.timeout_seconds
        try:
            async with asyncio.timeout(min(limit, seconds)):
                response = await call.send(self._client)
        except TimeoutError:
            return Failure(f"no whole reply within {limit:g} s" if limit <= seconds else "no whole reply in time")
        except openai.APIStatusError as error:
            response = error.response
        except openai.APIConnectionError as error:
            # The words of the innermost error that has any.
            words, inner = "", error.__cause__ or error.__context__
            while inner:
                words, inner = str(inner) or words, inner.__cause__ or inner.__context__
            return Failure(self.server.clean(f"the connection failed: {words or error}"))
        if response.is_success:
            try:
                return call.read(response.content)
            except ValueError as error:
                return Failure(self.server.clean(f"a reply that is no JSON object: {error}"))
        # Outside of the handlers: the library's errors know the request with its key, and would be part of this one.
        refused = status_error(self.server, response.status_code, response.content, response.headers.get("location"))
        if not may_pass(refused):
            raise refused
        cause = f"status {refused.status}: {refused.message}" if refused.message else f"status {refused.status}"
        return Failure(cause, retry_after(response.headers, time.time()), refused.status)

    async def _pause(self, deadline: float) -> bool:
        """Waits while the server asks to; at once False when that would pass the deadline."""
        loop = asyncio.get_running_loop()
        while (wait := self._paused_until - loop.time()) > 0:
            if self._paused_until > deadline:
                return False
            if wait >= NOTICE_SECONDS and self._announced < self._paused_until:
                self._announced = self._paused_until
                _log.warning("%s asks for a pause of %.0f s", self.server.address, wait)
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


class Rates:
    """Lets requests pass in the order of asking, no faster than the limits. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        from aiolimiter import AsyncLimiter

        def limiter(per_minute: int | None) -> AsyncLimiter | None:
            # At least one at a time, so that few a minute pass one by one.
            burst = max(1.0, (per_minute or 0) * BURST_SECONDS / 60)
            return AsyncLimiter(burst, burst * 60 / per_minute) if per_minute else None

        self._order = asyncio.Lock()
        self._most_tokens = limits.tokens_per_minute or 0
        self._requests = limiter(limits.requests_per_minute)
        self._tokens = limiter(limits.tokens_per_minute)

    async def acquire(self, tokens: int) -> float:
        """Waits until one more request may be sent, and returns the seconds that it took.

        More tokens than the limit of a minute count as the limit.
        """
        loop = asyncio.get_running_loop()
        asked = loop.time()
        # One at a time: the limiter itself would let small requests overtake large ones for ever.
        async with self._order:
            if self._requests:
                await self._requests.acquire(1)
            left = float(min(tokens, self._most_tokens))
            while self._tokens and left > 0:
                part = min(left, self._tokens.max_rate)
                await self._tokens.acquire(part)
                left -= part
        return loop.time() - asked
