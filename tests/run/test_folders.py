"""Revisions and experiments of a real repository with real DVC outputs, checked out aside."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tests.clones import ROOT, Clone
from tests.provenance.toy import commit, experiment, head, make_toy
from urial.core.errors import UrialError
from urial.run import git
from urial.run.folders import RunFolder, run_folder

OUTPUTS = ("data/folder/a.txt", "data/folder/b.txt", "data/one.txt", "data/report.txt")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A run with a temporary, a queued and since run, and a workspace experiment; one waits and one failed."""
    made = make_toy(tmp_path_factory.mktemp("toy"))
    experiment(made, "temporary", 2, "--temp")
    experiment(made, "queued", 3, "--queue")
    experiment(made, "failing", "bad", "--queue")
    made.run("dvc", "queue", "start")
    made.run("dvc", "queue", "start")
    wait_for(made, "queued", "Success")
    wait_for(made, "failing", "Failed")
    # A worker looks for more for some seconds.
    made.run("dvc", "queue", "stop")
    wait_for(made, "Worker status", "0 active, 0 idle")
    experiment(made, "waiting", 4, "--queue")
    experiment(made, "workspace", 5)
    made.run("git", "reset", "--hard", "--quiet")
    made.run("dvc", "checkout")
    return made


def wait_for(toy: Clone, name: str, state: str) -> None:
    for _ in range(60):
        found = [line for line in toy.run("dvc", "queue", "status").stdout.splitlines() if name in line]
        if found and state in found[0]:
            return
        time.sleep(1)
    pytest.fail(toy.run("dvc", "queue", "status").stdout)


def state_of(folder: Path) -> list[str]:
    """Everything of a repository that looking at a revision must leave as it is."""
    commands = (
        ("git", "status", "--porcelain", "--ignored"), ("git", "for-each-ref"), ("git", "worktree", "list"),
        ("git", "rev-parse", "HEAD"), ("git", "stash", "list"), ("git", "config", "--list", "--local"),
    )  # fmt: skip
    return [
        subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout for command in commands
    ]


def read(folder: RunFolder) -> list[str]:
    return [(folder.path / name).read_text("utf-8") for name in OUTPUTS]


def written(value: object) -> list[str]:
    return [f"{name.removeprefix('data/')} of {value}\n" for name in OUTPUTS]


@pytest.mark.parametrize(
    ("name", "value"), [("temporary", 2), ("queued", 3), ("workspace", 5)], ids=["temporary", "queued", "workspace"]
)
def test_an_experiment_has_its_own_outputs_by_name_and_by_hash(toy: Clone, name: str, value: int) -> None:
    before = state_of(toy.folder)
    with run_folder(name, root=toy.folder) as found:
        assert read(found) == written(value)
        assert (found.state.experiment, found.state.dirty) == (name, ())
        assert found.path != toy.folder
        commit = found.state.commit
    assert commit
    assert not found.path.exists()
    with run_folder(commit[:10], root=toy.folder, needs=()) as again:
        assert (again.state.commit, again.state.experiment) == (commit, name)
    assert state_of(toy.folder) == before


def test_a_commit_is_checked_out_as_it_was_committed(toy: Clone) -> None:
    with run_folder("HEAD", root=toy.folder) as found:
        assert read(found) == written(1)
        assert (found.state.commit, found.state.experiment, found.state.dirty) == (head(toy), None, ())


def test_only_what_is_needed_is_brought(toy: Clone) -> None:
    with run_folder("temporary", root=toy.folder, needs=("data/folder/a.txt", "data/report.txt")) as found:
        present = {name for name in OUTPUTS if (found.path / name).exists()}
    assert present == {"data/folder/a.txt", "data/report.txt"}
    with run_folder("temporary", root=toy.folder, needs=("data",)) as found:
        assert read(found) == written(2)


def test_a_need_that_is_no_output_is_an_error(toy: Clone) -> None:
    with pytest.raises(UrialError) as error, run_folder("HEAD", root=toy.folder, needs=("data/no.txt",)):
        pass
    assert str(error.value) == "HEAD: has no data/no.txt: it is no output in dvc.lock\n  fix: name a later revision"


def test_an_experiment_that_waits_and_one_that_failed_say_so(toy: Clone) -> None:
    with pytest.raises(UrialError) as error, run_folder("waiting", root=toy.folder):
        pass
    assert str(error.value) == (
        "the experiment waiting is queued and has not finished\n"
        "  fix: run `dvc queue start`, then `dvc queue status` until it has"
    )
    with pytest.raises(UrialError) as error, run_folder("failing", root=toy.folder):
        pass
    assert (
        str(error.value) == "the experiment failing failed\n  fix: read `dvc queue logs failing`, then queue it again"
    )


def test_what_waits_and_what_failed_is_known_by_name(toy: Clone) -> None:
    assert git.unfinished_experiments(toy.folder) == ["failing", "waiting"]
    assert git.is_revision("temporary", toy.folder)
    assert not git.is_revision("waiting", toy.folder)


def test_the_work_tree_is_as_it_is(toy: Clone) -> None:
    with run_folder(root=toy.folder) as found:
        assert (found.path, found.state.commit, found.state.experiment, found.state.dirty) == (
            toy.folder,
            head(toy),
            None,
            (),
        )
    (toy.folder / "new 'file'\n.txt").write_text("untracked", "utf-8")
    toy.edit("value: 1", "value: 6")
    try:
        with run_folder(root=toy.folder) as found:
            # No stage reads the new file.
            assert found.state.dirty == ("params.yaml",)
        with run_folder("HEAD", root=toy.folder, needs=()) as found:
            assert (found.path / "params.yaml").read_text("utf-8") == "value: 1\n"
    finally:
        (toy.folder / "new 'file'\n.txt").unlink()
        toy.run("git", "checkout", "--quiet", "params.yaml")


def test_what_the_cache_lacks_comes_from_the_remote(toy: Clone, tmp_path: Path) -> None:
    other = Clone(tmp_path / "clone", tmp_path / "rows")
    toy.run("git", "clone", "--quiet", str(toy.folder), str(other.folder))
    with pytest.raises(UrialError) as error, run_folder("HEAD", root=other.folder):
        pass
    assert str(error.value).splitlines()[:2] == [
        "HEAD: outputs are not in the DVC cache, and no DVC remote gave them: data/folder, data/one.txt",
        "  where: neither the revision nor this clone names a remote",
    ]
    # A remote that only this clone knows, with a path relative to its own configuration.
    toy.run("dvc", "remote", "add", "--local", "--default", "store", str(tmp_path / "store"))
    toy.run("dvc", "push")
    (toy.folder / ".dvc/config.local").unlink()
    (other.folder / ".dvc/config.local").write_text(
        "[core]\n    remote = store\n['remote \"store\"']\n    url = ../../store\n", "utf-8"
    )
    with run_folder("HEAD", root=other.folder) as found:
        assert read(found) == written(1)


def test_a_run_in_a_folder_of_a_repository(tmp_path: Path) -> None:
    toy = make_toy(tmp_path)
    outer = Clone(tmp_path / "outer", tmp_path / "rows")
    shutil.copytree(toy.folder, outer.folder / "study", ignore=shutil.ignore_patterns(".git"))
    outer.run("git", "init", "--quiet")
    with run_folder(root=outer.folder / "study") as found:
        assert (found.state.commit, found.state.dirty) == (None, ())
    with pytest.raises(UrialError) as error, run_folder("HEAD", root=outer.folder / "study"):
        pass
    assert str(error.value) == (
        f"{outer.folder}/study: not under git, so it has no revision 'HEAD'\n  fix: go to a clone of the project"
    )
    outer.run("git", "config", "user.name", "test")
    outer.run("git", "config", "user.email", "test@localhost")
    made = commit(outer, "all")
    with run_folder("HEAD", root=outer.folder / "study", needs=()) as found:
        assert (found.path.name, found.state.commit) == ("study", made)
    (outer.folder / "other.txt").write_text("not of the study", "utf-8")
    (outer.folder / "study/params.yaml").write_text("value: 2\n", "utf-8")
    with run_folder(root=outer.folder / "study") as found:
        assert found.state.dirty == ("params.yaml",)


def test_a_shallow_clone_and_a_linked_work_tree(toy: Clone, tmp_path: Path) -> None:
    commit(toy, "empty")
    toy.run("git", "clone", "--quiet", "--depth=1", f"file://{toy.folder}", str(tmp_path / "shallow"))
    with run_folder("HEAD", root=tmp_path / "shallow", needs=()) as found:
        assert found.state.commit == head(toy)
    toy.run("git", "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    with run_folder("temporary", root=tmp_path / "linked", needs=()) as found:
        assert (found.path / "params.yaml").read_text("utf-8") == "value: 2\n"
    toy.run("git", "worktree", "remove", str(tmp_path / "linked"))


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as error, run_folder(root=tmp_path):
        pass
    assert str(error.value) == f"{tmp_path}: no run: it has no dvc.yaml\n  fix: go to the top folder of the project"


@pytest.mark.parametrize("stop", [signal.SIGINT, None], ids=["interrupt", "error"])
def test_nothing_is_left_behind(toy: Clone, tmp_path: Path, stop: signal.Signals | None) -> None:
    before = state_of(toy.folder)
    code = """
        import signal, sys, time
        from pathlib import Path
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
        from urial.run.folders import run_folder
        with run_folder("temporary", root=Path(sys.argv[1]), needs=()) as found:
            print(found.path, flush=True)
            if sys.argv[2] == "error":
                raise SystemExit("an error")
            time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(toy.folder), "wait" if stop else "error"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith(str(tmp_path))
        if stop:
            process.send_signal(stop)
        assert process.wait(timeout=20) != 0
    assert list(tmp_path.iterdir()) == []
    assert state_of(toy.folder) == before
