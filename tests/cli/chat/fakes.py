"""A model that says what a test tells it to, and a terminal that writes everything down."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.conftest import ROOT
from tests.tiny_models import decoding
from urial.cli.chat.models import ChatModel, ChatPrompt, open_prompt
from urial.cli.chat.session import Session
from urial.cli.chat.stream_text import Ending, PromptTooLongError, Stream
from urial.cli.chat.terminal import Terminal
from urial.generate.engine import Request
from urial.records.completion import Finish
from urial.records.model import ModelManifest, ServerModel
from urial.records.params.file import Decoding

# A piece, or something that happens instead.
Script = tuple[str | BaseException, ...]


@dataclass
class Scripted:
    """An engine: each request gets the next script, and longer texts than ``limit`` characters do not fit."""

    scripts: Iterator[Script]
    limit: int = 10**9
    finish: Finish = "stop_string"
    asked: list[tuple[Request, bool]] = field(default_factory=list)
    conversed: list[str] = field(default_factory=list)

    def stream(self, request: Request, decoding: Decoding, keep: bool = True) -> Stream:
        self.asked.append((request, keep))
        if len(request.text) > self.limit:
            raise PromptTooLongError(f"{len(request.text)} characters are too many")
        yield from self._play()

    def converse(self, query: str, decoding: Decoding) -> Stream:
        self.conversed.append(query)
        yield from self._play()

    def _play(self) -> Stream:
        said = ""
        for item in next(self.scripts):
            if isinstance(item, BaseException):
                raise item
            said += item
            yield item
        yield Ending(said, self.finish)


@dataclass
class Shown(Terminal):
    """A terminal that keeps what it is shown."""

    pieces: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    on_piece: Callable[[], None] = lambda: None

    def piece(self, text: str) -> None:
        self.pieces.append(text)
        self.on_piece()

    def note(self, text: str) -> None:
        self.notes.append(text)


def scripted(*scripts: Script, **changes: object) -> Scripted:
    return Scripted(iter(scripts), **changes)  # type: ignore[arg-type]


def model(engine: Scripted) -> ChatModel:
    return ChatModel(
        engine, ModelManifest(role="base", source=ServerModel(server="http://s/v1", model="m")), decoding()
    )


def prompt(name: str = "general/zero-shot") -> ChatPrompt:
    return open_prompt(name, "general", ROOT / "prompts")


def session_of(engine: Scripted, name: str = "general/zero-shot") -> Session:
    return Session(model(engine), prompt(name))
