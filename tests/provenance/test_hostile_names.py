"""Names that a shell would obey are in quotes in the commands to copy, and errors name no folder that is gone."""

from pathlib import Path

import pytest

from tests.cli.commands import invoke
from tests.clones import Clone
from tests.provenance.citable import make_citable
from tests.provenance.toy import commit, head, make_toy
from urial.core.errors import UrialError
from urial.provenance.cite.citation import cite
from urial.run.folders import run_folder

NAME = "a;touch${IFS}x"
HASH = "0" * 40


@pytest.fixture
def toy(tmp_path: Path) -> Clone:
    """A run of one stage."""
    return make_toy(tmp_path)


def test_an_experiment_that_failed(toy: Clone) -> None:
    said = f"commit: dvc-exp:{HASH}:{HASH}:{NAME}"
    toy.run("git", "update-ref", "--create-reflog", "-m", said, "refs/exps/celery/failed", "HEAD")
    with pytest.raises(UrialError) as error, run_folder(NAME, root=toy.folder):
        pass
    assert str(error.value) == (
        f"the experiment {NAME} failed\n  fix: read `dvc queue logs '{NAME}'`, then queue it again"
    )


def test_an_experiment_that_is_on_no_remote(tmp_path: Path) -> None:
    run = make_citable(tmp_path)
    baseline = head(run)
    made = commit(run, "experiment")
    run.run("git", "update-ref", f"refs/exps/{baseline[:2]}/{baseline[2:]}/{NAME}", made)
    run.run("git", "reset", "--hard", "--quiet", baseline)
    run.run("git", "remote", "rename", "origin", "or;igin")
    found = {item.kind: item.text for item in cite(NAME, root=run.folder).caveats}
    assert found["unpushed"] == (
        f"the experiment {NAME} is on no git remote, as far as this clone knows; run `dvc exp push 'or;igin' '{NAME}'`"
    )


def test_an_error_about_a_revision_names_its_files_as_git_does(toy: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    (toy.folder / "data/report").mkdir()
    (toy.folder / "data/report/report.json").write_text("[]\n", "utf-8")
    commit(toy, "no report")
    monkeypatch.chdir(toy.folder)
    result = invoke("trace", "seed", "--rev", "HEAD")
    assert result.stderr.startswith("Error: HEAD:data/report/report.json: ")
    assert "urial-run-" not in result.output
    toy.run("git", "rm", "--quiet", "data/report/report.json")
    commit(toy, "none")
    assert invoke("trace", "seed", "--rev", "HEAD").stderr == (
        "Error: HEAD:data/report/report.json: no report yet\n"
        "  fix: run `dvc repro`, or `git checkout` and `dvc pull` of a run that has one\n"
    )
    with pytest.raises(UrialError) as error, run_folder("HEAD", root=toy.folder, needs=()) as folder:
        raise UrialError("wrong", path=folder.path / "a", where=str(folder.path), fix="run `dvc repro`")
    assert str(error.value) == "HEAD:a: wrong\n  where: HEAD\n  fix: run `dvc repro`"
