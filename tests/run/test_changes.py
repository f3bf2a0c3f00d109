"""Which changes decide a run."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clones import Clone
from tests.provenance.toy import commit
from urial.run.changes import added_files, changed_inputs, dirty_files
from urial.run.files import Digests

FILES = {"prompts/a.yaml": "a", "prompts/in/b.yaml": "bb", "make.py": "1", "notes.md": "n", "urial/core/text.py": "2"}
NAMES = st.sampled_from(["a", "b", "in/a", "in/b", "in/deep/a", "out/a", "out/b", "out/c"])


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")


def record(folder: Path) -> None:
    """A lock of one stage that reads prompts/ and make.py, as they are now."""
    tree = Digests(folder)
    deps = [
        {
            **tree.of(folder / name).model_dump(include={"md5", "size", "nfiles"}, exclude_none=True),
            "path": name,
            "hash": "md5",
        }
        for name in ("make.py", "prompts")
    ]
    lock = {"schema": "2.0", "stages": {"make": {"cmd": "python make.py", "deps": deps}}}
    (folder / "dvc.lock").write_text(json.dumps(lock), "utf-8")


@pytest.fixture
def run(tmp_path: Path) -> Clone:
    """A committed run."""
    made = Clone(tmp_path, tmp_path)
    write(tmp_path, {**FILES, "dvc.yaml": "stages: {}\n", "params.yaml": "value: 1\n", ".dvcignore": ""})
    record(tmp_path)
    made.run("git", "init", "--quiet")
    made.run("git", "config", "user.name", "test")
    made.run("git", "config", "user.email", "test@localhost")
    commit(made, "run")
    return made


def test_what_no_stage_reads_decides_nothing(run: Clone) -> None:
    write(run.folder, {"notes.md": "more", "new.txt": "x", "docs/page.md": "x", "urial/scratch.txt": "x"})
    assert dirty_files(run.folder) == ()


@pytest.mark.parametrize("name", ["params.yaml", "dvc.yaml", "make.py", "prompts/a.yaml", "urial/core/text.py"])
def test_a_changed_file_that_the_run_is_made_of_decides(run: Clone, name: str) -> None:
    write(run.folder, {name: "changed"})
    assert dirty_files(run.folder) == (name,)
    (run.folder / name).unlink()
    assert dirty_files(run.folder) == (name,)


def test_an_untracked_file_decides_where_a_stage_has_read_it(run: Clone) -> None:
    write(run.folder, {"prompts/new.yaml": "new"})
    assert dirty_files(run.folder) == ()
    record(run.folder)
    assert dirty_files(run.folder) == ("dvc.lock", "prompts/new.yaml")
    # What else it has read cannot be told once another file is changed, too.
    write(run.folder, {"prompts/a.yaml": "changed"})
    assert dirty_files(run.folder) == ("dvc.lock", "prompts/a.yaml", "prompts/new.yaml")


def test_without_a_lock_every_change_counts(run: Clone) -> None:
    write(run.folder, {"notes.md": "more", "dvc.lock": "no lock"})
    assert dirty_files(run.folder) == ("dvc.lock", "notes.md")


@given(
    recorded=st.dictionaries(NAMES, st.text("xy", max_size=3), min_size=1),
    more=st.dictionaries(NAMES, st.text("xyz", max_size=3)),
)
def test_files_that_were_added_are_told_from_those_that_were_read(
    tmp_path_factory: pytest.TempPathFactory, recorded: dict[str, str], more: dict[str, str]
) -> None:
    folder = tmp_path_factory.mktemp("run")
    write(folder / "top", recorded)
    entry = Digests(folder).of(folder / "top").model_copy(update={"path": "top"})
    write(folder / "top", more)
    changed = any(recorded.get(name, text) != text for name, text in more.items())
    expected = [] if changed else sorted(f"top/{name}" for name in more.keys() - recorded.keys())
    found = added_files(entry, Digests(folder))
    # Where a file was changed, what is left without some other files is never what was recorded.
    assert found == expected


def test_many_files_of_a_new_folder_are_found(tmp_path: Path) -> None:
    write(tmp_path / "top", {f"{number}": "same" for number in range(200)})
    entry = Digests(tmp_path).of(tmp_path / "top").model_copy(update={"path": "top"})
    write(tmp_path / "top", {f"mine/{number}": "same" for number in range(50)} | {"one": "other"})
    assert len(added_files(entry, Digests(tmp_path))) == 51
    write(tmp_path / "top", {f"{number}-more": "same" for number in range(50)})
    assert added_files(entry, Digests(tmp_path)) == []


def entry(folder: Path, name: str) -> dict[str, object]:
    """What DVC records of a file."""
    known = Digests(folder).of(folder / name).model_dump(include={"md5", "size", "nfiles"}, exclude_none=True)
    return {**known, "path": name, "hash": "md5"}


@pytest.fixture
def reported(tmp_path: Path) -> Path:
    """A run of a plan, a removed system, and a report."""
    write(
        tmp_path,
        FILES
        | {"params.yaml": "run:\n  judge: rules\nvalue: 1\n", "data/plan/a.json": "1", "data/report/report.json": "{}"},
    )
    plan = {
        "cmd": "plan", "deps": [entry(tmp_path, name) for name in ("make.py", "prompts")], "outs": [entry(tmp_path, "data/plan")],
        "params": {"params.yaml": {"run": {"judge": "rules"}, "value": 1}},
    }  # fmt: skip
    write(tmp_path, {"gone.json": "gone", "data/gone.jsonl": "gone"})
    gone = {"cmd": "judge", "deps": [entry(tmp_path, "gone.json")], "outs": [entry(tmp_path, "data/gone.jsonl")]}
    for name in ("gone.json", "data/gone.jsonl"):
        (tmp_path / name).unlink()
    report = {
        "cmd": "report", "deps": [entry(tmp_path, name) for name in ("data/plan/a.json", "data/plan")],
        "outs": [entry(tmp_path, "data/report/report.json")],
    }  # fmt: skip
    lock = {"schema": "2.0", "stages": {"plan": plan, "judge@gone": gone, "report": report}}
    write(tmp_path, {"dvc.lock": json.dumps(lock)})
    return tmp_path


def test_nothing_has_changed_since_a_run(reported: Path) -> None:
    assert changed_inputs(reported) == []
    # What nobody reads, and what is not pulled.
    write(reported, {"prompts/mine.yaml": "mine", "notes.md": "more"})
    assert changed_inputs(reported) == []
    (reported / "data/plan/a.json").unlink()
    assert changed_inputs(reported) == []


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("params.yaml", "run:\n  judge: null\nvalue: 2\n", "params.yaml (run.judge, value)"),
        ("params.yaml", "value: 1\n", "params.yaml (run)"),
        ("prompts/a.yaml", "edited", "prompts"),
        ("make.py", "2", "make.py"),
        ("data/plan/a.json", "2", "data/plan/a.json"),
        ("data/report/report.json", "{ }", "data/report/report.json"),
    ],
)
def test_what_has_changed_since_a_run_is_named(reported: Path, name: str, text: str, named: str) -> None:
    write(reported, {name: text})
    assert changed_inputs(reported) == [named]


def test_a_run_that_was_ended_halfway_is_another_one(reported: Path) -> None:
    lock = json.loads((reported / "dvc.lock").read_text("utf-8"))
    lock["stages"]["plan"]["outs"][0]["md5"] = f"{0:032x}.dir"
    write(reported, {"dvc.lock": json.dumps(lock)})
    assert changed_inputs(reported) == ["data/plan"]


def test_without_a_lock_nothing_is_known(tmp_path: Path) -> None:
    assert changed_inputs(tmp_path) == []
    write(tmp_path, {"dvc.lock": "no lock"})
    assert changed_inputs(tmp_path) == []
