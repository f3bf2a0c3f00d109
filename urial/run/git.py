"""Facts from git, by its own command."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError, did_you_mean, shorten

EXPERIMENTS = "refs/exps"
# Where DVC keeps experiments that wait, and that failed: reflog entries "commit: dvc-exp:HEAD:BASELINE:NAME[:BRANCH]".
QUEUED, FAILED = f"{EXPERIMENTS}/celery/stash", f"{EXPERIMENTS}/celery/failed"
_EXPERIMENT = re.compile(rf"{EXPERIMENTS}/([0-9a-f]{{2}})/([0-9a-f]{{38}}(?:[0-9a-f]{{24}})?)/([^/]+)")
_WAITING = re.compile(r"(?:commit: )?dvc-exp:[0-9a-f]+:[0-9a-f]+:([^:]+)")
# With which git refuses another user's repository.
_TRUST = re.compile(r"^\s*(git config --global --add safe\.directory .+)$", re.MULTILINE)
# What ties a git command to another repository than the one of its folder, as inside a hook.
_ELSEWHERE = (
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)  # fmt: skip
# No program that a configuration names is wanted, nor a folder of data that looks like a repository.
_SAFE = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "-c", "safe.bareRepository=explicit")


@dataclass(frozen=True)
class Experiment:
    """A DVC experiment that has run: a commit under a ref of its own."""

    name: str
    commit: str
    # The commit that it was started from.
    baseline: str
    ref: str


def environment() -> dict[str, str]:
    """The process environment for a command that works on the repository of its folder, in English, and asks nothing."""
    kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
    return {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def git(root: Path, *arguments: str) -> str:
    """What ``git ARGUMENTS`` prints in ``root``. Raises UrialError with git's own message."""
    done = _run(root, *arguments)
    if done.returncode:
        said = _text(done.stderr).strip() or f"exit code {done.returncode}"
        raise UrialError(f"git {arguments[0]} failed: {said}", where=str(root))
    return _text(done.stdout)


def git_bytes(root: Path, *arguments: str) -> bytes | None:
    """The same to the byte; None where git fails or is not installed."""
    done = _run(root, *arguments) if is_installed() else None
    return done.stdout if done and done.returncode == 0 else None


def is_installed() -> bool:
    """Whether there is a git to ask."""
    return shutil.which("git") is not None


def top_of(folder: Path) -> Path | None:
    """The work tree that a folder is in; None outside of any. git is not asked: a configuration can name programs."""
    real = folder.resolve()
    return next((place for place in (real, *real.parents) if os.path.lexists(place / ".git")), None)


def in_repository(root: Path) -> bool:
    """Whether git tracks the run in this folder: a run copied into some repository's ignored folder is not its own.

    Raises UrialError with git's own message where git refuses the repository, because it is another user's.
    """
    done = _run(root, "ls-files", "--error-unmatch", "--", "dvc.yaml")
    if done.returncode and (command := _TRUST.search(said := _text(done.stderr))):
        raise UrialError(said.splitlines()[0], where=str(root), fix=f"if you trust its owner: {command[1]}")
    return done.returncode == 0


def commit_of(revision: str, root: Path) -> str:
    """Full hash of the commit that a branch, tag, hash or DVC experiment names.

    A name of an experiment means the one of HEAD where several have it, as for DVC. Raises UrialError for a name that
    nothing has, that several things have, or of an experiment that has not run.
    """
    if not revision or revision.startswith("-") or not revision.isprintable():
        raise UrialError(f"{shorten(revision)}: not a revision", expected="a branch, tag, commit or DVC experiment")
    known = experiments(root)
    named = [item for item in known if item.name == revision]
    head = head_of(root) if len(named) > 1 else None
    commits = {item.commit for item in [item for item in named if item.baseline == head] or named}
    if direct := _resolve(revision, root):
        commits.add(direct)
    if len(commits) == 1:
        return commits.pop()
    if commits:
        listed = ", ".join(sorted(commit[:12] for commit in commits))
        raise UrialError(
            f"{shorten(revision)} names several commits: {listed}",
            fix="name the commit, or the ref whole: refs/heads/NAME, refs/exps/...",
        )
    for ref, problem, fix in (
        (QUEUED, "is queued and has not finished", "run `dvc queue start`, then `dvc queue status` until it has"),
        (FAILED, "failed", f"read `dvc queue logs {shlex.quote(revision)}`, then queue it again"),
    ):
        if revision in _waiting(ref, root):
            raise UrialError(f"the experiment {revision} {problem}", fix=fix)
    names = git(root, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads", "refs/tags").splitlines()
    raise UrialError(
        f"{shorten(revision)}: no such branch, tag, commit or DVC experiment",
        expected=did_you_mean(revision, [*names, *(item.name for item in known)]),
        fix="`git fetch` brings commits, `dvc exp pull REMOTE NAME` an experiment",
    )


def is_revision(name: str, root: Path) -> bool:
    """Whether a name is that of a branch, tag, commit or DVC experiment of the project in a folder."""
    try:
        return in_repository(root) and bool(commit_of(name, root))
    except UrialError:
        return False


def experiments(root: Path) -> list[Experiment]:
    """The DVC experiments that have run and are kept, by name."""
    lines = git(root, "for-each-ref", "--format=%(refname) %(objectname)", EXPERIMENTS).splitlines()
    refs = [(_EXPERIMENT.fullmatch(ref), commit) for ref, _, commit in (line.rpartition(" ") for line in lines)]
    kept = [Experiment(match[3], commit, match[1] + match[2], match[0]) for match, commit in refs if match]
    return sorted(kept, key=lambda experiment: (experiment.name, experiment.baseline))


def unfinished_experiments(root: Path) -> list[str]:
    """The DVC experiments that wait in its queue, or failed there, by name."""
    return sorted({*_waiting(QUEUED, root), *_waiting(FAILED, root)})


def experiment_of(commit: str, root: Path) -> Experiment | None:
    """The experiment that is this commit, the first by name where several are."""
    return next((item for item in experiments(root) if item.commit == commit), None)


def head_of(root: Path) -> str | None:
    """Hash of the commit that is checked out; None before the first commit."""
    return _resolve("HEAD", root)


def changed_files(root: Path) -> dict[str, bool]:
    """Paths that differ from HEAD, and untracked ones, relative to ``root``; by each, whether git tracks it."""
    entries = git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", ".").split("\0")
    prefix = git(root, "rev-parse", "--show-prefix").removesuffix("\n")
    return {entry[3:].removeprefix(prefix): not entry.startswith("??") for entry in entries if entry}


def same_files(commit: str, root: Path) -> bool:
    """Whether the work tree has exactly the files of a commit, untracked ones aside."""
    return _run(root, "diff", "--quiet", commit, "--").returncode == 0


def _waiting(ref: str, root: Path) -> list[str]:
    """The names of the experiments that DVC keeps under a ref of its queue."""
    entries = _text(_run(root, "reflog", "show", "--format=%gs", ref, "--").stdout).splitlines()
    return [match[1] for entry in entries if (match := _WAITING.match(entry))]


def same_paths(first: str, second: str, paths: Sequence[str], root: Path) -> bool:
    """Whether two commits or trees have the same files at and below some paths, which are relative to ``root``."""
    return _run(root, "diff", "--quiet", first, second, "--", *paths).returncode == 0


def tracked_tree(root: Path) -> str:
    """The tree of all tracked files as they are in the work tree now; index, files and stash stay as they are."""
    index = Path(git(root, "rev-parse", "--path-format=absolute", "--git-path", "index").removesuffix("\n"))
    with tempfile.TemporaryDirectory(prefix="urial-index-") as folder:
        copy = Path(folder) / "index"
        if index.is_file():
            shutil.copy2(index, copy)
        top = Path(git(root, "rev-parse", "--show-toplevel").removesuffix("\n"))
        for arguments in (("add", "--update", "--", "."), ("write-tree",)):
            done = _run(top, *arguments, GIT_INDEX_FILE=str(copy))
            if done.returncode:
                said = _text(done.stderr).strip() or f"exit code {done.returncode}"
                raise UrialError(f"git {arguments[0]} failed: {said}", where=str(root))
    return _text(done.stdout).strip()


def _run(root: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = shutil.which("git")
    if command is None:
        raise UrialError("git is not installed", fix="install git")
    if not root.is_dir():
        raise UrialError("no such folder", path=root, fix="check the path")
    # A list, never a shell.
    return subprocess.run(  # noqa: S603
        [command, *_SAFE, *arguments],
        cwd=root,
        env={**environment(), **variables},
        capture_output=True,
        check=False,
    )


def _text(data: bytes) -> str:
    # File names need not be UTF-8.
    return data.decode("utf-8", "surrogateescape")


def _resolve(revision: str, root: Path) -> str | None:
    done = _run(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    return _text(done.stdout).strip() if done.returncode == 0 else None
