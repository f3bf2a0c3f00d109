"""Signs of life on standard error, also while nothing comes: a bar on a terminal, plain lines elsewhere.

>>> for answer in progress(answers, total, "base-urial"):    # base-urial: 3/84, 40 s, about 18 min left
>>> with waiting("loading google/gemma-3-270m"):             # loading google/gemma-3-270m: 6 s
>>> notice("the server is busy")                             # a line above the bar
"""

import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

# What is done by then needs no line about its beginning.
SECONDS_UNTIL_FIRST = 2.0
# Between two lines about what has come.
SECONDS_BETWEEN_LINES = 5.0
# The longest silence while nothing comes; it doubles up to here.
MOST_SECONDS_OF_SILENCE = 30.0


def progress(items: Iterable[Item], total: int, label: str) -> Generator[Item, None, None]:
    """The items, with how many have passed, and how long the others will take."""
    if not total:
        yield from items
        return
    with _shown(label, total) as signs:
        for item in items:
            yield item
            signs.step()


@contextmanager
def waiting(label: str) -> Iterator[None]:
    """Says what goes on inside, if it takes longer than two seconds, and how long it took."""
    with _shown(label, None):
        yield


def notice(text: str) -> None:
    """A line on standard error at once, above a bar that is shown there."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(text, file=sys.stderr)
    else:
        print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time for people, as in 45 s, 12 min and 3 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class _Signs:
    """What is shown of one piece of work: `step` as things come, `beat` by a thread while the work blocks."""

    def __init__(self, label: str, total: int | None) -> None:
        self.label, self.total, self.done = label, total, 0
        self.started = self.came = time.monotonic()

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        self.came = time.monotonic()

    def beat(self) -> float:
        """Says that the work goes on, if it is time to; returns the seconds until it may be time again."""
        raise NotImplementedError

    def end(self, *, whole: bool) -> None:
        """The work is over; ``whole``: not by an error."""
        raise NotImplementedError


class _Lines(_Signs):
    def __init__(self, label: str, total: int | None) -> None:
        super().__init__(label, total)
        self.said, self.silence, self.lines = self.started, SECONDS_UNTIL_FIRST, 0
        self.lock = threading.Lock()

    def step(self) -> None:
        super().step()
        if self.done == self.total or time.monotonic() - self.said >= SECONDS_BETWEEN_LINES:
            self._say()

    def beat(self) -> float:
        left = self.said + self.silence - time.monotonic()
        if left <= 0:
            self._say()
            self.silence = left = min(2 * self.silence, MOST_SECONDS_OF_SILENCE)
        return left

    def end(self, *, whole: bool) -> None:
        if whole and self.total is None and self.lines:
            self._say("done after ")

    def _say(self, word: str = "") -> None:
        with self.lock:
            self.said = time.monotonic()
            self.lines += 1
            seconds = self.said - self.started
            parts = [] if self.total is None else [f"{self.done:,}/{self.total:,}"]
            if self.total is None or seconds >= SECONDS_UNTIL_FIRST:
                parts.append(word + duration(seconds))
            if seconds >= SECONDS_UNTIL_FIRST and (left := self._seconds_left()) >= 1:
                parts.append(f"about {duration(left)} left")
            print(f"{self.label}: {', '.join(parts)}", file=sys.stderr, flush=True)

    def _seconds_left(self) -> float:
        """At the pace so far, counted from when something came; it is not known while nothing has."""
        if self.total is None or not self.done:
            return 0.0
        each, left = (self.came - self.started) / self.done, self.total - self.done
        # The next one may be late, and those after it still take their time.
        return max(each * left - (self.said - self.came), each * (left - 1))


class _Bar(_Signs):
    def __init__(self, label: str, total: int | None) -> None:
        from tqdm import tqdm

        super().__init__(label, total)
        # It has a thread of its own, which is for bars that are seldom moved.
        tqdm.monitor_interval = 0
        form = "{desc}: {elapsed}" if total is None else None
        self.bar = tqdm(total=total, desc=label, file=sys.stderr, leave=total is not None, bar_format=form)

    def step(self) -> None:
        super().step()
        self.bar.update()

    def beat(self) -> float:
        self.bar.refresh()
        return 1.0

    def end(self, *, whole: bool) -> None:
        self.bar.close()


# Of pieces of work inside one another, the innermost speaks.
_open: list[_Signs] = []


@contextmanager
def _shown(label: str, total: int | None) -> Iterator[_Signs]:
    signs = (_Bar if sys.stderr.isatty() else _Lines)(label, total)
    over = threading.Event()

    def beats() -> None:
        wait = SECONDS_UNTIL_FIRST
        while not over.wait(max(wait, 0.1)):
            wait = signs.beat() if _open[-1:] == [signs] else SECONDS_UNTIL_FIRST

    thread = threading.Thread(target=beats, daemon=True)
    _open.append(signs)
    thread.start()
    whole = False
    try:
        yield signs
        whole = True
    finally:
        over.set()
        thread.join()
        _open.remove(signs)
        signs.end(whole=whole)
