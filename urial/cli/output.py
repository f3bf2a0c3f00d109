"""Standard output that takes nothing more: its reader is gone, its disk is full, or it was closed from the start.

Python finds out when it empties its buffer, which can be as late as its own end, and then with a traceback and without an
exit code that says so.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# As of a program that the signal ended, which Python ignores.
SIGPIPE = 13


class OutputError(Exception):
    """Standard output took nothing more. No OSError: click ends at those of a pipe, whosever they are, with 1."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror)
        self.errno = error.errno


class _Output(io.FileIO):
    """Standard output, of which an error is told from that of any other file; after one, what comes is dropped."""

    broken = False

    def write(self, data: "ReadableBuffer", /) -> int:
        if self.broken:
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            self.broken = True
            raise OutputError(error) from error


class _Closed(io.RawIOBase):
    """Standard output that is none."""

    broken = False

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        if not self.broken:
            self.broken = True
            raise OutputError(OSError(errno.EBADF, os.strerror(errno.EBADF)))
        return memoryview(data).nbytes


@contextmanager
def standard_output() -> Iterator[None]:
    """What is written within gets out, or ends the command: quietly where its reader is gone, else in one line."""
    before = sys.stdout
    if before is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Closed()), "utf-8")
    elif isinstance(before, io.TextIOWrapper) and before is sys.__stdout__ and (raw := _file_of(before)) is not None:
        sys.stdout = io.TextIOWrapper(
            io.BufferedWriter(_Output(raw.fileno(), "wb", closefd=False)),
            before.encoding,
            before.errors,
            line_buffering=before.line_buffering,
            write_through=before.write_through,
        )
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError as error:
        if error.errno == errno.EPIPE:
            sys.exit(128 + SIGPIPE)
        click.ClickException(f"standard output: {error}\n  fix: free some space there, or name another place").show()
        sys.exit(1)
    finally:
        sys.stdout = before


def _file_of(stream: io.TextIOWrapper) -> io.FileIO | None:
    """The file under a stream; None where it is another thing, such as a console of Windows."""
    raw = getattr(stream.buffer, "raw", stream.buffer)
    return raw if type(raw) is io.FileIO else None
