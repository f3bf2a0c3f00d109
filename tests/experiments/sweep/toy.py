"""A project whose pipeline is one stage of a moment, and whose models are tiny: what a sweep does with it, it does with any."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from dvc.utils.serialize import modify_yaml

from tests.clones import ROOT, Clone, commit_all
from tests.tiny_models import save_folder, tiny_model

# Waits where params.yaml says so until it may go on, fails likewise, and else reports which checkpoint it was given.
STAGE = """\
import json, time
from pathlib import Path
from ruamel.yaml import YAML

params = YAML(typ="safe").load(Path("params.yaml"))
seed = params["report"]["seed"]
Path("started").touch()
if seed == 13:
    raise SystemExit("this one fails")
while seed == 60 and not Path("weights/go").exists():
    time.sleep(0.05)
study = params["studies"][params["run"]["study"]]
Path("data/report").mkdir(parents=True, exist_ok=True)
Path("data/report/report.json").write_text(json.dumps({"base": study["base"], "systems": [*params["systems"]]}))
Path("data/big.txt").write_text(json.dumps(study))
"""
PIPELINE = """\
stages:
  report:
    cmd: python stage.py
    params:
      - params.yaml:
    deps:
      - stage.py
      - prompts
    outs:
      - data/big.txt
      - data/report/report.json:
          cache: false
"""
SYSTEMS = ("aligned", "base-zero-shot", "base-urial")
STEPS = (100, 200, 300)


def make_project(folder: Path, below: str = "") -> Clone:
    """The project under git and DVC, in a folder ``below`` of its repository, with three checkpoints beside it."""
    clone = Clone(folder / "clone" / below, folder / "rows")
    clone.folder.mkdir(parents=True)
    make_checkpoints(clone.folder / "weights", STEPS)
    for name in ("prompts/microworld", "instructions"):
        shutil.copytree(ROOT / name, clone.folder / name)
    for name, text in (
        ("stage.py", STAGE),
        ("dvc.yaml", PIPELINE),
        (".gitignore", "/weights/\n/started\n/real-study\n"),
    ):
        (clone.folder / name).write_text(text, "utf-8")
    shutil.copy2(ROOT / "params.yaml", clone.folder)
    with modify_yaml(clone.folder / "params.yaml") as params:
        params["run"] |= {"study": "own", "limit": 2, "threads": 1, "judge": None}
        params["systems"] = {name: params["systems"][name] for name in SYSTEMS}
        params["studies"] = {
            "own": {
                "kind": "models",
                "base": {"folder": f"weights/step-{STEPS[-1]}"},
                "max_new_tokens": 4,
                "instructions": "everyday",
                "prompts": "microworld",
                "checkpoints": {"folder": "weights"},
            },
            "other": {"kind": "models", "base": {"folder": "weights/step-100"}, "max_new_tokens": 4, "prompts": "microworld",
                      "instructions": "everyday"},
        }  # fmt: skip
    top = folder / "clone"
    for command in (
        ("git", "init", "-q"),
        ("git", "config", "user.name", "test"),
        ("git", "config", "user.email", "t@t"),
    ):
        Clone(top, clone.cache).run(*command)
    clone.run("dvc", "init", "-q", *(["--subdir"] if below else []))
    commit_all(clone, "project")
    return clone


def make_checkpoints(folder: Path, steps: Iterable[int]) -> None:
    """Tiny models in folders step-N."""
    for step in steps:
        save_folder(folder / f"step-{step}", tiny_model("llama", seed=step))
        (folder / f"step-{step}/manifest.json").unlink()


def set_seed(clone: Clone, seed: int) -> None:
    """Which the stage goes by: 13 fails, 60 waits. In a commit, so that it is no change of the work tree."""
    with modify_yaml(clone.folder / "params.yaml") as params:
        params["report"]["seed"] = seed
    commit_all(clone, f"seed {seed}")


def damage(clone: Clone, step: int) -> bytes:
    """Spoil a checkpoint's weights; returns what they were."""
    path = clone.folder / f"weights/step-{step}/model.safetensors"
    before = path.read_bytes()
    path.write_bytes(before[: len(before) // 2])
    return before


def reported(clone: Clone, experiment: str) -> dict[str, object]:
    """What the stage of an experiment wrote."""
    prefix = clone.run("git", "rev-parse", "--show-prefix").stdout.strip()
    ref = next(ref for ref in refs(clone) if ref.endswith(f"/{experiment}"))
    found: dict[str, object] = json.loads(clone.run("git", "show", f"{ref}:{prefix}data/report/report.json").stdout)
    return found


def refs(clone: Clone) -> list[str]:
    return clone.run("git", "for-each-ref", "--format=%(refname)").stdout.split()


def names(clone: Clone) -> list[str]:
    """The experiments that there are."""
    return sorted(ref.rpartition("/")[2] for ref in refs(clone) if ref.startswith("refs/exps/"))


def state(clone: Clone) -> list[str]:
    """What a sweep must leave as it is in the repository."""
    commands = (
        ("git", "status", "--porcelain"), ("git", "rev-parse", "HEAD"), ("git", "symbolic-ref", "HEAD"), ("git", "stash", "list"),
        ("git", "diff", "HEAD"), ("git", "diff", "--cached"), ("git", "config", "--list", "--local"), ("git", "worktree", "list"),
    )  # fmt: skip
    return [clone.run(*command).stdout for command in commands]
