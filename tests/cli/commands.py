"""Runs `urial prompts` in this process."""

from pathlib import Path

from click.testing import CliRunner, Result

from urial.cli import main


def prompts(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, ["prompts", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result
