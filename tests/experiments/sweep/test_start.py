"""What experiments start from, and which one was made from it."""

import shutil
from pathlib import Path

import pytest

from tests.clones import Clone, commit_all
from tests.experiments.sweep.toy import set_seed, state
from urial.core.errors import UrialError
from urial.experiments.sweep.start import start_of


def params_of(project: Clone) -> bytes:
    return (project.folder / "params.yaml").read_bytes()


def add_experiment(project: Clone, name: str) -> None:
    """The commit that is checked out as an experiment of it, as far as git is concerned."""
    commit = project.run("git", "rev-parse", "HEAD").stdout.strip()
    tree = start_of(Path()).tree
    made = project.run("git", "commit-tree", tree, "-p", commit, "-m", "made").stdout.strip()
    project.run("git", "update-ref", f"refs/exps/{commit[:2]}/{commit[2:]}/{name}", made)


def test_an_experiment_is_known_by_its_files_and_parameters(project: Clone) -> None:
    assert start_of(Path()).experiment_of(params_of(project)) is None
    add_experiment(project, "any-name")
    found = start_of(Path()).experiment_of(params_of(project))
    assert found is not None
    assert found.name == "any-name"
    assert start_of(Path()).experiment_of(params_of(project) + b"# other\n") is None
    # Whatever no stage reads may change.
    (project.folder / "notes.md").write_text("x")
    assert start_of(Path()).experiment_of(params_of(project)) is not None


@pytest.mark.parametrize("staged", [False, True], ids=["changed", "staged"])
def test_a_changed_file_of_the_pipeline_makes_another_state(project: Clone, staged: bool) -> None:
    add_experiment(project, "before")
    known = start_of(Path()).tree
    with (project.folder / "stage.py").open("a") as file:
        file.write("# changed\n")
    if staged:
        project.run("git", "add", "stage.py")
    before = state(project)
    start = start_of(Path())
    assert start.tree != known
    assert start.experiment_of(params_of(project)) is None
    # To look changes nothing, the index least of all.
    assert state(project) == before


def test_an_experiment_of_another_commit_is_none_of_this_one(project: Clone) -> None:
    add_experiment(project, "before")
    set_seed(project, 1)
    assert start_of(Path()).experiment_of(params_of(project)) is None
    assert not start_of(Path()).is_taken("before")


def test_a_file_that_git_does_not_track_is_refused_where_the_pipeline_reads_it(project: Clone) -> None:
    (project.folder / "prompts/mine").mkdir()
    (project.folder / "prompts/mine/new.yaml").write_text("x: 1\n")
    with pytest.raises(UrialError) as caught:
        start_of(Path())
    assert str(caught.value) == (
        "git does not track prompts/mine/new.yaml: an experiment has only what git tracks\n"
        "  fix: `git add prompts/mine/new.yaml` (it need not be committed), or move it away"
    )
    project.run("git", "add", "prompts")
    start_of(Path())


def test_a_project_that_experiments_cannot_start_from_says_why(project: Clone, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(project.folder, bare, ignore=shutil.ignore_patterns(".git", ".dvc"))
    with pytest.raises(UrialError, match="not under git"):
        start_of(bare)
    clone = Clone(bare, project.cache)
    clone.run("git", "init", "-q")
    clone.run("git", "add", "-A")
    with pytest.raises(UrialError, match=r"no \.dvc here"):
        start_of(bare)
    (bare / ".dvc").mkdir()
    with pytest.raises(UrialError, match="the repository has no commit"):
        start_of(bare)
    commit_all(clone, "first")
    assert start_of(bare).prefix == ""
