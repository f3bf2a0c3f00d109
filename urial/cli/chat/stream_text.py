"""Answers that arrive in pieces: what all streaming engines share.

A piece is given out when nothing that follows can change it or cut it off, so that the pieces join to the answer.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from urial.core.errors import UrialError
from urial.generate.engine import Request
from urial.records.completion import Finish
from urial.records.params.file import Decoding

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
    # How many tokens a server counts; None: it does not, or it was not waited for.
    counted: int | None = None

    @property
    def n_tokens(self) -> int | None:
        """How many tokens were generated; None: not known."""
        return self.counted if self.token_ids is None else len(self.token_ids)


Stream = Generator[str | Ending, None, None]
"""An answer's pieces, then its ending."""


def cut_off(limit: int, counted: int | None) -> str:
    """Where an answer was cut off that may have ``limit`` tokens, and has so many; None: nobody counted them."""
    if counted is None:
        return (
            f"cut off after {limit:,} tokens, which --max-new-tokens sets, or before, where the server's context ends"
        )
    if counted < limit:
        return f"cut off after {counted:,} tokens by the server: its context, or a limit of its own, ends there"
    return f"cut off after {limit:,} tokens; --max-new-tokens sets the limit"


class PromptTooLongError(UrialError):
    """The prompt leaves no room for the answer; a shorter one may."""


class Streaming(Protocol):
    """An engine whose answers arrive in pieces. Raises UrialError when no whole answer comes."""

    def stream(self, request: Request, decoding: Decoding, keep: bool = True) -> Stream:
        """Continue a text; ``keep``: the next one begins alike. Raises PromptTooLongError before the first piece."""
        ...

    def converse(self, query: str, decoding: Decoding) -> Stream:
        """Answer a query through the model's chat template."""
        ...


class Pieces:
    """Cuts the text of one answer, which grows, into pieces."""

    def __init__(self, stop: Sequence[str]) -> None:
        self.stop = tuple(stop)
        self.sent = 0

    def next(self, text: str) -> str:
        """What can be given out of the ``text`` so far, which has no stop string in it."""
        text = text.rstrip(UNFINISHED)
        # What ends like the beginning of a stop string waits for what follows.
        begun = 0
        for stop in self.stop:
            sizes = range(min(len(stop) - 1, len(text)), 0, -1)
            begun = max(begun, next((size for size in sizes if text.endswith(stop[:size])), 0))
        return self.rest(text[: len(text) - begun])

    def rest(self, text: str) -> str:
        """What is left of the whole answer."""
        start, self.sent = self.sent, max(self.sent, len(text))
        return text[start:]

    def before_stop(self, text: str) -> str | None:
        """The answer before its first stop string; None while there is none. What was given out has none."""
        offsets = [offset for stop in self.stop if (offset := text.find(stop, self.sent)) >= 0]
        return text[: min(offsets)] if offsets else None
