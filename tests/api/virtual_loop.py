"""An event loop in which hours pass at once."""

import asyncio


class VirtualLoop(asyncio.SelectorEventLoop):
    """Nobody waits: time goes on to the next thing that happens."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def at_once(timeout: float | None) -> object:
            # A little more than nothing, as for real clocks: a wait may be too short to change a large number.
            self.now += (timeout or 0) + 1e-6
            return select(0)

        self._selector.select = at_once  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now
