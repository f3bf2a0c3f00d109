"""Finished runs for all tests of this folder."""

from pathlib import Path

import pytest

from tests.pipeline import Clone, commit_all, copy_project
from tests.provenance.finished import make_finished_run


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone with a run of three systems, never to be changed: copy it with tests.provenance.finished.copied."""
    return make_finished_run(tmp_path_factory.mktemp("finished"))


@pytest.fixture(scope="session")
def record_clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The run of record in a repository of its own, its artifacts out of the bundled remote; never to be changed."""
    clone = copy_project(tmp_path_factory.mktemp("record"))
    clone.run("git", "init", "--quiet")
    commit_all(clone, "run of record")
    clone.run("dvc", "pull")
    return clone


@pytest.fixture(scope="session")
def record(record_clone: Clone) -> Path:
    """Its folder."""
    return record_clone.folder
