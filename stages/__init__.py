"""The pipeline's steps, one thin script each: read, one library call, write. dvc.yaml runs them from the root."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path

import click

from urial.errors import UrialError

DATA = Path("data")


def stage(function: Callable[..., None]) -> click.Command:
    """A click command that prints a library error without a traceback and exits with 1.

    A function with parameters gets them as arguments of the command, in order.
    """

    @functools.wraps(function)
    def run(*arguments: object, **options: object) -> None:
        try:
            function(*arguments, **options)
        except UrialError as error:
            raise click.ClickException(str(error)) from error

    for name in reversed(inspect.signature(function).parameters):
        run = click.argument(name)(run)
    return click.command(help=function.__doc__)(run)
