"""Answers that arrive in pieces: what all streaming engines share.

A piece is given out when nothing that follows can change it or cut it off, so that the pieces join to the answer.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from urial.core.errors import UrialError
from urial.records.completion import Finish

# What a tokenizer shows in place of a character whose last bytes are still to come.
UNFINISHED = "\ufffd"


@dataclass(frozen=True)
class Ending:
    """How an answer ended; comes after its last piece."""

    # All pieces joined.
    text: str
    finish: Finish
    # Every generated token; None from a server, which sends only text.
    token_ids: tuple[int, ...] | None = None


Stream = Generator[str | Ending, None, None]
"""An answer's pieces, then its ending."""


class PromptTooLongError(UrialError):
    """The prompt leaves no room for the answer; a shorter one may."""


class Pieces:
    """Cuts the text of one answer, which grows, into pieces."""

    def __init__(self, stop: Sequence[str]) -> None:
        self.stop = tuple(stop)
        self.sent = 0

    def next(self, text: str) -> str:
        """What can be given out of the ``text`` so far, which has no stop string in it."""
        text = text.rstrip(UNFINISHED)
        return self._upto(text, len(text) - _begun(text, self.stop))

    def rest(self, text: str) -> str:
        """What is left of the whole answer."""
        return self._upto(text, len(text))

    def before_stop(self, text: str) -> str | None:
        """The answer before its first stop string; None while there is none. What was given out has none."""
        offsets = [offset for stop in self.stop if (offset := text.find(stop, self.sent)) >= 0]
        return text[: min(offsets)] if offsets else None

    def _upto(self, text: str, end: int) -> str:
        start, self.sent = self.sent, max(self.sent, end)
        return text[start:end]


def _begun(text: str, stop: Sequence[str]) -> int:
    """How many characters at the end of the text can be the beginning of a stop string."""
    return max((_overlap(text, item) for item in stop), default=0)


def _overlap(text: str, stop: str) -> int:
    longest = min(len(stop) - 1, len(text))
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
