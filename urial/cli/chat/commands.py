"""What a line that begins with a slash does."""

import os
from collections.abc import Callable
from pathlib import Path

from urial.cli.chat.models import ChatModels, open_prompt
from urial.cli.chat.session import Session
from urial.cli.chat.terminal import Terminal, compared
from urial.core.errors import UrialError, did_you_mean, shorten
from urial.core.store import require_free, write_json
from urial.prompts.versions.library import list_prompts

ZERO_SHOT = "zero-shot"


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
            self.terminal.note("\n".join([*list_prompts(), f"in use: {self.session.prompt.name}"]))
            return
        prompt = open_prompt(name, self.models.collection)
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
        count = len(self.session.turns)
        return "1 turn" if count == 1 else f"{count} turns"

    def _save(self, name: str) -> None:
        transcript, path = self.session.transcript, Path(os.path.expanduser(name))
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
