"""A lock against the files of a run, and a store of DVC."""

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.run.dvc_cache import DvcCache, md5_of
from urial.run.files import Digests
from urial.run.lockfile import Lock, LockedFile, LockedStage


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """One stage that read a file and a folder, and wrote a file."""
    for name in ("code/a.py", "code/b.py", "in.txt", "out.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name, "utf-8")
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    return tmp_path


def lock_of(run: Path) -> Lock:
    code, read, wrote = (
        Digests(run).of(run / name).model_copy(update={"path": name}) for name in ("code", "in.txt", "out.txt")
    )
    return Lock({"make": LockedStage(name="make", cmd="make", deps=(code, read), outs=(wrote,), params={})})


def differences(lock: Lock, run: Path) -> list[tuple[str, str, bool, bool]]:
    """Path, stage, whether it was written, whether it is here."""
    return [(item.path, item.stage, item.wrote, item.found is not None) for item in lock.against(Digests(run))]


def test_nothing_differs_where_nothing_changed(run: Path) -> None:
    assert differences(lock_of(run), run) == []


def test_changed_and_missing_files_are_told_by_stage(run: Path) -> None:
    lock = lock_of(run)
    (run / "code/b.py").write_text("other", "utf-8")
    (run / "in.txt").unlink()
    (run / "out.txt").write_text("other", "utf-8")
    assert differences(lock, run) == [
        ("code", "make", False, True), ("in.txt", "make", False, False), ("out.txt", "make", True, True),
    ]  # fmt: skip
    assert list(lock.of(["other"]).against(Digests(run))) == []


def test_what_dvcignore_leaves_out_changes_no_folder(run: Path) -> None:
    lock = lock_of(run)
    (run / ".dvcignore").write_text("*.pyc\n")
    (run / "code/b.pyc").write_bytes(b"cached")
    assert differences(lock, run) == []
    (run / "code/c.py").touch()
    assert differences(lock, run) == [("code", "make", False, True)]


def test_a_size_that_was_edited_in_the_lock_is_a_difference(run: Path) -> None:
    stage = lock_of(run).stages["make"]
    edited = tuple(entry.model_copy(update={"size": entry.size + 1}) for entry in stage.deps)
    lock = Lock({"make": stage.model_copy(update={"deps": edited})})
    assert [path for path, *_ in differences(lock, run)] == ["code", "in.txt"]


def test_an_output_is_known_by_the_files_in_it(run: Path) -> None:
    out = LockedFile(path="data/plan", md5=f"{'0' * 32}.dir", size=0, nfiles=0)
    lock = Lock({"plan": LockedStage(name="plan", cmd="", deps=(), outs=(out,), params={})})
    assert [lock.out_of(path) for path in ("data/plan", "data/plan/a", "data/plans", "data")] == [
        "data/plan", "data/plan", None, None,
    ]  # fmt: skip


def test_a_store_gives_what_has_its_name_alone(tmp_path: Path) -> None:
    store, data = DvcCache(tmp_path), b"text"
    listed = json.dumps([{"md5": md5_of(data), "relpath": "a"}, {"md5": md5_of(data), "relpath": "../b"}]).encode()
    folder = f"{md5_of(listed)}.dir"
    assert (store.has(md5_of(data)), store.bytes(md5_of(data)), store.listing(folder)) == (False, None, None)
    for md5, content in ((md5_of(data), data), (folder, listed)):
        store.path(md5).parent.mkdir(parents=True, exist_ok=True)
        store.path(md5).write_bytes(content)
    assert store.bytes(md5_of(data)) == data
    # A name that leads out of the folder is none.
    assert store.listing(folder) == {"a": md5_of(data)}
    assert store.copy(md5_of(data), tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data
    store.path(md5_of(data)).write_bytes(b"other")
    assert store.bytes(md5_of(data)) is None
    with pytest.raises(UrialError, match="damaged: its bytes are not those of its name"):
        store.copy(md5_of(data), tmp_path / "copy")


def test_the_outputs_of_some_stages_are_read_without_the_others() -> None:
    text = (ROOT / "dvc.lock").read_text("utf-8")
    whole = Lock.read(ROOT)
    some = Lock.outputs_in(text, "dvc.lock", ["judge", "models"])
    names = {name for name in whole.stages if name.partition("@")[0] in ("judge", "models")}
    assert some.stages.keys() == names
    assert {name: stage.outs for name, stage in some.stages.items()} == {
        name: whole.stages[name].outs for name in names
    }
    assert all(stage.deps == () and stage.cmd == whole.stages[name].cmd for name, stage in some.stages.items())
    assert Lock.outputs_in(text, "dvc.lock", ["nothing"]).stages == {}
    # In another form than DVC's nothing is found, rather than anything wrong.
    assert Lock.outputs_in("schema: '2.0'\nstages: {judge: {cmd: x}}\n", "dvc.lock", ["judge"]).stages == {}


def test_a_damaged_output_is_named_where_it_stands() -> None:
    text = "schema: '2.0'\nstages:\n  judge@a:\n    cmd: x\n    outs:\n    - path: ../a\n      hash: md5\n      md5: 0\n      size: 1\n"
    with pytest.raises(UrialError, match=r"^main:dvc\.lock"):
        Lock.outputs_in(text, "main:dvc.lock", ["judge"])
