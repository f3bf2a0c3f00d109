"""A folder that somebody sent, with a repository whose configuration names programs: none of them is run."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands import invoke
from urial.provenance.verify.lock import Recorded
from urial.provenance.verify.run import Run
from urial.run.files import Digests
from urial.run.folders import given_folder, run_folder
from urial.run.lockfile import Lock

METADATA = '{"@graph": [{"@type": "File", "@id": "%s", "sha256": "%s"}]}'
SENT = {"where": "ro-crate-metadata.json", "expected": None, "fix": "get the crate again from where it came from"}


def git(folder: Path, *arguments: str) -> str:
    named = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    return subprocess.run(["git", *named, *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def trap(folder: Path, marker: Path) -> None:
    """A committed run whose configuration has git run programs for any question about changed files."""
    folder.mkdir(exist_ok=True)
    (folder / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    (folder / ".gitattributes").write_text("* filter=trap\n", "utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "run")
    program = folder / ".git/program"
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{marker}'\ncat\n", "utf-8")
    program.chmod(0o755)
    git(folder, "config", "core.fsmonitor", str(program))
    git(folder, "config", "filter.trap.clean", f"{program} clean")
    (folder / "dvc.yaml").write_text("stages:   {}\n", "utf-8")


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Where the programs say that they were run."""
    return tmp_path / "marker"


@pytest.fixture
def sent(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Such a folder; this process is elsewhere."""
    trap(tmp_path / "sent", marker)
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "sent"


def broken(folder: Path) -> dict[str, list[object]]:
    found = json.loads(invoke("verify", folder, "--json").stdout)
    assert (found["commit"], found["dirty"]) == (None, [])
    return {link["name"]: link["problems"] for link in found["links"] if link["status"] == "broken"}


def test_a_folder_with_a_repository_of_its_own_is_not_asked_about(sent: Path, marker: Path) -> None:
    broken(sent)
    assert not marker.exists()
    # The trap is one.
    git(sent, "status")
    assert marker.exists()


def test_a_crate_with_a_repository_or_settings_is_no_crate(sent: Path, marker: Path) -> None:
    (sent / "ro-crate-metadata.json").write_text(METADATA % ("gone", "0"), "utf-8")
    (sent / ".dvc").mkdir()
    (sent / ".dvc/config.local").write_text("", "utf-8")
    problems = broken(sent)["checksums"]
    assert problems == [
        {"what": what, **SENT}
        for what in (
            ".git: in no crate", ".dvc/config.local: in no crate", "gone: missing",
            ".gitattributes: not in the crate's metadata", "dvc.yaml: not in the crate's metadata",
        )
    ]  # fmt: skip
    assert not marker.exists()


def test_the_work_tree_that_one_is_in_is_asked_about_without_the_programs_of_fsmonitor(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap(tmp_path / "own", marker)
    git(tmp_path / "own", "config", "--unset", "filter.trap.clean")
    monkeypatch.chdir(tmp_path / "own")
    commit = git(tmp_path / "own", "-c", "core.fsmonitor=false", "rev-parse", "HEAD").strip()
    for found in (given_folder(tmp_path / "own"), given_folder(Path())):
        assert (found.state.commit, found.state.dirty) == (commit, ("dvc.yaml",))
    with run_folder() as found:
        assert found.state.dirty == ("dvc.yaml",)
    assert not marker.exists()


def test_a_crate_in_the_own_work_tree_that_looks_like_a_bare_repository_is_not_one(
    tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap(tmp_path / "trap", marker)
    own, inside = tmp_path / "own", tmp_path / "own/crate"
    own.mkdir()
    git(own, "init", "--quiet")
    shutil.copytree(tmp_path / "trap/.git", inside)
    git(own, "config", "--file", str(inside / "config"), "core.worktree", str(inside))
    (inside / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    monkeypatch.chdir(own)
    assert given_folder(inside).state.commit is None
    assert not marker.exists()


def test_a_crate_is_verified_without_git(sent: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.rmtree(sent / ".git")
    monkeypatch.setenv("PATH", str(tmp_path / "no-programs"))
    expected = broken(sent)
    assert "dvc.lock" in expected
    # Just so where one is in the crate.
    monkeypatch.chdir(sent)
    found = json.loads(invoke("verify", "--json").stdout)
    assert {link["name"] for link in found["links"] if link["status"] == "broken"} == expected.keys()


def test_committed_bytes_are_found_as_they_are_and_only_where_git_may_be_asked(tmp_path: Path) -> None:
    data = b"one\r\ntwo\r\n\xff"
    (tmp_path / "file").write_bytes(data)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "-m", "file")
    md5 = Digests(tmp_path).of(tmp_path / "file").md5
    assert Recorded(Run(tmp_path), Lock({})).bytes_of("file", md5) == data
    assert Recorded(Run(tmp_path, in_git=False), Lock({})).bytes_of("file", md5) is None
