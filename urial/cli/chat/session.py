"""A conversation with a base model through a prompt, and what a line in it does that begins with a slash."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Literal

from urial import __version__
from urial.cli.chat.models import ChatModel, ChatModels, ChatPrompt, open_prompt
from urial.cli.chat.stream_text import Ending, PromptTooLongError, Stream, cut_off
from urial.cli.chat.terminal import Terminal, compared
from urial.cli.places import given, given_name
from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.hashing import bytes_hash
from urial.core.progress import waiting
from urial.core.store import require_free, write_json
from urial.core.text import counted
from urial.generate.engine import Request
from urial.prompts.versions.library import list_prompts
from urial.prompts.versions.rendering import Rendered, render
from urial.records.completion import ChatTurn, Finish, Transcript
from urial.records.instruction import MAX_TURN_CHARACTERS
from urial.run.project import prompts_folder

ZERO_SHOT = "zero-shot"


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
        counted: int | None = None
        try:
            begun, first, stream = self._begin(query)
            if more := begun.left_out - self.left_out:
                left_out = f"{more} more of its oldest turns left out, {begun.left_out} in all"
                terminal.note(f"the conversation does not fit any more: {left_out}")
            if begun.flag:
                terminal.note(f"warning: {begun.flag}")
            with closing(stream):
                for item in chain([first], stream):
                    if isinstance(item, Ending):
                        finish, counted = item.finish, item.n_tokens
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
            terminal.note(cut_off(self.base.decoding.max_new_tokens, counted))
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
                with waiting(f"answer of {system}"):
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
                with waiting("waiting for the first token"):
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


class Commands:
    """The slash commands of one conversation."""

    def __init__(self, session: Session, models: ChatModels, terminal: Terminal) -> None:
        self.session = session
        self.models = models
        self.terminal = terminal
        # What each takes (in brackets: if anything), and what it does.
        self.table: dict[str, tuple[str, str, Callable[[str], None]]] = {
            "/help": ("", "show this list", self._help),
            "/prompt": (
                "[NAME]", "go on through another prompt (NAME, COLLECTION/NAME, a file), or list them", self._prompt
            ),
            "/compare": ("QUERY", "base without prompt, base with it, and aligned, side by side", self._compare),
            "/save": ("FILE", "write the conversation to a new file, with where it came from", self._save),
            "/reset": ("", "forget the turns so far", self._reset),
            "/quit": ("", "leave; so does Ctrl-D", self._quit),
        }  # fmt: skip
        self.ended = False

    def run(self, line: str) -> None:
        """Raises UrialError for an unknown command, a wrong use, or what fails in it."""
        name, argument = [*line.split(maxsplit=1), ""][:2]
        if name not in self.table:
            raise UrialError(
                f"unknown command {shorten(name)}",
                expected="a command of /help, or // where a query begins with /",
                fix=did_you_mean(name, self.table),
            )
        wanted, _, command = self.table[name]
        if argument and not wanted:
            raise UrialError(f"{name} takes no argument")
        if not argument and wanted.isalpha():
            raise UrialError(f"{name} needs {wanted}")
        command(argument)

    def _help(self, _argument: str) -> None:
        names = {f"{name} {argument}": text for name, (argument, text, _) in self.table.items()}
        width = max(map(len, names))
        lines = [f"{name.ljust(width)}  {text}" for name, text in names.items()]
        self.terminal.note("\n".join([*lines, "//TEXT sends /TEXT. Ctrl-C stops an answer."]))

    def _prompt(self, name: str) -> None:
        if not name:
            self.terminal.note("\n".join([*list_prompts(prompts_folder()), f"in use: {self.session.prompt.name}"]))
            return
        prompt = open_prompt(given_name(name), self.models.collection)
        self.session.use_prompt(prompt)
        again = f"; {self._turns()} so far laid out anew in it" if self.session.turns else ""
        self.terminal.note(f"prompt {prompt.name}{again}")

    def _compare(self, query: str) -> None:
        zero_shot = open_prompt(ZERO_SHOT, self.models.collection)
        aligned = None
        try:
            aligned = self.models.aligned()
        except UrialError as error:
            self.terminal.note(f"without an aligned answer: {error}")
        if self.terminal.interactive:
            self.terminal.note("asking one after the other; the answers come together")
        rows = list(self.session.compare(query, zero_shot, aligned))
        if answers := [(system, answer) for system, answer in rows if isinstance(answer, str)]:
            self.terminal.answer(compared(answers, self.terminal.width))
        if errors := [f"{system}: {error}" for system, error in rows if isinstance(error, UrialError)]:
            raise UrialError("\n".join(errors))

    def _turns(self) -> str:
        return counted(len(self.session.turns), "turn")

    def _save(self, name: str) -> None:
        transcript, path = self.session.transcript, Path(os.path.expanduser(given(name)))
        if "\0" in name:
            raise UrialError(f"{str(path)!r} is no file name")
        require_free(path, fix="name another file")
        write_json(path, transcript)
        self.terminal.note(f"{path}: {self._turns()}")

    def _reset(self, _: str) -> None:
        self.session.reset()
        self.terminal.note("the turns so far are forgotten")

    def _quit(self, _: str) -> None:
        self.ended = True
