"""A sweep that is ended at any moment leaves the project as it was, nothing running, and goes on when it is called again."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.commands import invoke
from tests.clones import Clone
from tests.experiments.sweep.toy import names, reported, set_seed, state
from urial.experiments.sweep.aside import ASIDE

MADE = ["own-step-100", "own-step-200", "own-step-300"]
SECONDS = 600


def begin(project: Clone, *options: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "urial", "sweep", "checkpoints", *options]
    return subprocess.Popen(
        command, cwd=project.folder, env=project.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def wait_for(what: str) -> None:
    end = time.monotonic() + SECONDS
    while not list(Path().glob(f"{ASIDE}/{what}")):
        assert time.monotonic() < end, what
        time.sleep(0.05)


def at_work(project: Clone) -> list[psutil.Process]:
    """Processes in the project or a clone of it, but this one."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != psutil.Process().pid and Path(process.cwd()).is_relative_to(project.folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def none_at_work(project: Clone) -> None:
    end = time.monotonic() + SECONDS
    while left := at_work(project):
        assert time.monotonic() < end, left
        time.sleep(0.1)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=["int", "term", "kill"])
@pytest.mark.usefixtures("interruptible")
def test_a_sweep_that_is_ended_while_dvc_runs(project: Clone, number: signal.Signals) -> None:
    set_seed(project, 60)
    before = state(project)
    process = begin(project)
    wait_for("clone-*/run/started")
    process.send_signal(number)
    process.wait(SECONDS)
    none_at_work(project)
    assert (state(project), names(project)) == (before, [])

    Path("weights/go").touch()
    result = invoke("sweep", "checkpoints")
    assert result.exit_code == 0, result.output
    assert (state(project), names(project)) == (before, MADE)
    # What the killed one had begun is gone, too.
    assert sorted(path.name for path in ASIDE.iterdir()) == ["lock", "logs"]


@pytest.mark.thorough
def test_a_sweep_that_is_killed_again_and_again_comes_to_its_end(project: Clone) -> None:
    before, seconds, calls = state(project), 1.0, 0
    while True:
        process, calls = begin(project), calls + 1
        try:
            output, _ = process.communicate(timeout=seconds)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            # Each time a little later.
            seconds *= 1.5
            assert state(project) == before
            assert set(names(project)) <= set(MADE)
    assert (process.returncode, calls > 3) == (0, True), output.decode()
    assert (state(project), names(project)) == (before, MADE)
    for name, step in zip(MADE, ("step-100", "step-200", "step-300"), strict=True):
        assert reported(project, name)["base"] == {"folder": "weights", "checkpoint": step}
    none_at_work(project)


@pytest.mark.thorough
def test_another_sweep_of_the_project_waits_for_nobody(project: Clone) -> None:
    set_seed(project, 60)
    process = begin(project)
    wait_for("clone-*/run/started")
    result = invoke("sweep", "checkpoints")
    assert result.exit_code == 1
    assert (
        result.output == "Error: another sweep of this project is at work\n  fix: wait until it has ended, or end it\n"
    )
    process.kill()
    process.communicate()
    none_at_work(project)
