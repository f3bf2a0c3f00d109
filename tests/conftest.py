"""Hypothesis profiles, a row cache of each test's own, and small factories that several test files share."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.pipeline import Clone, make_computed_clone
from urial.records.instruction import Instruction
from urial.records.params.file import ParamsFile, read_params

ROOT = Path(__file__).parents[1]

# Before anything loads OpenMP: on as few cores as workers, threads that spin while they wait take the time of those that work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# HYPOTHESIS_PROFILE=ci looks longer, and at the same examples every time.
settings.register_profile(
    "dev", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.register_profile("ci", parent=settings.get_profile("dev"), max_examples=300, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files come first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: not item.path.name.startswith("test_pipeline"))


@pytest.fixture(autouse=True)
def cache_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The row cache of this test alone."""
    folder = tmp_path_factory.mktemp("cache")
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


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone in which everything has been computed once."""
    return make_computed_clone(tmp_path_factory.mktemp("pipeline"))


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
