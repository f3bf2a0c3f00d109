"""A refused experiment says how params.yaml gets back, and what a name that -S made up may have meant."""

import shutil
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from tests.conftest import ROOT
from urial.core.errors import UrialError
from urial.plan.experiments import of_experiment
from urial.records.params.file import read_params

BACK = "what -S has set stays in params.yaml; `git checkout HEAD -- params.yaml` takes it back, with all else there that is in no commit"


def test_a_failed_experiment_says_how_to_get_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error, path = UrialError("unknown prompt", fix="did you mean another?"), tmp_path / "params.yaml"
    monkeypatch.delenv("DVC_EXP_NAME", raising=False)
    plain = of_experiment(error, path)
    assert plain is not error, "it is raised from this one"
    assert vars(plain) == vars(error)
    monkeypatch.setenv("DVC_EXP_NAME", "calm-fox")
    assert str(of_experiment(error, path)) == f"unknown prompt\n  fix: did you mean another?\n  fix: {BACK}"
    aside = tmp_path / ".dvc/tmp/exps/x"
    aside.mkdir(parents=True)
    monkeypatch.chdir(aside)
    assert str(of_experiment(error, path)) == str(error)


def test_a_file_that_a_copy_of_the_project_does_not_have_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "calm-fox")
    aside = tmp_path / "project/.dvc/tmp/exps/x"
    aside.mkdir(parents=True)
    (tmp_path / "models/step-1").mkdir(parents=True)
    (tmp_path / "project/own").mkdir()
    params = "studies: {a: {base: {folder: ../models}, checkpoints: [{folder: own}, {folder: ~/x}, {gguf: none.gguf}]}}"
    (aside / "params.yaml").write_text(params)
    monkeypatch.chdir(aside)
    found = of_experiment(UrialError("no folder ../models/step-1"), aside / "params.yaml")
    assert found.fix == (
        "DVC runs this experiment in a copy of the project, where ../models, own are not: name each by its whole path, "
        "or from the home folder, as in ~/models"
    )


@pytest.mark.parametrize(
    ("change", "problem", "meant"),
    [
        ("+judges.gpt-4.1.kind=rules", "missing field 'judges.gpt-4.kind'", "did you mean 'gpt-4o'?"),
        (
            "+systems.base-urail.prompt=urial-k1",
            "missing field 'systems.base-urail.model'",
            "did you mean 'base-urial'?",
        ),
        (
            "+systems.base-urial.promt=urial-k1",
            "unknown field 'systems.base-urial.promt'; did you mean 'prompt'?",
            None,
        ),
        ("+sytems.base-urial.prompt=urial-k1", "unknown field 'sytems'; did you mean 'systems'?", None),
        ("run.limit=", "field 'run.limit': input should be a valid integer, got ''", None),
    ],
)
def test_what_dvc_lets_pass_is_named_by_what_was_meant(
    change: str, problem: str, meant: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "calm-fox")
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    apply_overrides(path, [change])
    with pytest.raises(UrialError) as caught:
        read_params(path)
    found = of_experiment(caught.value, path)
    assert problem in found.what
    expected = "a new entry needs all of its fields, and -S takes a dot in a name for a level"
    assert (meant is None) == (expected not in str(found))
    assert meant is None or meant in str(found)
    assert str(found).endswith(BACK)
