"""`dvc` in a process forked from one that has loaded it: loading it takes a second, and most commands a tenth of one."""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_LOADED = [
    "dvc.cli",
    "dvc.cli.parser",
    "dvc.repo",
    "dvc.repo.experiments.executor.local",
    "dvc.repo.fetch",
    "dvc.stage.run",
]


def run_dvc(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command line of `dvc`; its output, both streams together, is on stdout."""
    _FORKS.set_forkserver_preload(_LOADED)
    with tempfile.NamedTemporaryFile() as output:
        process = _FORKS.Process(target=_main, args=(list(command), str(folder), dict(environment), output.name))
        process.start()
        process.join()
        assert process.exitcode is not None
        return subprocess.CompletedProcess(command, process.exitcode, output.read().decode("utf-8"))


def _main(command: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    stream = os.open(output, os.O_WRONLY | os.O_APPEND)
    os.dup2(stream, 1)
    os.dup2(stream, 2)
    sys.argv = command
    from dvc.cli import main

    code = main(command[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
