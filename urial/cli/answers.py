"""Files of answers as commands take them: from the pipeline, imported, or anyone's own."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urial.cli.shared import FILE, chosen_columns, instructions_answered
from urial.core.errors import UrialError

if TYPE_CHECKING:
    from urial.exchange.importers.answer_files import AnswerFile, AnswerOptions
    from urial.instructions.formats import Category

columns_option = click.option(
    "--column", "columns", multiple=True, metavar="FIELD=COLUMN",
    help="Of a table of your own: the column of query, answer, id, category, task, topic ...  [default: found by its name]",
)  # fmt: skip
category_option = click.option(
    "--category", type=click.Choice(["regular", "safety"]),
    help="Category of answers whose file names none, and whose instructions are not named.  [default: regular, in a table]",
)  # fmt: skip


def answer_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options about a file of answers; the command is given ``reading``."""

    @wraps(command)
    def with_reading(
        *arguments: object,
        instructions: Path | None,
        columns: tuple[str, ...],
        category: "Category | None",
        **options: object,
    ) -> None:
        from urial.exchange.importers.answer_files import AnswerOptions

        chosen = chosen_columns(columns, "query=question")
        command(*arguments, reading=AnswerOptions(instructions, columns=chosen, category=category), **options)

    answered = click.option(
        "--instructions",
        type=FILE,
        help="The instructions answered: records, a published set or a table.  [default: those of the answers' run, or the file's own]",
    )
    return answered(columns_option(category_option(with_reading)))


def require_files(*paths: Path) -> None:
    """Raises UrialError for a named file that is not here: it is wrong wherever the command runs, and whoever judges."""
    for path in paths:
        if not path.exists():
            missing = UrialError("no such file", path=path, fix="check the path")
            raise missing from FileNotFoundError(path)


def read_answers(path: Path, reading: "AnswerOptions", purpose: str) -> "AnswerFile":
    """The answers in a file, with the instruction of each. What was taken for granted is said, beside the command's output."""
    from urial.exchange.importers.answer_files import read_answer_file

    found = read_answer_file(path, replace(reading, of_run=instructions_answered(path, None)), purpose)
    for remark in found.remarks:
        click.echo(f"{path}: {remark}", err=True)
    return found


def inputs_of(path: Path, reading: "AnswerOptions") -> list[Path]:
    """The files that are read, and that no output may replace."""
    return [path, instructions_answered(path, reading.instructions)]
