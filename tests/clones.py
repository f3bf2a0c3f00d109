"""A temporary clone of the project in which the real pipeline runs on a pair trained for seconds."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.forked import run_dvc

ROOT = Path(__file__).parents[1]
SMALL = (
    (
        "embedded: {kind: microworld, seed: 0}",
        "embedded: {kind: microworld, seed: 0, documents: 150, chats: 24}",
    ),
    ("max_new_tokens:     ", "max_new_tokens: 24  "),
    ("limit:     ", "limit: 70  "),
    ("resamples: 2000", "resamples: 200"),
    ("  - aligned\n  - base-zero-shot\n  - base-urial\n  tokens:\n", "  - aligned\n  tokens:\n"),
    ("  - 5\n  - 10\n  - 20\n  - 40\n", "  - 5\n"),
)
LEFT_OUT = (
    "base-vanilla-icl",
    "base-retrieval-icl",
    "base-urial-k3-b",
    "base-urial-k0",
    "base-urial-k1",
    "base-urial-k8",
)
SYSTEMS = ("aligned", "base-zero-shot", "base-urial")
CONTEXTS = ("base-zero-shot", "base-urial")
BLENDS = ("nudged",)
ALL_STAGES = (
    {"plan", "models", "instructions", "microworld_answers", "report"}
    | {f"{stage}@{system}" for stage in ("assemble", "generate", "judge") for system in SYSTEMS}
    | {f"token_shift@{context}" for context in CONTEXTS}
    | {f"given_shift@{name}" for name in ("base-answers", "compliance", "refusal")}
    | {f"{stage}@{blend}" for stage in ("blend", "judge_blend") for blend in BLENDS}
    | {"safety_depth@aligned", "judge_safety_depth@aligned"}
    # They are compared with `aligned`, too.
    | {f"preferences@{context}" for context in CONTEXTS}
)


@dataclass(frozen=True)
class Clone:
    """A clone, its own row cache, and commands run in it."""

    folder: Path
    cache: Path

    @classmethod
    def below(cls, folder: Path) -> "Clone":
        """Where copy_project puts a clone below a folder."""
        return cls(folder / "clone", folder / "rows")

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command; its output, both streams together, is on stdout; of JSON that stream alone, beside which waits are told."""
        if command[0] == "dvc":
            done = run_dvc(command, self.folder, self.environment)
        else:
            done = subprocess.run(
                command, cwd=self.folder, env=self.environment, text=True, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE if "--json" in command else subprocess.STDOUT,
            )  # fmt: skip
        if check:
            assert done.returncode == 0, f"{done.stdout}{done.stderr or ''}"
        return done

    @property
    def environment(self) -> dict[str, str]:
        """The process environment with this Python first, the clone's row cache, and no hub."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "URIAL_CACHE_DIR": str(self.cache), "HF_HUB_OFFLINE": "1"}

    def edit(self, old: str, new: str, file: str = "params.yaml") -> None:
        """Replace text that must be there."""
        path = self.folder / file
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    def outputs(self) -> dict[str, bytes]:
        """Every file under data/, by its path."""
        files = sorted(path for path in (self.folder / "data").rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}


def copy_project(folder: Path) -> Clone:
    """A copy of the files that git knows or would take, not yet under git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    clone = Clone.below(folder)
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            target = clone.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target)
    return clone


def make_clone(folder: Path) -> Clone:
    """A committed copy of the project with small parameters."""
    clone = copy_project(folder)
    for old, new in SMALL:
        clone.edit(old, new)
    for name in LEFT_OUT:
        (system,) = re.findall(rf"^  {name}:.*\n(?:    .*\n)+", (clone.folder / "params.yaml").read_text("utf-8"), re.M)
        clone.edit(system, "")
    clone.run("git", "init", "--quiet")
    commit_all(clone, "clone")
    return clone


def commit_all(clone: Clone, message: str) -> None:
    """Commit every file that git does not ignore."""
    clone.run("git", "add", "--all")
    clone.run("git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", message)


def make_computed_clone(folder: Path) -> Clone:
    """A clone in which everything has been computed once, and committed."""
    clone = make_clone(folder)
    output = clone.run("dvc", "repro").stdout
    assert stages_run(output) == ALL_STAGES
    commit_all(clone, "run")
    return clone


def stages_run(output: str) -> set[str]:
    """Names of the stages that DVC says it ran."""
    lines = [line for line in output.splitlines() if line.startswith("Running stage '")]
    return {line.split("'")[1] for line in lines}
