"""Where a project is, and what comes with the package."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.run.project import find_root, in_root, own_prompts, prompts_folder, root_of, shipped


def make_project(folder: Path) -> Path:
    """A folder that is a project, with nothing in it yet."""
    folder.mkdir()
    for name in ("dvc.yaml", "params.yaml"):
        (folder / name).touch()
    return folder


def test_the_nearest_project_upwards_is_meant(tmp_path: Path) -> None:
    outer = make_project(tmp_path / "outer")
    inner = make_project(outer / "inner")
    (inner / "a/b").mkdir(parents=True)
    (outer / "other").mkdir()
    assert [find_root(folder) for folder in (inner / "a/b", inner, outer / "other", tmp_path)] == [
        inner, inner, outer, None,
    ]  # fmt: skip
    (inner / "params.yaml").unlink()
    assert find_root(inner / "a/b") == outer


def test_a_folder_with_such_names_is_no_project(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    (project / "dvc.yaml").unlink()
    (project / "dvc.yaml").mkdir()
    assert find_root(project) is None


def test_outside_of_any_the_message_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as caught:
        root_of(tmp_path)
    assert caught.value.problem == f"no project: neither {tmp_path} nor a folder above it has dvc.yaml and params.yaml"
    assert caught.value.fix == "go into a project, or make one with `urial init DIR`"


def test_paths_of_a_project_are_found_from_below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path / "project")
    (project / "prompts").mkdir()
    (project / "notebooks").mkdir()
    monkeypatch.chdir(project)
    assert (in_root(Path("data")), prompts_folder(), own_prompts()) == (Path("data"), Path("prompts"), Path("prompts"))
    monkeypatch.chdir(project / "notebooks")
    assert (in_root(Path("data")), prompts_folder()) == (project / "data", project / "prompts")
    monkeypatch.chdir(tmp_path)
    assert (in_root(Path("data")), prompts_folder()) == (Path("data"), ROOT / "prompts")
    with pytest.raises(UrialError):
        own_prompts()


def test_a_project_without_prompts_uses_those_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_project(tmp_path / "project"))
    assert prompts_folder() == shipped() / "prompts"


def test_in_a_checkout_the_package_s_files_lie_beside_it() -> None:
    assert shipped() == ROOT
