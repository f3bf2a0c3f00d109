"""Experiments of a real run, pushed to a bare git remote and a group's DVC remote, and cited, compared and restored from there."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.clones import Clone
from tests.provenance.finished import copied
from tests.provenance.grouped import add_remote

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
REPORT = "data/report/report.json"
# One prompt each: in a temporary folder, out of the queue, and in the work tree.
PROMPTS = {"none": "urial-k0", "one": "urial-k1", "others": "urial-k3-b"}


@dataclass(frozen=True)
class Shared:
    """Where the experiments were run, and a clone that pulled them."""

    origin: Clone
    bare: Path
    pulled: Clone


@pytest.fixture(scope="module")
def shared(finished_run: Clone, tmp_path_factory: pytest.TempPathFactory) -> Shared:
    """Three experiments, pushed and pulled."""
    folder = tmp_path_factory.mktemp("experiments")
    origin, bare, pulled = copied(finished_run, folder), folder / "bare.git", Clone(folder / "pulled", folder / "rows")
    origin.run("git", "init", "--quiet", "--bare", str(bare))
    for command in (
        ("git", "config", "user.name", "test"),
        ("git", "config", "user.email", "test@localhost"),
        ("git", "branch", "--move", "main"),
        ("git", "remote", "add", "origin", str(bare)),
    ):
        origin.run(*command)
    add_remote(origin, folder / "group")
    # The bundled remote has the run of record, of which this run is only made.
    origin.run("dvc", "push")
    run_experiment(origin, "none", "--temp")
    run_experiment(origin, "one", "--queue")
    origin.run("dvc", "exp", "run", "--run-all")
    run_experiment(origin, "others")
    origin.run("git", "push", "--quiet", "origin", "main")
    origin.run("dvc", "exp", "push", "origin", *PROMPTS)
    origin.run("git", "clone", "--quiet", "--branch", "main", str(bare), str(pulled.folder))
    add_remote(pulled, folder / "group")
    pulled.run("dvc", "exp", "pull", "origin", *PROMPTS)
    return Shared(origin, bare, pulled)


def run_experiment(clone: Clone, name: str, *options: str) -> None:
    clone.run("dvc", "exp", "run", "--name", name, "-S", f"systems.base-urial.prompt={PROMPTS[name]}", *options)


def commit_of(shared: Shared, name: str) -> str:
    found = shared.origin.run("git", "for-each-ref", "--format=%(objectname)", f"refs/exps/**/{name}").stdout.split()
    (commit,) = found
    return commit


def report_of(shared: Shared, name: str) -> bytes:
    """The report as the experiment wrote it."""
    show = ("git", "show", f"{commit_of(shared, name)}:{REPORT}")
    return subprocess.run(show, cwd=shared.origin.folder, capture_output=True, check=True).stdout


def asked(clone: Clone, *command: str) -> Any:
    done = subprocess.run(command, cwd=clone.folder, env=clone.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", PROMPTS)
def test_a_citation_s_commands_restore_its_numbers(shared: Shared, tmp_path: Path, name: str) -> None:
    citation = asked(shared.pulled, "urial", "cite", "--rev", name, "--format", "json")
    commit = commit_of(shared, name)
    assert (citation["commit"], citation["experiment"], citation["url"]) == (commit, name, str(shared.bare))
    assert citation["identifier"].startswith(f"urial {commit} (experiment {name}) lock sha256:")
    assert citation["caveats"] == []
    baseline = shared.origin.run("git", "rev-parse", "main").stdout.strip()
    ref = f"refs/exps/{baseline[:2]}/{baseline[2:]}/{name}"
    folder = f"urial-{commit[:12]}"
    assert citation["restore"] == [
        f"git clone --no-checkout {shared.bare} {folder}",
        f"cd {folder}",
        f"git fetch origin {ref}:{ref}",
        f"git checkout --detach {commit}",
        f"dvc remote add --local group {shared.bare.parent}/group",
        "dvc pull --remote group",
        "urial verify",
    ]
    restored = Clone(tmp_path, tmp_path / "rows")
    restored.run("bash", "-e", "-c", "\n".join(citation["restore"]))
    assert (tmp_path / folder / REPORT).read_bytes() == report_of(shared, name)
    assert_cited(citation, json.loads(report_of(shared, name)))
    again = asked(Clone(tmp_path / folder, tmp_path / "rows"), "urial", "cite", "--format", "json")
    # The remotes of the restored clone are the same.
    assert again == citation


def assert_cited(citation: Mapping[str, Any], report: Mapping[str, Any]) -> None:
    assert citation["systems"] == report["systems"]
    assert citation["token_shift"] == report["token_shift"]


def test_experiments_that_were_pulled_are_compared_as_where_they_ran(shared: Shared) -> None:
    command = ("urial", "compare", "main", *PROMPTS, "--json", "--resamples", "100")
    found = asked(shared.pulled, *command)
    assert found == asked(shared.origin, *command)
    assert [run["experiment"] for run in found["runs"]] == [None, *PROMPTS]
    for inputs, (name, prompt) in zip(found["inputs"], PROMPTS.items(), strict=True):
        kinds = {item["kind"]: item for item in inputs["differences"]}
        assert (inputs["run"], inputs["unknown"], set(kinds)) == (name, [], {"parameters", "prompts"})
        assert kinds["parameters"]["key"] == "systems.base-urial.prompt"
        assert (kinds["parameters"]["first"], kinds["parameters"]["here"]) == ('"urial-k3"', f'"{prompt}"')
        assert kinds["prompts"]["here"].startswith(f"microworld/{prompt} sha256:")
        assert_figures(found, name, json.loads(report_of(shared, name)))


def assert_figures(found: Mapping[str, Any], run: str, report: Mapping[str, Any]) -> None:
    """Means are those of the report, and differences of means are paired over all instructions."""
    for system in found["systems"]:
        name = system["system"]
        assert system["figures"][run]["average"] == report["systems"][name]["average"]
        for item in system["differences"][run]:
            means = {name: figures[item["aspect"]]["mean"] for name, figures in system["figures"].items()}
            assert item["mean"] == pytest.approx(means[run] - means["main"])
            assert item["n"] == {"safety": 28, "average": 104}.get(item["aspect"], 76)
            assert (item["mean"] == 0) or name == "base-urial"
    for context in found["token_shift"]:
        change = context["changes"][run]
        counts = [change[key] for key in ("paired", "same", "different", "only_first", "only_here")]
        assert counts == [True, 104, 0, 0, 0]
        moved = change["unshifted"]["mean"]
        assert (moved == 0) == (context["context"] == "base-zero-shot")
        shares = [context["figures"][name]["unshifted"]["mean"] for name in ("main", run)]
        assert moved == pytest.approx(shares[1] - shares[0])


def test_a_workspace_experiment_is_named_where_it_ran(shared: Shared) -> None:
    done = shared.origin.run("urial", "cite", "--format", "bibtex").stdout
    assert "cite the experiment that is the same: urial cite --rev others" in done
    found = asked(shared.origin, "urial", "compare", "others", ".", "--json", "--resamples", "100")
    assert found["inputs"] == [{"run": ".", "differences": [], "unknown": []}]
