"""`urial init`: what a fresh project has, and where it makes none."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.cli.commands import invoke
from tests.conftest import ROOT
from urial.exchange.new_project import HEADER, pipeline_text
from urial.records.params.file import read_params
from urial.run.git import git
from urial.run.package import PACKAGE
from urial.run.pipeline import read_pipeline


def test_every_stage_runs_the_package_and_depends_on_its_record() -> None:
    text = pipeline_text((ROOT / "dvc.yaml").read_text("utf-8"))
    assert text.startswith(HEADER)
    before, after = (YAML(typ="safe", pure=True).load(source)["stages"] for source in ((ROOT / "dvc.yaml"), text))
    assert before.keys() == after.keys()
    for name, stage in after.items():
        body, was = (stages.get("do", stages) for stages in (stage, before[name]))
        assert body["cmd"] == was["cmd"].replace("python -m stages.", "python -m urial.run.stage ")
        kept = [dep for dep in was["deps"] if not dep.startswith(("stages/", "urial/", "schemas/"))]
        assert body["deps"] == [PACKAGE, *kept]
        assert {key: body[key] for key in body if key not in ("cmd", "deps")} == {
            key: was[key] for key in was if key not in ("cmd", "deps")
        }


def test_a_project_is_made_under_git_and_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke("init", "new study").stdout.splitlines()[2] == "  cd 'new study'"
    study = tmp_path / "new study"
    assert (study / "params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()
    assert (study / ".dvc/config").is_file()
    assert "generate@base-urial" in read_pipeline(study)
    taken = set(git(study, "ls-files", "--others", "--exclude-standard").splitlines())
    assert {"dvc.yaml", "params.yaml", PACKAGE, ".gitignore", "instructions/everyday.jsonl"} <= taken
    monkeypatch.chdir(study / "prompts")
    assert invoke("prompts", "lint").exit_code == 0
    before = (study / "dvc.yaml").read_bytes()
    (study / "dvc.yaml").write_text("stages: {}\n", "utf-8")
    assert invoke("init", "--update").exit_code == 0
    assert (study / "dvc.yaml").read_bytes() == before
    inside = invoke("init", "inner")
    assert inside.stderr.splitlines()[0] == f"Error: prompts/inner: is in the project {study}"


def test_a_pair_of_one_s_own_is_studied_with_few_systems_and_no_judge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "README.md").write_text("Mine.\n")
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(tmp_path)
    assert invoke("init", "here/study", "--base", "base", "--aligned", "owner/aligned").exit_code == 0
    study = tmp_path / "here/study"
    assert not (study / ".git").exists()
    params = read_params(study / "params.yaml")
    assert (params.run.study, params.run.judge, params.preferences.systems) == ("own", None, ())
    assert list(params.systems) == ["aligned", "base-zero-shot", "base-urial"]
    own = params.studies["own"].model_dump(exclude_none=True)
    assert own["base"] == {"folder": str(tmp_path / "base")}
    assert own["aligned"] == {"hub": "owner/aligned"}
    assert "\n\ndecoding:\n" in (study / "params.yaml").read_text("utf-8")
    # Comments stay, as those of whoever edits it next are meant to.
    assert "# K=3; `urial prompts list` shows all prompts" in (study / "params.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["file"], "Error: file: is no folder"),
        (["x", "--base", "./none"], "Error: base model: no folder none"),
        (["x", "--base", "owner/base", "--aligned", "none.gguf"], "Error: aligned model: no file none.gguf"),
        (["file/x"], "Error: file/x: cannot be written: Not a directory"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert invoke("init", *arguments).stderr.splitlines()[0] == message
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("there", [True, False])
def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    """Here DVC does, which `git init` has come before; what was in the folder stays."""
    monkeypatch.chdir(tmp_path)
    if there:
        (tmp_path / "study").mkdir()
        (tmp_path / "study/.gitignore").write_text("mine\n", "utf-8")
    (tmp_path / "dvc").mkdir()
    (tmp_path / "dvc/__init__.py").touch()
    (tmp_path / "dvc/__main__.py").write_text("raise SystemExit('no room')", "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert invoke("init", "study").stderr == (
        "Error: study: dvc init --quiet failed: no room\n  fix: correct what it names, and run `urial init` again\n"
    )
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("study*/*")] == [
        "study/.gitignore"
    ] * there
    assert (tmp_path / "study").exists() == there


@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml", "prompts", "data"])
def test_nothing_that_is_there_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).touch()
    assert invoke("init", ".").stderr.splitlines()[0] == f"Error: {name}: already exists"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name the folder: urial init DIR."),
        (["x", "--aligned", "y"], "--aligned needs --base."),
        (["x", "--update"], "--update is for the project here, and stands alone."),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], message: str) -> None:
    assert invoke("init", *arguments).stderr.splitlines()[-1] == f"Error: {message}"


def test_a_checkout_has_code_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert invoke("init", "--update").stderr.startswith(f"Error: {ROOT}: no {PACKAGE}: this project is a checkout")
