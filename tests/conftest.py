"""Hypothesis profiles, a row cache of each test's own, and what several test files share.

Processes that tests start import this file: heavy libraries are imported where they are used.
"""

import gc
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.clones import Clone, make_computed_clone
from tests.real_server import transformers_serve
from tests.shared import made_once
from urial.core import progress
from urial.records.instruction import Instruction
from urial.records.params.file import ParamsFile, read_params

ROOT = Path(__file__).parents[1]

# Before anything loads OpenMP: on as few cores as workers, threads that spin while they wait take the time of those that work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# The same examples each time: whoever sees a red run can repeat it.
settings.register_profile(
    "fast",
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.register_profile("thorough", parent=settings.get_profile("fast"), max_examples=300)
# The files that take longest come first, so that no process is left alone with one at the end. The first two make the runs
# that others wait for.
LONGEST_FILES = (
    "test_pipeline.py",
    "test_verify_mutations.py",
    "test_server_batch_real.py",
    "test_verify_repaired.py",
    "test_group_remote.py",
    "test_folders.py",
    "test_commands_run.py",
    "test_every_page.py",
    "test_measure.py",
    "test_pipeline_server.py",
    "test_pipeline_inputs.py",
    "test_ways_back.py",
    "test_verify_crate.py",
    "test_verify_command.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one switch between what every change is tested by and everything."""
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run the tests marked thorough as well, and every property on 300 examples instead of 40",
    )
    parser.addoption(
        "--real", action="store_true", help="run the tests of real servers, and install these where they are not"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose the examples before any test is read, since a property takes the profile that it finds."""
    settings.load_profile("thorough" if config.getoption("thorough") else "fast")
    # What a test expects on standard error does not go by how busy the machine is.
    progress.SECONDS_UNTIL_FIRST = 3_600.0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what only --thorough runs, and start with the longest files."""
    if not config.getoption("thorough"):
        left_out = [item for item in items if item.get_closest_marker("thorough")]
        items[:] = [item for item in items if not item.get_closest_marker("thorough")]
        config.hook.pytest_deselected(items=left_out)
    if not config.getoption("real"):
        for item in items:
            if item.get_closest_marker("real"):
                item.add_marker(pytest.mark.skip("asks real servers with real models: `make test-real`"))
    rank = {name: number for number, name in enumerate(LONGEST_FILES)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


def pytest_collection_finish() -> None:
    """Leave what has been loaded out of later searches for garbage, which some tests make after every request."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def cache_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """New folders; pytest's own numbering reads all that are there for each."""
    above = tmp_path_factory.mktemp("caches")
    return (above / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def cache_folder(cache_folders: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The row cache of this test only."""
    folder = next(cache_folders)
    folder.mkdir()
    monkeypatch.setenv("URIAL_CACHE_DIR", str(folder))
    return folder


@pytest.fixture(scope="session")
def committed_params() -> ParamsFile:
    """The committed params.yaml."""
    return read_params(ROOT / "params.yaml")


def make_query(name: str = "q1", **changes: Any) -> Instruction:
    """An instruction with an id and the changes named."""
    fields: dict[str, Any] = {"id": name, "turns": ("Why?",), "category": "regular", "source": "test"}
    return Instruction(**{**fields, **changes})


def run_python(code: str, *arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that finds urial, stages and tests."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        check=False,
    )


@pytest.fixture(scope="session")
def computed_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which everything has been computed once."""
    return Clone.below(made_once(tmp_path_factory, "computed", make_computed_clone))


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with a run of three systems of the record: copy it with tests.provenance.finished.copied to change it."""
    from tests.provenance.finished import make_finished_run

    return Clone.below(made_once(tmp_path_factory, "finished", make_finished_run))


@pytest.fixture(scope="session")
def record_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The run of record in a repository of its own, its artifacts out of the bundled remote."""
    from tests.provenance.finished import make_record_clone

    return Clone.below(made_once(tmp_path_factory, "record", make_record_clone))


@pytest.fixture(scope="session")
def inference_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a real server, `transformers serve`, which loads whatever model folder it is asked for."""
    with transformers_serve(tmp_path_factory.mktemp("serve")) as url:
        yield url


@pytest.fixture(scope="session")
def tiny_aligned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a tiny aligned model, for the base model tiny_folder("llama"); read it, do not write to it."""
    from tests.tiny_models import save_folder, tiny_model

    def make(folder: Path) -> None:
        save_folder(folder, tiny_model("llama", seed=1), "aligned")

    return made_once(tmp_path_factory, "tiny-aligned", make)


@pytest.fixture(scope="session")
def just_eval_file() -> Path:
    """The published instructions, which are never part of the project."""
    folder = Path(os.environ.get("URIAL_SHARED_DATA", ROOT.parent / "shared" / "data"))
    path = folder / "just_eval_instruct.jsonl"
    if not path.is_file():
        pytest.skip(f"no {path}: set URIAL_SHARED_DATA to a folder that has just_eval_instruct.jsonl")
    return path.resolve()


@pytest.fixture(scope="session")
def upstream_prompts() -> Path:
    """The folder of published prompt files, which are never part of the project."""
    folder = Path(os.environ.get("URIAL_SHARED_DATA", ROOT.parent / "shared" / "data")) / "upstream_prompts"
    if not folder.is_dir():
        pytest.skip(f"no {folder}: set URIAL_SHARED_DATA to a folder that has upstream_prompts/")
    return folder.resolve()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """What the test starts can be interrupted: in what a shell runs in the background, SIGINT is ignored, by heirs too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
