"""Runs `urial` in this process."""

from pathlib import Path

from click.testing import CliRunner, Result

from urial.cli import main
from urial.run.project import WITHOUT_A_PROJECT


def invoke(*arguments: str | Path) -> Result:
    """The command; a traceback fails the test."""
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def be_a_project(folder: Path) -> None:
    """Let commands that look for a project find one in this folder."""
    for name in ("dvc.yaml", "params.yaml"):
        (folder / name).touch()


def no_project(folder: Path) -> str:
    """What commands say that need a project, in a folder outside of any."""
    return (
        f"Error: no project: neither {folder} nor a folder above it has dvc.yaml and params.yaml\n"
        f"  expected: a project; without one work {WITHOUT_A_PROJECT}\n"
        "  fix: go into a project, or make one with `urial init DIR`\n"
    )


def prompts(*arguments: str | Path) -> Result:
    """`urial prompts`."""
    return invoke("prompts", *arguments)
