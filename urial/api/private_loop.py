"""An event loop for plain code, whatever loop its caller runs in."""

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Result = TypeVar("Result")


class PrivateLoop:
    """An event loop that plain code drives step by step.

    The thread's own stays the caller's, also where that one is running, as in notebooks.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    def close(self) -> None:
        """Ends the loop. At the interpreter's end nothing can be waited for."""
        if not sys.is_finalizing():
            with _no_loop_running():
                self._runner.close()

    def start(self, work: Coroutine[object, None, Result]) -> asyncio.Task[Result]:
        """A task, which goes on whenever the loop runs."""
        return self._runner.get_loop().create_task(work)

    def run(self, work: Coroutine[object, None, Result]) -> Result:
        """Runs the loop until this work is done."""
        with _no_loop_running():
            return self._runner.run(work)

    def cancel(self, tasks: Iterable[asyncio.Task[object]] | None = None) -> None:
        """Ends these tasks, None: all, before they are done."""
        self.run(_cancelled(list(asyncio.all_tasks(self._runner.get_loop()) if tasks is None else tasks)))


@contextmanager
def _no_loop_running() -> Iterator[None]:
    """Lets a loop run inside a call that another loop of this thread makes; that one has to wait.

    A run that was abandoned is closed whenever the garbage collector finds it, which may be there too.
    """
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    try:
        yield
    finally:
        asyncio._set_running_loop(running)


async def _cancelled(tasks: list[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
