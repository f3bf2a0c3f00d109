"""A project folder of its own to chat in."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.tiny_models import save_folder, tiny_model


@pytest.fixture(scope="session")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for seed, role in enumerate(("base", "aligned")):
        save_folder(folder / "data/models" / role, tiny_model("llama", seed), role)  # type: ignore[arg-type]
    shutil.copytree(ROOT / "prompts", folder / "prompts")
    return folder


@pytest.fixture
def project(shared_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: prompts, and a pair that says nonsense."""
    monkeypatch.chdir(shared_project)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return shared_project
