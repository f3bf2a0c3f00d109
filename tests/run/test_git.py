"""Facts from a real repository."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.commands import invoke
from tests.clones import Clone
from tests.provenance.toy import FILES, commit, head
from urial.core.errors import UrialError
from urial.run import git

EXPERIMENT = "refs/exps/{}/{}/{}"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """Two commits, the first of which is on a branch, a tag and an experiment, by names of their own."""
    made = Clone(tmp_path_factory.mktemp("git") / "repository", Path())
    made.folder.mkdir()
    (made.folder / "dvc.yaml").write_text(FILES["dvc.yaml"], "utf-8")
    made.run("git", "init", "--quiet", "--initial-branch=main")
    made.run("git", "config", "user.name", "test")
    made.run("git", "config", "user.email", "test@localhost")
    first = commit(made, "first")
    second = commit(made, "second")
    made.run("git", "branch", "topic", first)
    made.run("git", "tag", "-a", "v1", first, "-m", "first")
    name_experiment(made, "calm-fox", first, baseline=second)
    return made


def name_experiment(repository: Clone, name: str, made: str, baseline: str) -> None:
    repository.run("git", "update-ref", EXPERIMENT.format(baseline[:2], baseline[2:], name), made)


def message(revision: str, root: Path) -> str:
    with pytest.raises(UrialError) as error:
        git.commit_of(revision, root)
    return str(error.value)


def test_every_kind_of_name_is_resolved(repository: Clone) -> None:
    first, second = head(repository, "HEAD~1"), head(repository)
    names = {"topic": first, "v1": first, "calm-fox": first, first[:9]: first, "HEAD": second, "main": second}
    names["main~1"] = first
    assert {name: git.commit_of(name, repository.folder) for name in names} == names
    assert git.head_of(repository.folder) == second


def test_an_experiment_is_known_by_its_commit(repository: Clone) -> None:
    first, second = head(repository, "HEAD~1"), head(repository)
    found = git.experiment_of(first, repository.folder)
    assert found == git.Experiment("calm-fox", first, second, EXPERIMENT.format(second[:2], second[2:], "calm-fox"))
    assert git.experiment_of(second, repository.folder) is None


@pytest.mark.parametrize("revision", ["", "-d", "--all", "a\nb", "\x1b[31m", "x" * 5000])
def test_what_cannot_be_a_revision_is_refused(repository: Clone, revision: str) -> None:
    found = message(revision, repository.folder)
    assert len(found) < 400
    assert "\x1b" not in found
    if len(revision) < 100:
        assert found == f"{revision!r}: not a revision\n  expected: a branch, tag, commit or DVC experiment"


def test_an_unknown_name_names_the_nearest(repository: Clone) -> None:
    assert message("calm-fix", repository.folder) == (
        "'calm-fix': no such branch, tag, commit or DVC experiment\n"
        "  expected: did you mean 'calm-fox'?\n"
        "  fix: `git fetch` brings commits, `dvc exp pull REMOTE NAME` an experiment"
    )
    assert "no such branch" in message("HEAD:dvc.yaml", repository.folder)


def test_an_experiment_named_as_a_branch_is_ambiguous_unless_both_are_the_same(repository: Clone) -> None:
    first, second = head(repository, "HEAD~1"), head(repository)
    name_experiment(repository, "topic", first, baseline=second)
    assert git.commit_of("topic", repository.folder) == first
    name_experiment(repository, "topic", second, baseline=second)
    listed = ", ".join(sorted((first[:12], second[:12])))
    assert message("topic", repository.folder) == (
        f"'topic' names several commits: {listed}\n"
        "  fix: name the commit, or the ref whole: refs/heads/NAME, refs/exps/..."
    )
    assert git.commit_of("refs/heads/topic", repository.folder) == first
    ref = EXPERIMENT.format(second[:2], second[2:], "topic")
    assert git.commit_of(ref, repository.folder) == second
    repository.run("git", "update-ref", "-d", ref)


def test_of_experiments_with_one_name_that_of_head_is_meant(repository: Clone) -> None:
    first, second = head(repository, "HEAD~1"), head(repository)
    name_experiment(repository, "twice", first, baseline=first)
    name_experiment(repository, "twice", second, baseline=second)
    assert git.commit_of("twice", repository.folder) == second
    repository.run("git", "checkout", "--quiet", "--detach", first)
    assert git.commit_of("twice", repository.folder) == first
    repository.run("git", "checkout", "--quiet", "main")


def test_what_dvc_keeps_beside_experiments_is_none(repository: Clone) -> None:
    before = git.experiments(repository.folder)
    for ref in ("refs/exps/stash", "refs/exps/celery/stash", "refs/exps/exec/EXEC_HEAD"):
        repository.run("git", "update-ref", ref, "HEAD")
    assert git.experiments(repository.folder) == before


def test_a_hook_s_environment_leads_to_no_other_repository(
    repository: Clone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert git.in_repository(repository.folder)
    assert git.changed_files(repository.folder) == {}


def test_outside_of_git(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    assert not git.in_repository(tmp_path)
    with pytest.raises(UrialError) as error:
        git.changed_files(tmp_path)
    assert str(error.value) == (
        f"git status failed: fatal: not a git repository (or any of the parent directories): .git\n  where: {tmp_path}"
    )


@pytest.mark.parametrize(
    "command",
    [
        ("cite",), ("cite", "--rev", "main"), ("export", "new"), ("export", "new", "--rev", "main"), ("verify", "--rev", "main"),
        ("trace", "judge"), ("trace", "judge", "--rev", "main"), ("compare", "main", "."),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_repository_of_another_user_is_refused_with_git_s_own_words(
    repository: Clone, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.chdir(repository.folder)
    done = invoke(*command)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        f"Error: fatal: detected dubious ownership in repository at '{repository.folder}'\n"
        "  where: .\n"
        f"  fix: if you trust its owner: git config --global --add safe.directory {repository.folder}\n"
    )


def test_the_work_tree_is_verified_where_git_refuses_it(repository: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.chdir(repository.folder)
    assert json.loads(invoke("verify", "--json").stdout)["commit"] is None


def test_before_the_first_commit(tmp_path: Path) -> None:
    repository = Clone(tmp_path, Path())
    repository.run("git", "init", "--quiet")
    assert git.head_of(tmp_path) is None
    assert git.experiments(tmp_path) == []


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UrialError) as error:
        git.head_of(tmp_path)
    assert str(error.value) == "git is not installed\n  fix: install git"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UrialError) as error:
        git.in_repository(tmp_path / "none")
    assert str(error.value) == f"{tmp_path}/none: no such folder\n  fix: check the path"


@given(revision=st.text(max_size=40))
def test_no_name_does_more_than_fail(repository: Clone, revision: str) -> None:
    known = {"main", "topic", "v1", "calm-fox", "HEAD", "@"}
    with pytest.raises(UrialError) as error:
        git.commit_of(revision if revision not in known else "", repository.folder)
    assert str(error.value).isprintable() or "\n  " in str(error.value)
    assert "\x1b" not in str(error.value)
