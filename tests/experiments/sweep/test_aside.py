"""The clones that experiments run in: what is in them, and what comes back."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.serialize import modify_yaml

from tests.cli.commands import invoke
from tests.clones import Clone, commit_all
from tests.experiments.sweep.toy import make_project, names, refs, reported, set_seed, state

ONE = ("sweep", "checkpoints", "--to", "100")


@pytest.mark.thorough
def test_a_project_in_a_folder_of_its_repository_with_weights_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, "studies/mine")
    # Nested paths, of which the inner one is linked by the outer one.
    shutil.move(project.folder / "weights", tmp_path / "weights")
    with modify_yaml(project.folder / "params.yaml") as params:
        params["studies"]["own"]["base"] = {"folder": "../../../weights/step-300"}
        params["studies"]["own"]["checkpoints"] = {"folder": "../../../weights"}
        params["studies"]["other"]["base"] = {"folder": "../../../weights/step-100"}
    commit_all(Clone(tmp_path / "clone", project.cache), "elsewhere")
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("URIAL_CACHE_DIR", str(project.cache))
    before = state(project)
    result = invoke(*ONE)
    assert result.exit_code == 0, result.output
    assert reported(project, "own-step-100")["base"] == {"folder": "../../../weights", "checkpoint": "step-100"}
    assert state(project) == before


@pytest.mark.thorough
def test_uncommitted_changes_are_part_of_an_experiment_which_then_has_another_name(project: Clone) -> None:
    assert invoke(*ONE).exit_code == 0
    text = (project.folder / "stage.py").read_text()
    (project.folder / "stage.py").write_text(text.replace('"systems": [*params["systems"]]', '"systems": ["changed"]'))
    before = state(project)
    result = invoke(*ONE)
    assert result.exit_code == 0, result.output
    first, second = names(project)
    assert first == "own-step-100"
    assert second.startswith("own-step-100-")
    assert reported(project, first)["systems"] == ["base-zero-shot", "base-urial"]
    assert reported(project, second)["systems"] == ["changed"]
    assert state(project) == before
    assert "own-step-100: there already" not in result.output
    # Back again, it is the first one.
    (project.folder / "stage.py").write_text(text)
    result = invoke(*ONE)
    assert result.output.endswith("1 experiment: 0 made, 1 there already, 0 failed\n")


@pytest.mark.thorough
def test_a_failed_stage_is_told_with_the_end_of_its_log_and_made_when_it_is_mended(project: Clone) -> None:
    set_seed(project, 13)
    result = invoke(*ONE)
    assert result.exit_code == 1
    assert "    this one fails\n" in result.output
    assert (
        "  log: .dvc/tmp/exps/sweep/logs/own-step-100.log\n1 experiment: 0 made, 0 there already, 1 failed\n"
        in result.output
    )
    set_seed(project, 0)
    assert invoke(*ONE).exit_code == 0
    assert names(project) == ["own-step-100"]


@pytest.mark.thorough
def test_experiments_are_pushed_pulled_and_applied_as_any(project: Clone, tmp_path: Path) -> None:
    remotes = {kind: tmp_path / f"{kind}-remote" for kind in ("git", "dvc")}
    project.run("git", "init", "-q", "--bare", str(remotes["git"]))
    project.run("git", "remote", "add", "hub", str(remotes["git"]))
    project.run("dvc", "remote", "add", "-q", "-d", "store", str(remotes["dvc"]))
    commit_all(project, "remote")
    assert invoke("sweep", "checkpoints").exit_code == 0
    project.run("git", "push", "-q", "hub", "HEAD:main")
    project.run("dvc", "exp", "push", "hub", "own-step-100", "own-step-200")

    other = Clone(tmp_path / "other", project.cache)
    project.run("git", "clone", "-q", "-b", "main", str(remotes["git"]), str(other.folder))
    other.run("dvc", "exp", "pull", "origin", "own-step-100", "own-step-200")
    assert names(other) == ["own-step-100", "own-step-200"]
    other.run("dvc", "exp", "apply", "own-step-200")
    assert "step-200" in (other.folder / "data/big.txt").read_text()


@pytest.mark.thorough
def test_studies_over_one_base_model_compute_its_answers_once(project: Clone) -> None:
    before = refs(project)
    result = invoke("sweep", "studies", "own", "other", "--system", "base-urial", "--dry-run")
    assert (result.exit_code, refs(project)) == (0, before)
    assert "study-own      " in result.output
    result = invoke("sweep", "studies", "own", "other", "--system", "base-urial")
    assert result.exit_code == 0, result.output
    assert names(project) == ["study-other", "study-own"]
    assert reported(project, "study-other") == {"base": {"folder": "weights/step-100"}, "systems": ["base-urial"]}
