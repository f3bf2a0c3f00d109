"""What the tests stand on: `dvc` out of a fork, what is made once a session, and the switches."""

import os
from pathlib import Path

import pytest

from tests.clones import ROOT, Clone
from tests.conftest import LONGEST_FILES
from tests.shared import made_once

pytest_plugins = ["pytester"]


def test_a_forked_dvc_has_its_folder_environment_output_and_exit_code(tmp_path: Path) -> None:
    clone = Clone(tmp_path, tmp_path / "rows")
    clone.run("git", "init", "--quiet")
    here, outputs = Path.cwd(), set(os.environ)
    assert clone.run("dvc", "init", "--quiet").stdout == ""
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n  rows:\n    cmd: echo $URIAL_CACHE_DIR $HF_HUB_OFFLINE; pwd >&2\n", "utf-8"
    )
    done = clone.run("dvc", "repro")
    assert f"{clone.cache} 1\n" in done.stdout
    assert f"{tmp_path}\n" in done.stdout
    failed = clone.run("dvc", "repro", "nothing", check=False)
    assert failed.returncode == 255
    assert failed.stdout == "ERROR: Stage 'nothing' not found inside 'dvc.yaml' file\n"
    assert (Path.cwd(), set(os.environ)) == (here, outputs)


def test_what_is_made_once_is_not_made_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    made: list[Path] = []
    folders = {made_once(tmp_path_factory, "made-once", made.append) for _ in range(2)}
    assert folders == set(made)
    assert len(made) == 1


def test_what_is_not_whole_is_made_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    def fail(folder: Path) -> None:
        (folder / "part").touch()
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        made_once(tmp_path_factory, "made-again", fail)
    folder = made_once(tmp_path_factory, "made-again", lambda path: (path / "whole").touch())
    assert [path.name for path in folder.iterdir()] == ["whole"]


def test_the_longest_files_are_there() -> None:
    names = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(LONGEST_FILES) <= names


THOROUGH = """
import pytest
from hypothesis import settings

@pytest.mark.thorough
def test_repeats(): pass

@pytest.mark.real
def test_asks(): pass

def test_examples(): print("examples:", settings().max_examples, settings().derandomize)
"""


@pytest.mark.parametrize(
    ("options", "outcomes", "examples"),
    [
        ((), {"passed": 1, "deselected": 1, "skipped": 1}, 40),
        (("--thorough",), {"passed": 2, "skipped": 1}, 300),
        (("--real",), {"passed": 2, "deselected": 1}, 40),
    ],
)
def test_one_switch_runs_everything_and_another_asks_real_servers(
    pytester: pytest.Pytester, options: tuple[str, ...], outcomes: dict[str, int], examples: int
) -> None:
    pytester.makeini("[pytest]\nmarkers =\n    thorough: for --thorough only\n    real: for --real only\n")
    pytester.makeconftest(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.conftest import pytest_addoption, pytest_collection_modifyitems, pytest_configure\n"
    )
    pytester.makepyfile(THOROUGH)
    result = pytester.runpytest_subprocess("-s", *options)
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines([f"*examples: {examples} True*"])
