"""A system that is removed leaves nothing behind that a clone of the commit does not have."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.clones import Clone, commit_all, stages_run
from tests.pipeline.test_pipeline import UP_TO_DATE
from tests.provenance.finished import leave_out_further_measurements
from tests.provenance.written import write_run
from tests.report.conftest import small_run
from urial.core.errors import UrialError
from urial.run.dvc_cache import DvcCache, md5_of
from urial.run.paths import COMPLETIONS, ENVIRONMENT, JUDGMENTS, PROMPTS
from urial.run.reader import RunReader, remove_former_files


@pytest.fixture
def run(tmp_path: Path) -> RunReader:
    (tmp_path / ".dvc").mkdir()
    return RunReader(write_run(small_run(), tmp_path) / "data")


def keep_in_cache(run: RunReader, path: Path) -> None:
    cached = DvcCache.of(run.data.parent).path(md5_of(path.read_bytes()))
    cached.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, cached)


def test_files_of_no_system_go_where_the_cache_keeps_them(run: RunReader) -> None:
    own = sorted(path for path in run.data.rglob("*") if path.is_file())
    former = [run.file(kind, "former") for kind in (COMPLETIONS, JUDGMENTS, PROMPTS)] + [
        run.file(ENVIRONMENT, "judge/former")
    ]
    for path in former:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{path}\n", "utf-8")
        keep_in_cache(run, path)
    run.file(COMPLETIONS, "x").with_name(".gitignore").write_text("/former.jsonl\n")
    assert remove_former_files(run) == sorted(former)
    left = sorted(path for path in run.data.rglob("*") if path.is_file() and path.name != ".gitignore")
    assert left == own
    assert remove_former_files(run) == []


def test_a_file_that_nothing_would_bring_back_stays_and_is_named(run: RunReader) -> None:
    path = run.file(COMPLETIONS, "mine")
    path.write_text("{}\n")
    with pytest.raises(UrialError) as caught:
        remove_former_files(run)
    assert str(caught.value) == (
        f"{path}: belongs to no system of this run, and DVC's cache does not have it\n"
        f"  expected: files of {', '.join(run.plan.systems)}\n"
        "  fix: move it to another folder, or add its system to params.yaml"
    )
    assert path.is_file()


@pytest.mark.slow
@pytest.mark.thorough
def test_a_removed_system_changes_nothing_for_a_clone(computed_clone: Clone, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "clone", computed_clone.cache)
    shutil.copytree(computed_clone.folder, clone.folder)
    clone.run("dvc", "remote", "add", "--default", "--force", "store", str(tmp_path / "store"))
    (system,) = re.findall(
        r"^  base-zero-shot:.*\n(?:    .*\n)+", (clone.folder / "params.yaml").read_text("utf-8"), re.M
    )
    clone.edit(system, "")
    # They are of this system, too.
    leave_out_further_measurements(clone.folder / "params.yaml")
    text = (clone.folder / "params.yaml").read_text("utf-8")
    (clone.folder / "params.yaml").write_text(text.replace("  - base-zero-shot\n", ""), "utf-8")
    output = clone.run("dvc", "repro").stdout
    assert {"plan", "report"} <= stages_run(output)
    assert "removed data/generations/base-zero-shot.jsonl: of no system of this run" in output
    assert UP_TO_DATE in clone.run("dvc", "status").stdout
    commit_all(clone, "without a system")
    clone.run("dvc", "push")

    other = Clone(tmp_path / "other", tmp_path / "rows")
    clone.run("git", "clone", "--quiet", str(clone.folder), str(other.folder))
    other.run("dvc", "pull")
    assert UP_TO_DATE in other.run("dvc", "status").stdout
    # The README's figures, those of the record, are of another run.
    assert links(other)["README"] == "not checked"
    assert "broken" not in links(other).values()
    other.run("python", "-m", "urial", "export", str(tmp_path / "crate"))
    assert "broken" not in links(other, str(tmp_path / "crate")).values()

    # A system of before, as an applied experiment leaves one: the next run of the report has the same lock.
    lock = (clone.folder / "dvc.lock").read_bytes()
    shutil.copy(computed_clone.folder / "data/generations/base-zero-shot.jsonl", clone.folder / "data/generations")
    assert stages_run(clone.run("dvc", "repro").stdout) == {"report"}
    assert (clone.folder / "dvc.lock").read_bytes() == lock


def links(clone: Clone, *folder: str) -> dict[str, str]:
    """The status of each link of a run by its name."""
    printed = clone.run("python", "-m", "urial", "verify", *folder, "--json").stdout
    return {link["name"]: link["status"] for link in json.loads(printed)["links"]}
