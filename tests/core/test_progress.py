import os
import pty
import sys
import termios
import time
from collections.abc import Iterator

import pytest

from urial.core.progress import progress


def test_the_items_pass_unchanged_and_the_end_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("abc"), 3, "answers")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "answers: 3/3\n")


def test_a_line_comes_only_when_time_has_passed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1.0, 31.0, 31.0, 60.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    assert list(progress(range(3), 9, "rows")) == [0, 1, 2]
    assert capsys.readouterr().err == "rows: 2/9\n"


def test_nothing_to_do_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress([], 0, "rows")) == []
    assert capsys.readouterr() == ("", "")


def test_items_are_taken_one_at_a_time(capsys: pytest.CaptureFixture[str]) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            taken.append(number)
            yield number

    stream = progress(items(), 5, "rows")
    assert next(stream) == 0
    assert taken == [0]
    assert capsys.readouterr().err == ""


def test_an_interrupted_run_does_not_claim_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    stream = progress(range(5), 5, "rows")
    next(stream)
    del stream
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 80))
    with os.fdopen(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert list(progress(range(3), 3, "answers")) == [0, 1, 2]
        terminal.flush()
        shown = os.read(reader, 100_000).decode()
    os.close(reader)
    assert "answers: 100%" in shown
    assert "3/3" in shown
