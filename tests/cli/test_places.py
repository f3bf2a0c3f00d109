"""Commands in a folder below the project's root: they work in the root, and paths stay the user's."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given as examples
from hypothesis import strategies

from tests.cli.commands import invoke
from tests.conftest import ROOT
from urial.cli import places
from urial.cli.places import given, given_name, in_project


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder two steps below the root of a project."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).touch()
    folder = tmp_path / "notes/mine"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a.csv", "notes/mine/a.csv"),
        ("./a.csv", "notes/mine/./a.csv"),
        ("..", "notes"),
        ("../a.csv", "notes/a.csv"),
        ("../../params.yaml", "params.yaml"),
        ("../..", "."),
        ("../../../elsewhere/a.csv", "../elsewhere/a.csv"),
        ("/a.csv", "/a.csv"),
        ("~/a.csv", "~/a.csv"),
    ],
)
def test_a_path_means_what_it_meant_where_the_user_is(below: Path, text: str, seen: str) -> None:
    with in_project():
        assert Path.cwd() == below.parents[1]
        assert given(text) == seen
    assert (Path.cwd(), given(text)) == (below, text)


@examples(strategies.lists(strategies.sampled_from(["..", ".", "a", "b"]), min_size=1, max_size=6).map("/".join))
def test_any_path_is_the_same_place(text: str) -> None:
    token = places._BELOW.set("notes/mine")
    try:
        assert os.path.normpath(f"/x/y/{given(text)}") == os.path.normpath(f"/x/y/notes/mine/{text}")
    finally:
        places._BELOW.reset(token)


def test_a_name_is_a_path_only_where_such_a_file_is(below: Path) -> None:
    (below / "gpt2").mkdir()
    with in_project():
        assert [given_name(name) for name in ("gpt2", "owner/name", "mine.yaml")] == [
            "notes/mine/gpt2", "owner/name", "notes/mine/mine.yaml",
        ]  # fmt: skip


def test_what_a_command_takes_by_default_is_the_project_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    expected = invoke("report")
    monkeypatch.chdir(ROOT / "docs")
    assert invoke("report").stdout == expected.stdout
    assert json.loads(invoke("validate", "--json", "../params.yaml").stdout)[0]["file"] == "params.yaml"
    assert invoke("validate", "README.md").stderr.startswith("docs/README.md: ")
    assert Path.cwd() == ROOT / "docs"


def test_errors_say_what_paths_are_relative_to(below: Path) -> None:
    root = below.parents[1]
    result = invoke("summarize", "x.jsonl")
    assert result.stderr.splitlines()[0].startswith("Error: notes/mine/x.jsonl: cannot be read: ")
    assert result.stderr.splitlines()[-1] == f"  paths are relative to {root}"
    invoke("prompts", "new", "x/y", "--dir", ".")
    assert {path.relative_to(root).as_posix() for path in root.rglob("*.yaml")} == {
        "dvc.yaml", "params.yaml", "notes/mine/x/y.yaml",
    }  # fmt: skip


def test_a_folder_that_was_removed_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert invoke("--version").exit_code == 0


def test_an_empty_path_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `urial init "$DIR"` of a shell that has no DIR would make a project of the folder that one stands in.
    monkeypatch.chdir(tmp_path)
    result = invoke("init", "")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        2,
        "Error: Invalid value for '[DIR]': the path is empty",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("init", "new", "--base", ""), "--base"),
        (("init", "new", "--base", "a/b", "--aligned", ""), "--aligned"),
        (("chat", "--base", ""), "--base"),
    ],
)
def test_an_empty_name_is_not_the_default(
    command: tuple[str, ...], option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `urial init new --base "$BASE"` of a shell that has no BASE would make a project of the embedded pair.
    monkeypatch.chdir(tmp_path)
    result = invoke(*command)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: Invalid value for '{option}'")
    assert result.stderr.splitlines()[-1].endswith(": the name is empty")
    assert list(tmp_path.iterdir()) == []
