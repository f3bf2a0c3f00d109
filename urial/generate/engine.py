"""Engines: what turns prompts into answers. One protocol, one module an engine."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from urial.core.thinking import Marks
from urial.records.completion import Answer, PromptForm
from urial.records.params.file import Decoding


@dataclass(frozen=True)
class Request:
    """One prompt to answer."""

    text: str
    adds_special_tokens: bool
    stop: tuple[str, ...]
    # Seeds the row's own random numbers, so that a sampled answer does not depend on its neighbors.
    seed: int
    # messages: the text is the JSON of chat messages, for a server to lay out.
    form: PromptForm = "text"
    # Tokens that the answer is begun with: they follow those of the text, whatever the text with them would read as.
    given: tuple[int, ...] = ()
    # How thinking is marked, within which no stop string counts; None: stop strings count everywhere.
    marks: Marks | None = None
    # What a server's chat template is told about thinking; None: nothing.
    thinks: bool | None = None


@dataclass(frozen=True)
class NoAnswer:
    """Why a server gave no answer to a prompt."""

    # failed: nothing that can be used came, whatever the prompt; refused: the server takes no request like it.
    kind: Literal["too_long", "filtered", "failed", "refused"]
    reason: str
    fix: str | None = None


class Engine(Protocol):
    """Answers prompts in whatever order is fast."""

    def complete(
        self, requests: Sequence[Request], wanted: Sequence[int], decoding: Decoding
    ) -> Generator[tuple[int, Answer | NoAnswer], None, None]:
        """Yields (index, answer) for each index in ``wanted`` as soon as it is finished; is closed to stop early.

        All ``requests`` are given, so that what they share is found whichever rows are still wanted. An engine on a
        server may end before all are asked: after many failures, and after one that is refused.
        """
        ...
