"""Revisions that somebody sent: what is brought for them runs nothing of theirs, and stays in their folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clones import Clone
from tests.provenance.toy import commit, make_toy
from urial.core.errors import UrialError
from urial.run.folders import run_folder

OUTPUTS = ("data/folder/a.txt", "data/folder/b.txt", "data/one.txt")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A run whose outputs are in its cache, and in a remote that its local settings alone name."""
    made = make_toy(tmp_path_factory.mktemp("sent"))
    made.run("dvc", "remote", "add", "--local", "--default", "store", str(made.folder.parent / "store"))
    made.run("dvc", "push")
    made.run("git", "tag", "sound")
    shutil.copytree(made.folder / ".dvc/cache", made.folder.parent / "cache")
    return made


@pytest.fixture
def toy(stored: Clone) -> Iterator[Clone]:
    """The same at its first commit and with its cache as it was."""
    yield stored
    stored.run("git", "reset", "--hard", "--quiet", "sound")
    shutil.rmtree(stored.folder / ".dvc/cache", ignore_errors=True)
    shutil.copytree(stored.folder.parent / "cache", stored.folder / ".dvc/cache")


@pytest.mark.parametrize("path", [None, ".", ""], ids=["no path", "the folder", "empty"])
def test_dvc_reads_no_module_of_a_revision(
    toy: Clone, tmp_path: Path, path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dvc", "configobj", "json"):
        (toy.folder / f"{name}.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')\n", "utf-8")
    commit(toy, "modules")
    shutil.rmtree(toy.folder / ".dvc/cache")
    if path is not None:
        monkeypatch.setenv("PYTHONPATH", path)
    with run_folder("HEAD", root=toy.folder) as found:
        assert all((found.path / name).is_file() for name in OUTPUTS)
        # What the pull needed of the local settings, such as credentials, is not left there.
        assert not (found.path / ".dvc/config.local").exists()
    assert not (tmp_path / "marker").exists()


def test_local_settings_of_a_revision_are_not_those_of_its_pull(toy: Clone) -> None:
    (toy.folder / ".dvc/config.local").rename(toy.folder.parent / "config.local")
    try:
        (toy.folder / ".dvc/config.local").write_text("[core]\n    remote = nowhere\n", "utf-8")
        toy.run("git", "add", "--force", ".dvc/config.local")
        commit(toy, "settings")
        shutil.copy(toy.folder.parent / "config.local", toy.folder / ".dvc/config.local")
        shutil.rmtree(toy.folder / ".dvc/cache")
        with run_folder("HEAD", root=toy.folder) as found:
            assert all((found.path / name).is_file() for name in OUTPUTS)
    finally:
        toy.run("git", "reset", "--hard", "--quiet", "sound")
        shutil.move(toy.folder.parent / "config.local", toy.folder / ".dvc/config.local")


def message(toy: Clone) -> str:
    with pytest.raises(UrialError) as error, run_folder("HEAD", root=toy.folder):
        pass
    return str(error.value)


@pytest.mark.parametrize("cached", [True, False], ids=["copied", "pulled"])
@pytest.mark.parametrize(
    ("link", "aim"), [("data", "outside"), ("data/one.txt", "outside/new.txt")], ids=["folder", "dangling"]
)
def test_no_output_is_written_through_a_link(toy: Clone, tmp_path: Path, link: str, aim: str, cached: bool) -> None:
    (tmp_path / "outside").mkdir()
    path = toy.folder / link
    shutil.move(toy.folder / "data", tmp_path / "data")
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(tmp_path / aim)
    try:
        toy.run("git", "add", "--force", link)
        commit(toy, "link")
        if not cached:
            shutil.rmtree(toy.folder / ".dvc/cache")
        assert message(toy) == (
            f"HEAD: '{link}' is a link that leads out of the run, and outputs could be written through it\n"
            "  fix: name a revision without it"
        )
        assert list((tmp_path / "outside").iterdir()) == []
    finally:
        path.unlink()
        shutil.rmtree(toy.folder / "data", ignore_errors=True)
        shutil.move(tmp_path / "data", toy.folder / "data")


def test_a_run_in_a_folder_that_is_a_link_in_the_revision_is_refused(toy: Clone, tmp_path: Path) -> None:
    outer = Clone(tmp_path / "outer", tmp_path / "rows")
    study = outer.folder / "study"
    outer.folder.mkdir()
    study.symlink_to(tmp_path)
    outer.run("git", "init", "--quiet")
    outer.run("git", "config", "user.name", "test")
    outer.run("git", "config", "user.email", "test@localhost")
    sent = commit(outer, "link")
    study.unlink()
    shutil.copytree(toy.folder, study, ignore=shutil.ignore_patterns(".git"))
    commit(outer, "run")
    with pytest.raises(UrialError) as error, run_folder(sent, root=study):
        pass
    assert (
        str(error.value)
        == f"{sent[:12]}: study/ is a link that leads out of the repository\n  fix: name a revision without it"
    )
