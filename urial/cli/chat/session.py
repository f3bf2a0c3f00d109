"""A conversation with a base model through a prompt."""

from collections.abc import Iterator
from contextlib import closing
from itertools import chain
from typing import Literal

from urial import __version__
from urial.cli.chat.models import ChatModel, ChatPrompt
from urial.cli.chat.stream_text import Ending, PromptTooLongError, Stream
from urial.cli.chat.terminal import Terminal
from urial.core.errors import UrialError
from urial.core.hashing import bytes_hash
from urial.generate.engine import Request
from urial.prompts.versions.rendering import Rendered, render
from urial.records.completion import ChatTurn, Finish, Transcript
from urial.records.instruction import MAX_TURN_CHARACTERS


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

    def ask(self, query: str, terminal: Terminal) -> ChatTurn | None:
        """Answer a query as the conversation's next turn.

        An answer that is interrupted is kept as far as it got; None: it did not begin. Raises UrialError when no whole
        answer comes, and keeps nothing then.
        """
        require_query(query)
        pieces: list[str] = []
        finish: Finish | Literal["interrupted"] = "interrupted"
        try:
            begun, first, stream = self._begin(query)
            if more := begun.left_out - self.left_out:
                terminal.note(
                    f"the conversation does not fit any more: {more} more of its oldest turns left out, "
                    f"{begun.left_out} in all"
                )
            if begun.flag:
                terminal.note(f"warning: {begun.flag}")
            with closing(stream):
                for item in chain([first], stream):
                    if isinstance(item, Ending):
                        finish = item.finish
                        break
                    pieces.append(item)
                    terminal.piece(item)
                else:
                    raise UrialError("the answer broke off")
        except KeyboardInterrupt:
            if not pieces:
                terminal.note("stopped before the answer began; the query is not kept")
                return None
            terminal.note("stopped; the answer is kept as far as it got")
        if finish == "length":
            limit = self.base.decoding.max_new_tokens
            terminal.note(f"cut off after {limit:,} tokens; --max-new-tokens sets the limit")
        turn = begun.model_copy(update={"answer": "".join(pieces), "finish": finish})
        if not turn.answer:
            terminal.note("the answer is empty")
        self.turns.append(turn)
        self.left_out = turn.left_out
        return turn

    def compare(
        self, query: str, zero_shot: ChatPrompt, aligned: ChatModel | None
    ) -> Iterator[tuple[str, str | UrialError]]:
        """Each system with its answer to one query without the conversation, or why it has none.

        They are the base model without and with the prompt, and the aligned model.
        """
        require_query(query)
        prompts = {zero_shot.hash: (zero_shot, False), self.prompt.hash: (self.prompt, True)}
        streams = [(f"base, {prompt.name}", self._alone(query, prompt, keep)) for prompt, keep in prompts.values()]
        if aligned is not None:
            streams.append(("aligned", aligned.engine.converse(query, aligned.decoding)))
        for system, stream in streams:
            try:
                ending = next(item for item in stream if isinstance(item, Ending))
            except UrialError as error:
                yield system, error
            else:
                yield f"{system} (cut off)" if ending.finish == "length" else system, ending.text

    def _alone(self, query: str, prompt: ChatPrompt, keep: bool) -> Stream:
        yield from self._stream(render(prompt.for_query(query)[0], query), keep)

    def _stream(self, rendered: Rendered, keep: bool = True) -> Stream:
        decoding = self.base.decoding
        return self.base.engine.stream(Request(rendered.text, True, rendered.stop, decoding.seed), decoding, keep)

    def _begin(self, query: str) -> tuple[ChatTurn, str | Ending, Stream]:
        """Send the query after as many of the turns as fit, the oldest left out first.

        Returns the turn as far as it is known, its first piece, and what follows.
        """
        version, retrieved = self.prompt.for_query(self.turns[0].query if self.turns else query)
        reason = None
        for left_out in range(self.left_out, len(self.turns) + 1):
            rendered = render(version, query, [(turn.query, turn.answer) for turn in self.turns[left_out:]])
            try:
                stream = self._stream(rendered)
                first = next(stream)
            except PromptTooLongError as error:
                reason = error
                continue
            turn = ChatTurn(
                query=query,
                prompt_name=self.prompt.name,
                prompt_hash=self.prompt.hash,
                retrieved=retrieved,
                left_out=left_out,
                flag=rendered.flag,
                text=rendered.text,
                text_hash=bytes_hash(rendered.text.encode("utf-8")),
                stop=rendered.stop,
                answer="",
                finish="interrupted",
            )
            return turn, first, stream
        raise UrialError(
            f"the query does not fit{', even without the turns before it' if self.turns else ''}: {reason}",
            fix="shorten it, choose a shorter prompt with /prompt, or lower --max-new-tokens",
        )


def require_query(query: str) -> None:
    """Raises UrialError for a query that is no text, or is longer than any instruction may be."""
    try:
        query.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UrialError("the query is not valid UTF-8", fix="check the terminal's encoding") from error
    if len(query) > MAX_TURN_CHARACTERS:
        raise UrialError(f"the query has {len(query):,} characters", expected=f"at most {MAX_TURN_CHARACTERS:,}")
