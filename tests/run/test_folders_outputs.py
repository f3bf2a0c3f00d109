"""Outputs out of a real DVC cache and a real DVC remote, and caches that are not what they should be."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clones import Clone
from tests.provenance.toy import commit, head, make_toy
from urial.core.errors import UrialError
from urial.run.folders import run_folder
from urial.run.lockfile import Lock

FOLDER, FILE = "data/folder", "data/one.txt"


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A run whose outputs are in its cache and in a remote that the commit names."""
    made = make_toy(tmp_path_factory.mktemp("outputs"))
    made.run("dvc", "remote", "add", "--default", "store", str(made.folder.parent / "store"))
    made.run("dvc", "push")
    commit(made, "remote")
    shutil.copytree(made.folder / ".dvc/cache", made.folder.parent / "cache")
    return made


@pytest.fixture
def toy(stored: Clone) -> Iterator[Clone]:
    """The same with its cache as it was, and the remote where it was, afterwards."""
    yield stored
    shutil.rmtree(stored.folder / ".dvc/cache")
    shutil.copytree(stored.folder.parent / "cache", stored.folder / ".dvc/cache")
    if (stored.folder.parent / "away").exists():
        (stored.folder.parent / "away").rename(stored.folder.parent / "store")


def cached(toy: Clone, path: str) -> Path:
    """Where the cache has an output."""
    lock = Lock.read(toy.folder).stages
    (md5,) = (out.md5 for stage in lock.values() for out in stage.outs if out.path == path)
    return toy.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def member(toy: Clone, name: str) -> Path:
    """Where the cache has a file of the folder."""
    (md5,) = (str(item["md5"]) for item in json.loads(cached(toy, FOLDER).read_bytes()) if item["relpath"] == name)
    return toy.folder / ".dvc/cache/files/md5" / md5[:2] / md5[2:]


def brought(toy: Clone, *needs: str) -> set[str]:
    with run_folder("HEAD", root=toy.folder, needs=needs or None) as found:
        files = (path for path in (found.path / "data").rglob("*") if path.is_file())
        return {path.relative_to(found.path).as_posix() for path in files} - {"data/.gitignore", "data/report.txt"}


def message(toy: Clone, *needs: str) -> str:
    with pytest.raises(UrialError) as error:
        brought(toy, *needs)
    return str(error.value)


def test_what_a_cache_lacks_of_a_folder_comes_from_the_remote(toy: Clone) -> None:
    member(toy, "a.txt").unlink()
    assert brought(toy, FOLDER) == {"data/folder/a.txt", "data/folder/b.txt"}
    # DVC put it into the cache, so that the remote is asked once.
    assert member(toy, "a.txt").is_file()


def test_an_empty_cache_is_filled_from_the_remote(toy: Clone) -> None:
    shutil.rmtree(toy.folder / ".dvc/cache/files")
    assert brought(toy) == {"data/folder/a.txt", "data/folder/b.txt", "data/one.txt"}


def test_what_is_nowhere_is_named(toy: Clone) -> None:
    (toy.folder.parent / "store").rename(toy.folder.parent / "away")
    cached(toy, FILE).unlink()
    assert brought(toy, "data/folder/b.txt") == {"data/folder/b.txt"}
    assert message(toy, FILE) == (
        "HEAD: outputs are not in the DVC cache, and no DVC remote gave them: data/one.txt\n"
        "  where: remote store: lacks data/one.txt\n"
        "  fix: `dvc remote add --local NAME URL` for the remote that has them; or run `dvc push` where they were "
        f"computed; or compute them here: `git checkout --detach {head(toy)[:12]}`, then `dvc repro`"
    )


def test_no_remote_is_named(toy: Clone) -> None:
    (toy.folder / ".dvc/config").write_text("[core]\n    analytics = false\n", "utf-8")
    commit(toy, "no remote")
    cached(toy, FILE).unlink()
    try:
        assert message(toy, FILE).splitlines()[1] == "  where: neither the revision nor this clone names a remote"
    finally:
        toy.run("git", "reset", "--hard", "--quiet", "HEAD~1")


def test_a_remote_that_does_not_answer_is_no_remote_without_them(toy: Clone) -> None:
    local = toy.folder / ".dvc/config.local"
    local.write_text("[core]\n    remote = away\n['remote \"away\"']\n    url = ssh://localhost:9/away\n", "utf-8")
    (toy.folder.parent / "store").rename(toy.folder.parent / "away")
    cached(toy, FILE).unlink()
    try:
        found = message(toy, FILE).splitlines()[1]
    finally:
        local.unlink()
    assert found.startswith("  where: remote away: failed to connect to ssh (/away/files/md5) - ")
    assert found.endswith("; remote store: lacks data/one.txt")


def test_damage_in_a_remote_does_not_reach_the_cache(toy: Clone) -> None:
    path = cached(toy, FILE)
    there = toy.folder.parent / "store" / path.relative_to(toy.folder / ".dvc/cache")
    sound = there.read_bytes()
    path.unlink()
    there.chmod(0o644)
    there.write_bytes(b"damaged")
    try:
        assert "no DVC remote gave them: data/one.txt" in message(toy, FILE)
        assert not path.exists()
    finally:
        there.write_bytes(sound)


@pytest.mark.parametrize("what", ["file", "listing"])
def test_damage_in_the_cache_is_no_output(toy: Clone, what: str) -> None:
    path = cached(toy, FILE if what == "file" else FOLDER)
    path.chmod(0o644)
    path.write_bytes(b"[]")
    assert message(toy) == (
        f"{path}: damaged: its bytes are not those of its name\n  fix: delete it, then run `dvc fetch` or `dvc repro`"
    )


def test_an_output_outside_of_the_run_is_refused(toy: Clone) -> None:
    lock = toy.folder / "dvc.lock"
    before = lock.read_text("utf-8")
    lock.write_text(before.replace("path: data/one.txt", "path: ../../one.txt"), "utf-8")
    commit(toy, "hostile")
    try:
        assert message(toy) == (
            "HEAD:dvc.lock: line 19: field 'stages.make.outs.1.path': must be a path below the run's folder, "
            "got '../../one.txt'\n  expected: a file that DVC wrote\n  fix: restore it: git checkout dvc.lock"
        )
    finally:
        toy.run("git", "reset", "--hard", "--quiet", "HEAD~1")


def test_a_revision_without_dvc_has_no_outputs(toy: Clone) -> None:
    toy.run("git", "rm", "--quiet", "-r", ".dvc/config", ".dvc/.gitignore")
    toy.run("git", "commit", "--quiet", "-m", "no DVC")
    try:
        assert message(toy) == (
            f"{toy.folder}: the revision has no .dvc, so its outputs cannot be found\n  fix: name a later revision"
        )
        assert brought(toy, "dvc.yaml") == set()
    finally:
        toy.run("git", "reset", "--hard", "--quiet", "HEAD~1")


def test_a_configuration_that_dvc_cannot_read_is_named(toy: Clone) -> None:
    local = toy.folder / ".dvc/config.local"
    local.write_text("[cache\n", "utf-8")
    try:
        found = message(toy)
    finally:
        local.unlink()
    assert found.startswith(f"{toy.folder}/.dvc: config file error: ")
    assert found.endswith("\n  fix: correct the configuration of DVC")
