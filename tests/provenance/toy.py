"""A small run under git and DVC: one stage that takes no time, and experiments on it."""

from collections.abc import Mapping
from pathlib import Path

from tests.clones import Clone

FILES = {
    "dvc.yaml": """\
stages:
  make:
    cmd: python make.py
    params: [value]
    deps: [make.py]
    outs:
      - data/folder
      - data/one.txt
      - data/report.txt:
          cache: false
""",
    "params.yaml": "value: 1\n",
    "make.py": """\
from pathlib import Path

value = Path("params.yaml").read_text().split()[1]
if value == "bad":
    raise SystemExit("a bad value")
Path("data/folder").mkdir(parents=True, exist_ok=True)
for name in ("folder/a.txt", "folder/b.txt", "one.txt", "report.txt"):
    Path("data", name).write_text(f"{name} of {value}\\n")
""",
    ".dvc/config": "[core]\n    analytics = false\n    check_update = false\n",
    ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
    ".dvcignore": "",
    "data/.gitignore": "/folder\n/one.txt\n",
}


def make_toy(folder: Path, changes: Mapping[str, str] | None = None) -> Clone:
    """A committed toy run, with other or more files by path, computed once."""
    toy = Clone(folder / "toy", folder / "rows")
    for name, text in {**FILES, **(changes or {})}.items():
        (toy.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (toy.folder / name).write_text(text, "utf-8")
    toy.run("git", "init", "--quiet", "--initial-branch=main")
    # DVC makes the commits of experiments, and asks git whose they are.
    toy.run("git", "config", "user.name", "test")
    toy.run("git", "config", "user.email", "test@localhost")
    toy.run("dvc", "repro")
    commit(toy, "run")
    return toy


def commit(toy: Clone, message: str) -> str:
    """Commit everything; the commit's hash."""
    toy.run("git", "add", "--all")
    toy.run("git", "commit", "--quiet", "--allow-empty", "-m", message)
    return head(toy)


def head(toy: Clone, revision: str = "HEAD") -> str:
    """Hash of a revision."""
    return toy.run("git", "rev-parse", revision).stdout.strip()


def experiment(toy: Clone, name: str, value: object, *options: str) -> None:
    """Run, or queue, an experiment that changes the value."""
    toy.run("dvc", "exp", "run", "--name", name, "--set-param", f"value={value}", *options)
