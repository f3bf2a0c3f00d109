"""A value of another revision is traced there; the work tree stays as it is."""

import json
import shutil

import pytest

from tests.cli.commands import invoke
from tests.clones import Clone, commit_all


def test_a_revision_is_traced_with_its_own_rows(
    record_clone: Clone, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("revisions") / "clone"
    shutil.copytree(record_clone.folder, folder, symlinks=True)
    clone = Clone(folder, record_clone.cache)
    commit = clone.run("git", "rev-parse", "HEAD").stdout.strip()
    (folder / "data/report/report.json").write_text("{}\n", "utf-8")
    commit_all(clone, "a broken report")
    shutil.rmtree(folder / "data/judgments")
    monkeypatch.chdir(folder)
    # The work tree has neither report nor rows; git status is asked before and after.
    before = clone.run("git", "status", "--porcelain").stdout
    for pointer in ("systems.base-urial.helpfulness", "token_shift.base-urial.kl", "judge.kind"):
        result = invoke("trace", pointer, "--rev", commit[:12], "--json")
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        assert (found["run"]["commit"], found["run"]["dirty"], found["run"]["experiment"]) == (commit, [], None)
        assert found["run"]["report_edited"] is False
    assert clone.run("git", "status", "--porcelain").stdout == before
    assert not (folder / "data/judgments").exists()


def test_an_unknown_revision_says_so(record_clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(record_clone.folder)
    result = invoke("trace", "seed", "--rev", "nothing")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: 'nothing': no such branch, tag, commit or DVC experiment\n")


def test_the_record_has_environments_and_its_stages(record_clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(record_clone.folder)
    found = json.loads(invoke("trace", "systems.base-urial.helpfulness", "--json").stdout)
    stages = {item["stage"]["name"]: item for item in found["stages"]}
    assert set(stages) == {
        "plan", "instructions", "models", "assemble@base-urial", "generate@base-urial", "judge@base-urial", "report",
    }  # fmt: skip
    assert all("torch" in item["environment"]["packages"] for item in stages.values())
    assert [out["path"] for out in stages["judge@base-urial"]["stage"]["outs"]] == [
        "data/environment/judge/base-urial.json", "data/judgments/base-urial.jsonl",
    ]  # fmt: skip
