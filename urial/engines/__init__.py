"""Engines: what turns prompts into answers. One protocol, one module an engine."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from urial.params import Decoding
from urial.records import Answer


@dataclass(frozen=True)
class Request:
    """One prompt to answer."""

    text: str
    adds_special_tokens: bool
    stop: tuple[str, ...]
    # Seeds the row's own random numbers, so that a sampled answer does not depend on its neighbours.
    seed: int


class Engine(Protocol):
    """Answers prompts in whatever order is fast."""

    def complete(
        self, requests: Sequence[Request], wanted: Sequence[int], decoding: Decoding
    ) -> Iterator[tuple[int, Answer]]:
        """Yields (index, answer) for each index in ``wanted`` as soon as it is finished.

        All ``requests`` are given, so that what they share is found whichever rows are still wanted.
        """
        ...
