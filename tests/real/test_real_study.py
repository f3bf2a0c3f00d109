"""`make real-study` in a fresh clone: two real models out of the package index, the same figures twice, little memory."""

import resource
import sys
from pathlib import Path

import pytest

from tests.clones import commit_all, copy_project
from tests.real.environments import NotInstalledError
from tests.real.weights import MODELS, gguf_file
from urial.core.store import read_json
from urial.records.report import Report

pytestmark = pytest.mark.real
SYSTEMS = ("aligned", "base-urial", "base-zero-shot")
MAX_MEMORY = 6 << 30


def run_study(folder: Path) -> Path:
    """report.json of the study, run in a clone with a row cache of its own; the models are the user's."""
    clone = copy_project(folder)
    clone.run("git", "init", "--quiet")
    commit_all(clone, "clone")
    # The environment is this one: nothing is installed.
    environment = Path(sys.executable).parents[1]
    printed = clone.run("make", "real-study", f"VENV={environment}", f"--assume-old={environment}/.ready").stdout
    assert "### Answers" in printed
    return clone.folder / "real-study/data/report/report.json"


def test_the_study_gives_the_same_figures_twice_and_needs_little_memory(tmp_path: Path) -> None:
    try:
        for name in MODELS:
            gguf_file(name)
    except NotInstalledError as error:
        pytest.skip(f"the models cannot be had here: {error}")
    first, second = run_study(tmp_path / "first"), run_study(tmp_path / "second")
    assert first.read_bytes() == second.read_bytes()
    report = read_json(first, Report)
    assert report.judge is None
    assert {name: system.ok for name, system in sorted(report.systems.items())} == dict.fromkeys(SYSTEMS, 30)
    assert {name: shift.measured for name, shift in sorted(report.token_shift.items())} == dict.fromkeys(
        SYSTEMS[1:], 30
    )
    (compared,) = report.context_comparisons
    assert compared.positions > 1_000
    # Of the largest process, in KiB.
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MAX_MEMORY
