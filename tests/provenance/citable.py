"""A toy run with a report and a CITATION.cff: what a citation is made of."""

import shutil
from pathlib import Path

from tests.clones import ROOT, Clone
from tests.provenance.toy import FILES, commit, make_toy
from tests.report.conftest import small_run
from urial.core.store import indented
from urial.report.build import build_report

REPORT = "data/report/report.json"
CHANGES = {
    "dvc.yaml": FILES["dvc.yaml"].replace("data/report.txt", REPORT),
    "make.py": FILES["make.py"].replace(', "report.txt"', "")
    + 'Path("data/report").mkdir(exist_ok=True)\nPath("data/report/report.json").write_text(Path("template.json").read_text())\n',
    "template.json": f"{indented(build_report(small_run()).model_dump(mode='json'))}\n",
    "CITATION.cff": (ROOT / "CITATION.cff").read_text("utf-8"),
}


def make_citable(folder: Path) -> Clone:
    """The run, with a DVC remote that has all of it, and a bare git remote that has its branch."""
    made = make_toy(folder, CHANGES)
    made.run("dvc", "remote", "add", "--default", "store", str(folder / "store"))
    made.run("dvc", "push")
    commit(made, "remote")
    made.run("git", "init", "--quiet", "--bare", str(folder / "bare.git"))
    made.run("git", "remote", "add", "origin", str(folder / "bare.git"))
    made.run("git", "push", "--quiet", "origin", "main")
    return made


def copied(run: Clone, folder: Path) -> Clone:
    """The run again with its remotes, which stay where they are, to be changed."""
    shutil.copytree(run.folder, folder / "copy", symlinks=True)
    return Clone(folder / "copy", run.cache)
