"""A progress bar on a terminal, plain log lines elsewhere."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
SECONDS_BETWEEN_LINES = 30.0


def progress(items: Iterable[Item], total: int, label: str) -> Iterator[Item]:
    """The items, with a sign of life on standard error as they pass."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, total=total, desc=label)
        return
    last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if done == total or time.monotonic() - last > SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"{label}: {done}/{total}", file=sys.stderr, flush=True)
