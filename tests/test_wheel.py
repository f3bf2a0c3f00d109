"""The wheel has what a project needs, and works outside of a checkout: built of the sdist, which is built of the files in git."""

import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clones import LEFT_OUT, ROOT, SMALL, Clone, commit_all, copy_project, stages_run
from urial.records.package import InstalledPackage
from urial.run.package import installed_package

SHIPPED = ("dvc.yaml", "params.yaml", "instructions", "prompts", "schemas", "stages")
OWN = ("prompts/general/mine.yaml", "prompts/mine/own.yaml", "instructions/mine.jsonl")
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def build(what: str, source: Path, target: Path) -> Path:
    """An sdist or wheel of a folder, by the hooks that pip calls."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD, what, str(target)], cwd=source, capture_output=True, text=True, check=True
    )
    return target / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel is unpacked, as pip does."""
    folder = tmp_path_factory.mktemp("wheel")
    clone = copy_project(folder)
    clone.run("git", "init", "--quiet")
    commit_all(clone, "clone")
    source = clone.folder
    # Somebody's own, which is nobody else's.
    for name in OWN:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("mine", "utf-8")
    with tarfile.open(build("build_sdist", source, folder)) as archive:
        archive.extractall(folder / "sdist", filter="data")
    (unpacked,) = (folder / "sdist").iterdir()
    with zipfile.ZipFile(build("build_wheel", unpacked, folder)) as wheel:
        wheel.extractall(folder / "site")  # noqa: S202
    return folder / "site"


def run(site: Path, cwd: Path, *arguments: str) -> str:
    """What a module of the wheel prints."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(site)}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def files_of(top: Path) -> Iterator[str]:
    for name in SHIPPED:
        path = top / name
        for file in [path] if path.is_file() else path.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(top).as_posix()


def test_what_a_project_needs_is_in_it_and_nothing_else(site: Path) -> None:
    inside = site / "urial/shipped"
    assert sorted(files_of(inside)) == sorted(files_of(ROOT))
    assert all((inside / name).read_bytes() == (ROOT / name).read_bytes() for name in files_of(ROOT))
    assert sorted(path.name for path in site.iterdir() if path.suffix != ".dist-info") == ["urial"]
    assert {path.name for path in inside.iterdir()} == set(SHIPPED)


def test_a_wheel_of_a_checkout_has_nobody_s_own_prompts(tmp_path: Path) -> None:
    clone = copy_project(tmp_path)
    clone.run("git", "init", "--quiet")
    commit_all(clone, "clone")
    (clone.folder / "prompts/mine").mkdir()
    (clone.folder / "prompts/mine/own.yaml").write_text("mine", "utf-8")
    with zipfile.ZipFile(build("build_wheel", clone.folder, tmp_path)) as wheel:
        names = {name.removeprefix("urial/shipped/") for name in wheel.namelist() if name.startswith("urial/shipped/")}
    assert names == set(files_of(ROOT))


def test_outside_of_a_checkout_commands_use_what_came_with_it(site: Path, tmp_path: Path) -> None:
    where = "import urial.run.package as p, sys; print(p.__file__); print(p.installed_package().model_dump_json())"
    done = subprocess.run(
        [sys.executable, "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(site)},
    )  # fmt: skip
    file, record = done.stdout.splitlines()
    assert Path(file).is_relative_to(site)
    assert InstalledPackage.model_validate_json(record) == installed_package()
    rendered = run(site, tmp_path, "urial", "prompts", "render", "general/urial-k1", "--query", "Why?")
    assert rendered.endswith("Why?\n````\n\n# Answer:\n````\n")
    assert "up to date" in run(site, tmp_path, "urial", "schemas", "check")


def test_a_project_of_it_is_planned_by_it(site: Path, tmp_path: Path) -> None:
    said = run(site, tmp_path, "urial", "init", "study")
    assert said.startswith("study: a project that urial ")
    study = tmp_path / "study"
    run(site, study, "urial.run.stage", "plan")
    assert json.loads((study / "data/plan/report.json").read_bytes())["study"] == "embedded"
    assert "urial/shipped" not in (study / "dvc.yaml").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.thorough
def test_a_project_of_it_runs_to_its_end_and_every_number_is_found_again(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(site))
    run(site, tmp_path, "urial", "init", "clone")
    clone = Clone.below(tmp_path)
    for old, new in SMALL:
        clone.edit(old, new)
    text = (clone.folder / "params.yaml").read_text("utf-8")
    for name in LEFT_OUT:
        text = re.sub(rf"^  {name}:.*\n(?:    .*\n)+", "", text, flags=re.M)
    (clone.folder / "params.yaml").write_text(text, "utf-8")
    commit_all(clone, "study")
    assert {"plan", "models", "report"} <= stages_run(clone.run("dvc", "repro").stdout)
    commit_all(clone, "run")
    (clone.folder / "notes").mkdir()
    monkeypatch.setenv("URIAL_CACHE_DIR", str(clone.cache))
    below = clone.folder / "notes"
    assert "### Scores (1-5)" in run(site, below, "urial", "report")
    verified = run(site, below, "urial", "verify")
    assert "BROKEN" not in verified
    assert "code as in urial-package.json: md5 " in run(site, below, "urial", "trace", "base-urial.helpfulness")
    assert "@misc" in run(site, below, "urial", "cite", "--format", "bibtex")
