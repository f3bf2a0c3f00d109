"""How commands end and print: errors without a traceback, and JSON, text and tables on standard output."""

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import click

from urial.core.errors import UrialError
from urial.core.tables import Cell, table_of
from urial.records.base import Record

Shown = TypeVar("Shown", bound=Record)


class ErrorGroup(click.Group):
    """A group whose commands report library errors without a traceback, exit with 1, and leave nothing when ended."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            with _ended_in_order():
                return super().invoke(ctx)
        except UrialError as error:
            raise click.ClickException(str(error)) from error


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM unwind the command as Ctrl-C does, so that temporary folders go; its exit code is 143, as without."""

    def end(number: int, _frame: object) -> None:
        # Once: a second signal must not cut the tidying short.
        signal.signal(number, signal.SIG_IGN)
        raise SystemExit(128 + number)

    # Elsewhere than in the main thread there are no signals; and what ignores the signal goes on doing so.
    plain = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if plain:
        signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if plain:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


def print_json(value: Record | Sequence[object] | Mapping[str, object]) -> None:
    """A record, or a list or object of plain values, as indented JSON.

    In ASCII only: JSON escapes quotes and C0 controls, but C1 controls and bidirectional characters of a hostile file would
    reach the terminal as they are.
    """
    plain = value.model_dump(mode="json") if isinstance(value, Record) else value
    click.echo(json.dumps(plain, indent=2, sort_keys=True))


def show_record(record: Shown, as_text: Callable[[Shown], str], as_json: bool) -> None:
    """A command's result: as text for people, or as JSON."""
    if as_json:
        print_json(record)
    else:
        click.echo(as_text(record).removesuffix("\n"))


def print_bytes(text: str, what: str) -> None:
    """Exactly this text, in UTF-8. Raises UrialError when it has no UTF-8 form."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UrialError(f"{what} is not valid UTF-8", fix="check the terminal's encoding") from error
    sys.stdout.buffer.write(data)


def print_table(rows: Sequence[Mapping[str, Cell]]) -> None:
    """Rows that have the same keys as a table; nothing where there is none."""
    click.echo(table_of(rows).terminal() if rows else "", nl=False)
