"""The pipeline's steps, one thin script each: read, one library call, write. dvc.yaml runs them from the root."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path

import click

from urial.core.errors import UrialError
from urial.core.store import write_json
from urial.records.environment import environment
from urial.run.files import require_no_linked_folder
from urial.run.package import require_recorded_package
from urial.run.paths import DATA, ENVIRONMENT


def stage(function: Callable[..., None]) -> click.Command:
    """A click command that prints a library error without a traceback and exits with 1.

    A function with parameters gets them as arguments of the command, in order.
    """

    @functools.wraps(function)
    def run(*arguments: object, **options: object) -> None:
        try:
            require_no_linked_folder(Path(), DATA)
            require_recorded_package(Path())
            function(*arguments, **options)
        except UrialError as error:
            raise click.ClickException(str(error)) from error

    for name in reversed(inspect.signature(function).parameters):
        run = click.argument(name)(run)
    return click.command(help=function.__doc__)(run)


def say_left_out(name: str, why: str = "the study has no aligned model") -> None:
    """Say why the files of a system will have no rows: DVC only warns that they are empty."""
    click.echo(f"{name}: left out, since {why}: its files have no rows")


def record_environment(name: str, key: str | None = None) -> None:
    """Write what the stage ran on, to data/environment/NAME.json or data/environment/NAME/KEY.json.

    To be called when the work is done: only then is it known whether torch was needed.
    """
    write_json(Path(ENVIRONMENT.path(name if key is None else f"{name}/{key}")), environment())
