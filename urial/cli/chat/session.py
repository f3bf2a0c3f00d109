"""A conversation with a base model through a prompt, whatever shows it."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal, Protocol

from urial import __version__
from urial.cli.chat.prompts import ChatPrompt
from urial.cli.chat.stream_text import Ending, PromptTooLongError, Stream
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.core.store import require_free, write_json
from urial.generate.engine import Request
from urial.prompts.versions.rendering import Rendered, render
from urial.records.completion import ChatTurn, Finish, Transcript
from urial.records.instruction import MAX_TURN_CHARACTERS
from urial.records.model import ModelManifest
from urial.records.params.file import Decoding


class Streaming(Protocol):
    """An engine whose answers arrive in pieces. Raises UrialError when no whole answer comes."""

    def stream(self, request: Request, decoding: Decoding, keep: bool = True) -> Stream:
        """Continue a text; ``keep``: the next one begins alike. Raises PromptTooLongError before the first piece."""
        ...

    def converse(self, query: str, decoding: Decoding) -> Stream:
        """Answer a query through the model's chat template."""
        ...


@dataclass(frozen=True)
class ChatModel:
    """A model that answers, what it is, and how its answers are decoded."""

    engine: Streaming
    identity: ModelManifest
    decoding: Decoding


class Display(Protocol):
    """Where a conversation is shown."""

    def piece(self, text: str) -> None:
        """A piece of the answer."""
        ...

    def note(self, text: str) -> None:
        """Something to know about the conversation."""
        ...


@dataclass(frozen=True)
class _PendingQuery:
    """A query that is being answered: what the model was given, and what comes back."""

    rendered: Rendered
    retrieved: tuple[int, ...]
    left_out: int
    first: str | Ending
    stream: Stream


class Session:
    """The turns so far, and the prompt through which the next one goes."""

    def __init__(self, base: ChatModel, prompt: ChatPrompt) -> None:
        self.base = base
        self.prompt = prompt
        self.turns: list[ChatTurn] = []
        # The oldest turns that do not fit any more; they stay left out while the conversation only grows.
        self.left_out = 0

    def use_prompt(self, prompt: ChatPrompt) -> None:
        """Go on through another prompt, in which the turns so far are laid out again."""
        self.prompt, self.left_out = prompt, 0

    def reset(self) -> None:
        """Forget the turns."""
        self.turns, self.left_out = [], 0

    @property
    def transcript(self) -> Transcript:
        """The conversation so far. Raises UrialError when there is none."""
        if not self.turns:
            raise UrialError("there is nothing to save yet")
        base = self.base
        return Transcript(version=__version__, model=base.identity, decoding=base.decoding, turns=tuple(self.turns))

    def save(self, path: Path) -> None:
        """Write the conversation so far to a new file. Raises UrialError when the file exists or cannot be written."""
        record = self.transcript
        if "\0" in str(path):
            raise UrialError(f"{str(path)!r} is no file name")
        require_free(path, fix="name another file")
        write_json(path, record)

    def ask(self, query: str, display: Display) -> ChatTurn | None:
        """Answer a query as the conversation's next turn.

        An answer that is interrupted is kept as far as it got; None: it did not begin. Raises UrialError when no whole
        answer comes, and keeps nothing then.
        """
        require_query(query)
        pending: _PendingQuery | None = None
        pieces: list[str] = []
        finish: Finish | Literal["interrupted"] = "interrupted"
        try:
            pending = self._begin(query)
            self._explain(pending, display)
            with closing(pending.stream):
                finish = _say(chain([pending.first], pending.stream), pieces, display).finish
        except KeyboardInterrupt:
            if pending is None or not pieces:
                display.note("stopped before the answer began; the query is not kept")
                return None
            display.note("stopped; the answer is kept as far as it got")
        if finish == "length":
            display.note(f"cut off after {self.base.decoding.max_new_tokens:,} tokens; --max-new-tokens sets the limit")
        turn = self._turn(query, pending, "".join(pieces), finish)
        self.turns.append(turn)
        self.left_out = pending.left_out
        return turn

    def compare(self, query: str, zero_shot: ChatPrompt, aligned: ChatModel | None) -> Iterator["Compared"]:
        """The answers to one query without the conversation: of the base model without and with the prompt, and of the aligned model."""
        require_query(query)
        prompts = {zero_shot.hash: (zero_shot, False), self.prompt.hash: (self.prompt, True)}
        for prompt, keep in prompts.values():
            yield _compared(f"base, {prompt.name}", self._alone(query, prompt, keep))
        if aligned is not None:
            yield _compared("aligned", aligned.engine.converse(query, aligned.decoding))

    def _alone(self, query: str, prompt: ChatPrompt, keep: bool) -> Stream:
        yield from self._stream(render(prompt.for_query(query)[0], query), keep)

    def _stream(self, rendered: Rendered, keep: bool = True) -> Stream:
        decoding = self.base.decoding
        return self.base.engine.stream(Request(rendered.text, True, rendered.stop, decoding.seed), decoding, keep)

    def _begin(self, query: str) -> _PendingQuery:
        """Send the query after as many of the turns as fit, the oldest left out first."""
        version, retrieved = self.prompt.for_query(self.turns[0].query if self.turns else query)
        reason = None
        for left_out in range(self.left_out, len(self.turns) + 1):
            rendered = render(version, query, [(turn.query, turn.answer) for turn in self.turns[left_out:]])
            stream = self._stream(rendered)
            try:
                return _PendingQuery(rendered, retrieved, left_out, next(stream), stream)
            except PromptTooLongError as error:
                reason = error
        raise UrialError(
            f"the query does not fit{', even without the turns before it' if self.turns else ''}: {reason}",
            fix="shorten it, choose a shorter prompt with /prompt, or lower --max-new-tokens",
        )

    def _explain(self, pending: _PendingQuery, display: Display) -> None:
        if more := pending.left_out - self.left_out:
            display.note(
                f"the conversation does not fit any more: {more} more of its oldest turns left out, "
                f"{pending.left_out} in all"
            )
        if pending.rendered.flag:
            display.note(f"warning: {pending.rendered.flag}")

    def _turn(
        self, query: str, pending: _PendingQuery, answer: str, finish: Finish | Literal["interrupted"]
    ) -> ChatTurn:
        return ChatTurn(
            query=query,
            prompt_name=self.prompt.name,
            prompt_hash=self.prompt.hash,
            retrieved=pending.retrieved,
            left_out=pending.left_out,
            flag=pending.rendered.flag,
            text=pending.rendered.text,
            text_hash=bytes_hash(pending.rendered.text.encode("utf-8")),
            stop=pending.rendered.stop,
            answer=answer,
            finish=finish,
        )


@dataclass(frozen=True)
class Compared:
    """One system's answer to a query that several are asked, or why it has none."""

    system: str
    answer: str | None
    error: UrialError | None = None


def require_query(query: str) -> None:
    """Raises UrialError for a query that is no text, or is longer than any instruction may be."""
    try:
        query.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UrialError("the query is not valid UTF-8", fix="check the terminal's encoding") from error
    if len(query) > MAX_TURN_CHARACTERS:
        raise UrialError(f"the query has {len(query):,} characters", expected=f"at most {MAX_TURN_CHARACTERS:,}")


def _say(items: Iterable[str | Ending], pieces: list[str], display: Display) -> Ending:
    """Show the pieces as they come; they are in ``said`` even when something stops them."""
    for item in items:
        if isinstance(item, Ending):
            return item
        pieces.append(item)
        display.piece(item)
    raise UrialError("the answer broke off")


def _compared(system: str, stream: Stream) -> Compared:
    try:
        ending = next(item for item in stream if isinstance(item, Ending))
    except UrialError as error:
        return Compared(system, None, error)
    return Compared(f"{system} (cut off)" if ending.finish == "length" else system, ending.text)
