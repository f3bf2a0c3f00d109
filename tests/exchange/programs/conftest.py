"""Programs of others that open what is exported and write what is imported, each in an environment of its own."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.environments import NotInstalledError, environment

LISTS = Path(__file__).parent
# Every Eval Ever asks for Python 3.12 or later; its validator needs no more than 3.11.
OPTIONS = {"every-eval-ever": ("--ignore-requires-python",)}


@pytest.fixture(scope="session")
def python_with() -> Callable[[str], Path]:
    """The python of the environment of NAME.txt; skips where its packages cannot be installed."""

    def find(name: str) -> Path:
        try:
            return environment(name, LISTS, OPTIONS.get(name, ())) / "bin/python"
        except NotInstalledError as error:
            pytest.skip(f"{name} cannot be installed here: {error}")

    return find


def printed(*command: str | Path, cwd: Path | None = None) -> str:
    """What a command prints, which has to end well."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout
