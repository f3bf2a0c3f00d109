"""The limits of requests and tokens a minute."""

import asyncio
from typing import TYPE_CHECKING

from urial.records.model import Limits

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

# Servers refuse a whole minute's allowance at once.
BURST_SECONDS = 1.0


class Rates:
    """Lets requests pass in the order of asking, no faster than the limits. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        self._order = asyncio.Lock()
        self._most_tokens = limits.tokens_per_minute or 0
        self._requests = _limiter(limits.requests_per_minute)
        self._tokens = _limiter(limits.tokens_per_minute)

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


def _limiter(per_minute: int | None) -> "AsyncLimiter | None":
    from aiolimiter import AsyncLimiter

    # At least one at a time, so that few a minute pass one by one.
    burst = max(1.0, (per_minute or 0) * BURST_SECONDS / 60)
    return AsyncLimiter(burst, burst * 60 / per_minute) if per_minute else None
