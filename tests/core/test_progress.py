"""Signs of life on standard error, on a terminal and in a pipe."""

import os
import pty
import re
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

import pytest

from urial.core import progress as module
from urial.core.progress import duration, notice, progress, waiting


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time that is short enough to be waited for."""
    monkeypatch.setattr(module, "SECONDS_UNTIL_FIRST", 0.1)
    monkeypatch.setattr(module, "SECONDS_BETWEEN_LINES", 0.2)
    monkeypatch.setattr(module, "MOST_SECONDS_OF_SILENCE", 0.4)


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch, shown: list[str]) -> Iterator[TextIO]:
    """Standard error on a terminal; ``shown`` gets what it showed."""
    reader, writer = pty.openpty()
    termios.tcsetwinsize(writer, (24, 80))
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        yield stream
    # The kernel ends what was written with an error.
    with suppress(OSError):
        while part := os.read(reader, 100_000):
            shown.append(part.decode())
    shown[:] = ["".join(shown)]
    os.close(reader)


def test_the_items_pass_unchanged_and_the_end_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress(iter("abc"), 3, "answers")) == ["a", "b", "c"]
    assert capsys.readouterr() == ("", "answers: 3/3\n")


@pytest.mark.usefixtures("_quick")
def test_a_line_comes_for_each_slow_item_with_the_time_that_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    def slow() -> Iterator[int]:
        for number in range(3):
            time.sleep(0.7)
            yield number

    assert list(progress(slow(), 3, "rows")) == [0, 1, 2]
    lines = capsys.readouterr().err.splitlines()
    # Nothing has come after 0.1 s; then a line an item.
    assert lines[0] == "rows: 0/3, 0 s"
    assert "rows: 1/3, 1 s, about 1 s left" in lines
    assert lines[-1] == "rows: 3/3, 2 s"


@pytest.mark.usefixtures("_quick")
def test_quick_items_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def quick() -> Iterator[int]:
        for number in range(100):
            time.sleep(0.005)
            yield number

    list(progress(quick(), 100, "rows"))
    assert 2 <= len(capsys.readouterr().err.splitlines()) <= 8


@pytest.mark.usefixtures("_quick")
def test_while_nothing_comes_lines_come_ever_more_rarely(capsys: pytest.CaptureFixture[str]) -> None:
    def stuck() -> Iterator[int]:
        time.sleep(1.7)
        yield 0

    list(progress(stuck(), 1, "rows"))
    # After 0.1, 0.3, 0.7, 1.1 and 1.5 s.
    assert 4 <= capsys.readouterr().err.count("rows: 0/1, ") <= 5


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
    stream.close()


def test_an_interrupted_run_does_not_claim_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    stream = progress(range(5), 5, "rows")
    next(stream)
    del stream
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("_quick")
def test_a_wait_says_what_goes_on_and_how_long_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("loading the model"):
        time.sleep(0.15)
    assert capsys.readouterr().err == "loading the model: 0 s\nloading the model: done after 0 s\n"
    broken = waiting("loading the model")
    broken.__enter__()
    time.sleep(0.15)
    assert not broken.__exit__(KeyError, KeyError(), None)
    assert capsys.readouterr().err == "loading the model: 0 s\n"


def test_a_short_wait_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("loading the model"):
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("_quick")
def test_of_work_in_work_the_inner_one_speaks(capsys: pytest.CaptureFixture[str]) -> None:
    def slow() -> Iterator[int]:
        time.sleep(0.3)
        yield 0

    with waiting("measuring"):
        list(progress(slow(), 1, "rows"))
    said = capsys.readouterr().err.splitlines()
    assert {line.partition(":")[0] for line in said[:-1]} == {"rows"}


def test_a_terminal_shows_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    with terminal(monkeypatch, shown):
        assert list(progress(range(3), 3, "answers")) == [0, 1, 2]
    assert "answers: 100%" in shown[0]
    assert "3/3" in shown[0]


@pytest.mark.usefixtures("_quick")
def test_a_terminal_is_kept_fresh_and_a_notice_stands_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []

    def stuck() -> Iterator[int]:
        time.sleep(1.3)
        notice("the server is busy")
        yield 0

    with terminal(monkeypatch, shown):
        list(progress(stuck(), 1, "rows"))
        with waiting("loading"):
            time.sleep(0.3)
    assert re.search(r"rows:   0%.*\[00:01<", shown[0])
    assert "the server is busy\r\n" in shown[0]
    assert "loading: 00:00" in shown[0]


def test_a_notice_in_a_pipe_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    notice("the server is busy")
    assert capsys.readouterr() == ("", "the server is busy\n")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (89.4, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1 h 30 min"), (86400, "24 h 00 min")],
)
def test_a_duration_is_in_words_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
