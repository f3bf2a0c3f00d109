"""Runs `urial chat`: in this process, as a process with piped input, and at a terminal."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from click.testing import CliRunner, Result

from urial.cli import main

COMMAND = Path(sys.executable).with_name("urial")


def chat(*arguments: str, lines: str | bytes = "") -> Result:
    """The command in this process, with piped input."""
    result = CliRunner().invoke(main, ["chat", *arguments], input=lines)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def real(*arguments: str, lines: bytes, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [COMMAND, "chat", *arguments], input=lines, capture_output=True, timeout=120, cwd=cwd, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", **environment},
    )  # fmt: skip


# A session of its own makes the terminal its controlling one, and so Ctrl-C a signal; a job in the background, as CI may
# be, has its children ignore that signal unless they are told not to.
BEGIN = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Person:
    """Someone at a terminal of 120 columns."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self.master, slave = pty.openpty()
        environment = {**os.environ, "COLUMNS": "120", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", BEGIN, COMMAND, "chat", *arguments],
            stdin=slave, stdout=slave, stderr=slave, cwd=cwd, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def types(self, text: str) -> None:
        """Type a line when there is a prompt."""
        self.sees("> ")
        os.write(self.master, f"{text}\n".encode())
        self.sees(text)

    def presses(self, key: str) -> None:
        os.write(self.master, key.encode())

    def interrupts(self, answer: str) -> None:
        """Press Ctrl-C until ``answer`` comes: readline does not notice one between its prompt and its wait for a key."""
        for _ in range(12):
            self.presses("\x03")
            if self._within(5, answer):
                break
        self.sees(answer)

    def sees(self, text: str) -> str:
        """Everything up to ``text``, which has to come."""
        assert self._within(60, text), self.seen
        before, _, self.seen = self.seen.partition(text)
        return before + text

    def _within(self, seconds: float, text: str) -> bool:
        deadline = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.seen += os.read(self.master, 10_000).decode(errors="replace")
                except OSError:  # the other end is closed
                    break
        return text in self.seen

    def leaves(self) -> int:
        self.sees("> ")
        self.presses("\x04")
        code = self.process.wait(60)
        os.close(self.master)
        return code
