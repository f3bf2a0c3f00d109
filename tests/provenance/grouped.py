"""A small run as this project's: its artifacts in a bundled remote, and an experiment pushed to a remote of a group."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from tests.clones import ROOT, Clone
from tests.provenance.toy import commit, experiment, make_toy
from tests.provenance.written import write_run
from tests.report.conftest import ALIGNED_SCORES, make_system, small_run

OUTPUTS = (
    "data/plan", "data/models", "data/instructions.jsonl", "data/prompts", "data/generations", "data/judgments",
    "data/token_shift",
)  # fmt: skip
REPORT = "data/report/report.json"
CHANGES = {
    "dvc.yaml": "stages:\n  make:\n    cmd: python make.py\n    params: [value]\n    deps: [make.py, results]\n    outs:\n"
    + "".join(f"      - {path}\n" for path in OUTPUTS)
    + f"      - {REPORT}:\n          cache: false\n",
    "make.py": """\
import shutil
from pathlib import Path

value = Path("params.yaml").read_text().split()[1]
shutil.copytree(Path("results", value, "data"), "data", dirs_exist_ok=True)
""",
    "data/.gitignore": "".join(f"{path.removeprefix('data')}\n" for path in OUTPUTS),
    "CITATION.cff": (ROOT / "CITATION.cff").read_text("utf-8"),
}


@dataclass(frozen=True)
class Group:
    """Where a run and its experiment var-a were made, a clone that pulled it, and the folder of the group's remote."""

    first: Clone
    second: Clone
    store: Path


def make_group(folder: Path) -> Group:
    """Everything as docs/remotes.md says."""
    store, bare = folder / "group", folder / "bare.git"
    write_results(folder / "toy/results")
    first = make_toy(folder, CHANGES)
    first.run("dvc", "remote", "add", "--default", "bundled", "remote")
    first.run("dvc", "push")
    commit(first, "bundled remote")
    first.run("git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    first.run("git", "remote", "add", "hub", str(bare))
    first.run("git", "push", "--quiet", "hub", "main")
    add_remote(first, store)
    experiment(first, "var-a", 2, "--temp")
    first.run("dvc", "exp", "push", "hub", "var-a")
    first.run("git", "clone", "--quiet", str(bare), str(folder / "second"))
    second = Clone(folder / "second", folder / "rows")
    add_remote(second, store)
    second.run("dvc", "exp", "pull", "origin", "var-a")
    return Group(first, second, store)


def add_remote(clone: Clone, store: Path) -> None:
    """The command of docs/remotes.md."""
    clone.run("dvc", "remote", "add", "--local", "--default", "group", str(store))


def write_results(folder: Path) -> None:
    """What the run writes for each value: the second has other scores."""
    run = small_run()
    texts = {row.instruction_id: "two words" for row in run.systems["aligned"].completions}
    other = make_system("aligned", run.instructions, texts, {**ALIGNED_SCORES, "r2": 5})
    for value, found in {"1": run, "2": replace(run, systems={**run.systems, "aligned": other})}.items():
        write_run(found, folder / value)
        for name in ("dvc.yaml", "dvc.lock"):
            (folder / value / name).unlink()


def emptied(clone: Clone) -> Clone:
    """The clone without its DVC cache, as before any pull."""
    shutil.rmtree(clone.folder / ".dvc/cache", ignore_errors=True)
    return clone
