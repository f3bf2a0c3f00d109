"""What is made once for all test processes of a session, however many there are."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that the first process that needs it has made; the others wait for it. Read it, do not write to it."""
    base = factory.getbasetemp()
    # Each worker's own folder is in one of the session.
    root = base if "PYTEST_XDIST_WORKER" not in os.environ else base.parent
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            # One that could not be made to its end.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
