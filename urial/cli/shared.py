"""What commands share: options and what their values stand for, errors without a traceback, and how results are printed."""

import json
import math
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from urial.cli.output import standard_output
from urial.cli.places import GivenPath, NamedFile, NameOrPath, below, in_project
from urial.core.errors import UrialError
from urial.core.store import read_jsonl
from urial.core.tables import Cell, table_of
from urial.records.base import Record
from urial.records.instruction import Instruction
from urial.records.model import BYTES_A_TOKEN

Shown = TypeVar("Shown", bound=Record)
FILE = GivenPath(path_type=Path)
# A name, or the path of its file or folder.
NAME_OR_PATH = NameOrPath()
NAMED_FILE = NamedFile()
DATA, INSTRUCTIONS = Path("data"), Path("data/instructions.jsonl")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
force_option = click.option("--force", is_flag=True, help="Replace what is there.")


def _run_data(_context: click.Context, _parameter: click.Parameter, folder: Path) -> Path:
    """The folder of the run's outputs. Raises UrialError where it is to be the project's, and there is no project."""
    from urial.run.project import root_of

    if folder == DATA and not folder.is_dir():
        root_of(Path())
    return folder


data_option = click.option("--data", default=DATA, type=FILE, callback=_run_data, help="Folder of the run.")


class NumberRange(click.FloatRange):
    """NaN is in no range: it is neither below nor above."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is not a number.", param, ctx) if math.isnan(number) else number


def bootstrap_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of the bootstrap, with the defaults of params.yaml; the command is given a ``bootstrap``."""

    @wraps(command)
    def with_bootstrap(*arguments: object, resamples: int, confidence: float, seed: int, **options: object) -> None:
        from urial.statistics.bootstrap import Bootstrap

        command(*arguments, bootstrap=Bootstrap(resamples, confidence, seed), **options)

    share, count = NumberRange(0, 1, min_open=True, max_open=True), click.IntRange(100, 1_000_000)
    resamples = click.option("--resamples", default=2_000, type=count, help="Resamples of the bootstrap.")
    confidence = click.option("--confidence", default=0.95, type=share, help="Coverage of the intervals.")
    seed = click.option("--seed", default=0, type=click.IntRange(0), help="Seed of the bootstrap.")
    return resamples(confidence(seed(with_bootstrap)))


def instructions_answered(answers: Path, instructions: Path | None) -> Path:
    """The file of instructions that is named, else that of the run that a file of answers lies in, else of this one."""
    from urial.run.paths import instructions_beside

    return instructions or instructions_beside(answers) or INSTRUCTIONS


def given_instructions(path: Path | None, ids: Collection[str], rows: Path) -> "tuple[Path, list[Instruction]] | None":
    """The instructions in a file, and the file; without one those of the run that the file ``rows`` lies in, else of this
    one, unless there are none or those with these ids are not among them.
    """
    from urial.exchange.importers.instructions import read_instructions

    if path is not None:
        return path, read_instructions(path)
    known = instructions_answered(rows, None)
    if not known.is_file():
        return None
    instructions = read_jsonl(known, Instruction)
    return (known, instructions) if {row.id for row in instructions}.issuperset(ids) else None


def chosen_columns(texts: tuple[str, ...], example: str, option: str = "--column FIELD=COLUMN") -> dict[str, str]:
    """The column of each field out of texts FIELD=COLUMN. Raises UrialError for one of another form, or given twice."""
    flag, _, form = option.partition(" ")
    chosen: dict[str, str] = {}
    for text in texts:
        name, equals, column = text.partition("=")
        if not equals:
            raise UrialError(f"{flag} {text!r}", expected=f"{form}, as in {example}")
        if name in chosen:
            raise UrialError(f"{flag} {name}: given twice", expected="each field once")
        chosen[name] = column
    return chosen


def token_counter(tokenizer: str | None) -> Callable[[str], int]:
    """Counts the tokens of a text by a tokenizer, a hub id or a folder; None: by its bytes."""
    if tokenizer is None:
        return lambda text: -(-len(text.encode("utf-8")) // BYTES_A_TOKEN)
    from urial.local_models.loading.loading import encode, named_tokenizer
    from urial.models.hub import TOKENIZER_FILES, download, hub_id
    from urial.records.model import HubModel

    # What cannot be a hub id is a folder: of one that is not here, the hub would complain of its name.
    if (tokenizer.startswith((".", "/", "~")) or tokenizer.count("/") > 1) and not os.path.isdir(tokenizer):
        own = (
            "run `dvc pull models`, or `dvc repro models` where none are recorded; or "
            if "data/models" in tokenizer
            else ""
        )
        raise UrialError(f"no folder {tokenizer}", fix=f"{own}name a model folder or a hub id")
    if not os.path.isdir(tokenizer):
        # Asked once: by transformers it would be waited for, again and again, where there is no network.
        tokenizer = str(download(HubModel(hub=hub_id(tokenizer)), TOKENIZER_FILES))
    loaded = named_tokenizer(tokenizer)
    return lambda text: len(encode(loaded, text, adds_special_tokens=True))


class ErrorGroup(click.Group):
    """A group whose commands report library errors without a traceback, exit with 1, and leave nothing when ended."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """The command, whose output gets out or whose exit code says that it did not."""
        with standard_output(), in_project():
            return super().main(*arguments, **options)

    def invoke(self, ctx: click.Context) -> object:
        """SIGTERM unwinds the command as Ctrl-C does, so that temporary folders go; its exit code is 143, as without."""

        def end(number: int, _frame: object) -> None:
            # Once: a second signal must not cut the tidying short.
            signal.signal(number, signal.SIG_IGN)
            raise SystemExit(128 + number)

        # Elsewhere than in the main thread there are no signals; and what ignores the signal goes on doing so.
        in_main = threading.current_thread() is threading.main_thread()
        plain = in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        if plain:
            signal.signal(signal.SIGTERM, end)
        try:
            return super().invoke(ctx)
        except UrialError as error:
            # A reader elsewhere than in the root would look for the paths in it in vain.
            where = f"\n  paths are relative to {Path.cwd()}" if below() else ""
            raise click.ClickException(f"{_as_output(error)}{where}") from error
        finally:
            if plain:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _as_output(error: UrialError) -> UrialError:
    """Of a file that is missing, and that the run has when it is pulled or computed, the error that says so; else the same."""
    from urial.run.reader import require_here

    cause: BaseException | None = error
    # An error that is raised from itself has no last cause.
    while cause is not None and not isinstance(cause, FileNotFoundError):
        cause = cause.__cause__ if cause.__cause__ is not cause else None
    if cause is not None and error.path is not None:
        try:
            require_here(Path(error.path), Path())
        except UrialError as better:
            return better
    return error


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
