import shutil
from pathlib import Path

import pytest

from tests.clones import Clone
from tests.experiments.sweep.toy import make_project
from tests.shared import made_once


@pytest.fixture
def project(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """The toy project, which this process is in, with a row cache of its own."""
    made = Clone.below(made_once(tmp_path_factory, "sweep", make_project))
    clone = Clone(tmp_path / "clone", tmp_path / "rows")
    shutil.copytree(made.folder, clone.folder, symlinks=True)
    monkeypatch.chdir(clone.folder)
    monkeypatch.setenv("URIAL_CACHE_DIR", str(clone.cache))
    return clone
