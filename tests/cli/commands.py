"""Runs `urial` in this process."""

from pathlib import Path

from click.testing import CliRunner, Result

from urial.cli import main


def invoke(*arguments: str | Path) -> Result:
    """The command; a traceback fails the test."""
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def prompts(*arguments: str | Path) -> Result:
    """`urial prompts`."""
    return invoke("prompts", *arguments)
