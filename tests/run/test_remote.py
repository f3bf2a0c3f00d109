"""The bundled remote: it has exactly the run of record, and a fresh clone needs nothing else."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.clones import ROOT, Clone, commit_all, copy_project, stages_run
from tests.pipeline.test_pipeline import UP_TO_DATE

MOST_BYTES = 22_000_000
OBJECTS = "remote/files/md5"


def tracked(folder: str) -> list[str]:
    """The files below a folder that are in git, or staged for it."""
    listed = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, text=True, check=True)
    return sorted(filter(None, listed.stdout.split("\0")))


def locked_hashes() -> set[str]:
    """The MD5 of every output in dvc.lock that is not in git, as DVC writes it."""
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.lock").read_text("utf-8"))["stages"]
    in_git = set(tracked("data"))
    return {out["md5"] for stage in stages.values() for out in stage["outs"] if out["path"] not in in_git}


def place(md5: str) -> str:
    return f"{OBJECTS}/{md5[:2]}/{md5[2:]}"


def test_the_bundled_remote_has_what_the_lock_names_and_nothing_else() -> None:
    wanted = {place(md5) for md5 in locked_hashes()}
    folders = [name for name in sorted(wanted) if name.endswith(".dir")]
    lost = [name for name in sorted(wanted) if not (ROOT / name).is_file()]
    assert lost == [], "run `make remote` and commit"
    for name in folders:
        wanted |= {place(entry["md5"]) for entry in json.loads((ROOT / name).read_bytes())}
    assert tracked("remote") == sorted(wanted), "run `make remote` and commit"


def test_every_object_is_the_one_that_its_name_says() -> None:
    for name in tracked("remote"):
        path = ROOT / name
        digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        assert path.parent.name + path.name.removesuffix(".dir") == digest


def test_the_bundled_remote_is_small() -> None:
    assert 0 < sum((ROOT / name).stat().st_size for name in tracked("remote")) < MOST_BYTES


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A repository with this work tree as its commit."""
    copy = copy_project(tmp_path_factory.mktemp("origin"))
    copy.run("git", "init", "--quiet")
    copy.run("git", "add", "--force", "remote")
    commit_all(copy, "origin")
    return copy


def fresh_clone(origin: Clone, folder: Path) -> Clone:
    clone = Clone(folder / "fresh", folder / "rows")
    origin.run("git", "clone", "--quiet", f"file://{origin.folder}", str(clone.folder))
    return clone


def offline(clone: Clone, *command: str) -> str:
    """What a command prints that has no network at all, where the system can take it away."""
    cut_off = ["unshare", "--map-root-user", "--net"]
    possible = (
        shutil.which("unshare") and subprocess.run([*cut_off, "true"], capture_output=True, check=False).returncode == 0
    )
    return clone.run(*(cut_off if possible else []), *command).stdout


@pytest.fixture(scope="module")
def empty(origin: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A fresh clone into which each test pulls something."""
    return fresh_clone(origin, tmp_path_factory.mktemp("empty"))


SYSTEM_KEYS = tuple(YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text("utf-8"))["systems"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("targets", "files"),
    [
        (["judge@aligned"], ["data/environment/judge/aligned.json", "data/judgments/aligned.jsonl"]),
        (["judge"], [f"data/{folder}/{key}" for folder, key in (
            *(("environment/judge", f"{key}.json") for key in SYSTEM_KEYS),
            *(("judgments", f"{key}.jsonl") for key in SYSTEM_KEYS),
        )]),
        (["instructions", "judge@aligned"], [
            "data/environment/instructions.json", "data/environment/judge/aligned.json", "data/instructions.jsonl",
            "data/judgments/aligned.jsonl",
        ]),
        (["data/report/site", "data/plan/judge.json", "data/generations/base-urial.jsonl"], [
            "data/generations/base-urial.jsonl", "data/plan/judge.json", "data/report/site/",
        ]),
    ],
)  # fmt: skip
@pytest.mark.thorough
def test_a_part_of_the_run_is_pulled_alone(empty: Clone, targets: list[str], files: list[str]) -> None:
    # Stages or paths: of a stage with a path behind it, DVC leaves the path out and says nothing.
    shutil.rmtree(empty.folder / ".dvc/cache", ignore_errors=True)
    for name in empty.outputs().keys() - set(tracked("data")):
        (empty.folder / name).unlink()
    empty.run("dvc", "pull", *targets)
    pulled = empty.outputs().keys() - set(tracked("data"))
    # All files of a folder that is named are that folder.
    folders = [file for file in files if file.endswith("/")]
    assert {next(filter(name.startswith, folders), name) for name in pulled} == set(files)


@pytest.mark.thorough
@pytest.mark.slow
def test_a_linked_work_tree_in_a_folder_with_a_space_pulls_from_its_own_remote(empty: Clone, tmp_path: Path) -> None:
    tree = Clone(tmp_path / "a tree", tmp_path / "rows")
    empty.run("git", "worktree", "add", "--quiet", "--detach", str(tree.folder))
    shutil.rmtree(empty.folder / "remote")
    try:
        tree.run("dvc", "pull", "report")
    finally:
        empty.run("git", "checkout", "--quiet", "remote")
    assert (tree.folder / "data/report/site/index.html").is_file()


def make_remote(clone: Clone) -> subprocess.CompletedProcess[str]:
    """`make remote` with the environment that runs the tests, which stays as it is."""
    ready = f"{sys.prefix}/.ready"
    return clone.run("make", f"VENV={sys.prefix}", f"--old-file={ready}", "remote", check=False)


@pytest.mark.thorough
@pytest.mark.slow
def test_make_remote_refills_it_and_refuses_a_run_that_is_not_up_to_date(origin: Clone, tmp_path: Path) -> None:
    clone = fresh_clone(origin, tmp_path)
    clone.run("dvc", "pull")
    objects = sorted((clone.folder / OBJECTS).rglob("*"))
    next(path for path in objects if path.is_file()).unlink()
    (clone.folder / OBJECTS / "00").mkdir(exist_ok=True)
    (clone.folder / OBJECTS / "00/other").write_text("x")
    done = make_remote(clone)
    assert done.returncode == 0, done.stdout
    assert sorted((clone.folder / OBJECTS).rglob("*")) == objects
    assert clone.run("git", "status", "--porcelain").stdout == ""
    clone.edit("threads:     ", "threads: 1   ")
    done = make_remote(clone)
    assert done.returncode != 0
    assert "the run is not up to date: `dvc status` says why, `make run` computes it" in done.stdout
    assert sorted((clone.folder / OBJECTS).rglob("*")) == objects


@pytest.mark.thorough
@pytest.mark.slow
def test_what_is_pushed_by_accident_stays_out_of_git(empty: Clone) -> None:
    empty.run("dvc", "pull", "plan")
    shutil.rmtree(empty.folder / "remote")
    empty.run("git", "checkout", "--quiet", "remote")
    empty.edit("threads:     ", "threads: 1   ")
    empty.run("dvc", "repro", "plan")
    assert "pushed" in empty.run("dvc", "push", "plan").stdout
    added = empty.run("git", "ls-files", "--others", "--ignored", "--exclude-standard", "remote").stdout.split()
    assert added
    assert empty.run("git", "ls-files", "--others", "--exclude-standard").stdout == ""
    empty.run("git", "checkout", "--quiet", ".")


@pytest.mark.thorough
@pytest.mark.slow
def test_a_fresh_clone_pulls_the_run_and_has_nothing_to_compute(origin: Clone, tmp_path: Path) -> None:
    clone = fresh_clone(origin, tmp_path)
    assert not (clone.folder / "data/instructions.jsonl").exists()
    offline(clone, "dvc", "pull")
    assert UP_TO_DATE in offline(clone, "dvc", "status")
    output = offline(clone, "dvc", "repro")
    assert stages_run(output) == set()
    assert UP_TO_DATE in output
    assert clone.run("git", "status", "--porcelain").stdout == ""
    figures = clone.run("urial", "report").stdout
    assert figures.strip() in (ROOT / "README.md").read_text("utf-8")
