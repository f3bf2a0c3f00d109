"""A run as a folder: the work tree, or a revision checked out into a temporary folder."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from urial.errors import UrialError
from urial.provenance import git as facts
from urial.provenance.lock import read_lock


@dataclass(frozen=True)
class RunFolder:
    """A run, laid out as this repository."""

    path: Path
    # Full hash; None outside of git, and before the first commit.
    commit: str | None
    # Name of the DVC experiment that the commit is, if it is one.
    experiment: str | None
    # Changed and untracked files of the work tree; () for a revision, which is checked out as it is.
    dirty: tuple[str, ...]


@contextmanager
def run_folder(
    revision: str | None = None, *, root: Path = Path(), needs: Sequence[str] | None = None
) -> Iterator[RunFolder]:
    """The work tree (None), or a git revision or DVC experiment in a temporary folder with the DVC outputs it needs.

    ``needs`` are paths of outputs, of files inside them or of folders around them; None: all outputs. They come out of the
    repository's DVC cache, and what is not there out of the revision's DVC remotes. The repository's work tree, index,
    refs and list of work trees stay as they are. Raises UrialError for a revision that is not there, has not run, or has
    outputs that are nowhere.
    """
    if not (root / "dvc.yaml").is_file():
        raise UrialError(f"{root}: no run: it has no dvc.yaml", fix="go to the top folder of the project")
    tracked = facts.in_repository(root)
    if revision is None:
        yield _work_tree(root, tracked)
        return
    if not tracked:
        raise UrialError(
            f"{root}: not under git, so it has no revision {revision!r}", fix="go to a clone of the project"
        )
    commit = facts.commit_of(revision, root)
    with tempfile.TemporaryDirectory(prefix="urial-run-") as temporary:
        # DVC stores paths relative to real ones.
        scratch = Path(temporary).resolve()
        folder = _check_out(commit, root, scratch / "run")
        if not (folder / "dvc.yaml").is_file():
            raise UrialError(f"{revision}: no run: it has no dvc.yaml", fix="name a later revision")
        bring_outputs(folder, root, needs, revision)
        found = facts.experiment_of(commit, root)
        yield RunFolder(folder, commit, found.name if found else None, ())


def _work_tree(root: Path, tracked: bool) -> RunFolder:
    commit = facts.head_of(root) if tracked else None
    found = facts.experiment_of(commit, root) if commit else None
    return RunFolder(root, commit, found.name if found else None, facts.dirty_files(root) if tracked else ())


def _check_out(commit: str, root: Path, target: Path) -> Path:
    """The commit's files in a repository of its own, which reads the objects of the first one.

    A linked work tree would leave a trace in the repository when this process is killed, and would run its hooks.
    """
    own, objects, shallow = facts.git(
        root, "rev-parse", "--path-format=absolute", "--show-object-format", "--git-path", "objects", "--git-path", "shallow"
    ).splitlines()  # fmt: skip
    prefix = facts.git(root, "rev-parse", "--show-prefix").removesuffix("\n")
    target.mkdir()
    facts.git(target, "init", "--quiet", "--template=", f"--object-format={own}")
    # git reads a path in quotes as a string of C.
    quoted = objects.replace("\\", "\\\\").replace('"', '\\"')
    (target / ".git/objects/info").mkdir(exist_ok=True)
    (target / ".git/objects/info/alternates").write_text(f'"{quoted}"\n', "utf-8", "surrogateescape")
    if Path(shallow).is_file():
        (target / ".git/shallow").write_bytes(Path(shallow).read_bytes())
    facts.git(target, "checkout", "--quiet", "--detach", commit)
    return target / prefix


def bring_outputs(folder: Path, root: Path, needs: Sequence[str] | None, revision: str) -> None:
    """Put a checked-out revision's DVC outputs in their places. Raises UrialError for those that are nowhere."""
    targets = _targets(folder, needs, revision)
    if not targets:
        return
    _configure(folder, root)
    if _dvc(folder, "checkout", *targets).returncode == 0:
        return
    pulled = _dvc(folder, "pull", *targets)
    if pulled.returncode:
        said = [line for line in (pulled.stdout + pulled.stderr).splitlines() if line.startswith("ERROR")]
        detail = " ".join(said[-1:]).removeprefix("ERROR: ")
        raise UrialError(
            f"{revision}: outputs are neither in the DVC cache nor in a remote: {detail or pulled.stderr.strip()}",
            fix="run `dvc push` where the revision was computed, or `git checkout` it and `dvc repro` here",
        )


def _targets(folder: Path, needs: Sequence[str] | None, revision: str) -> list[str]:
    """What to ask DVC for: the outputs that git does not have."""
    if needs is not None and all((folder / need).is_file() for need in needs):
        return []
    lock = folder / "dvc.lock"
    outputs = [out.path for stage in read_lock(lock).values() for out in stage.outs] if lock.is_file() else []
    if needs is None:
        return [output for output in outputs if not (folder / output).exists()]
    targets: list[str] = []
    for need in needs:
        path = PurePosixPath(need)
        below = [output for output in outputs if PurePosixPath(output).is_relative_to(path)]
        inside = [need] if any(path.is_relative_to(output) for output in outputs) else []
        if not (below or inside or (folder / need).exists()):
            raise UrialError(f"{revision}: has no {need}: it is no output in dvc.lock", fix="name a later revision")
        targets += [target for target in below or inside if not (folder / target).exists()]
    return list(dict.fromkeys(targets))


def _configure(folder: Path, root: Path) -> None:
    """Give a checked-out revision the cache and the local settings, such as credentials, of the repository."""
    from dvc.config import Config, ConfigError, merge

    if not (folder / ".dvc").is_dir():
        raise UrialError(
            f"{root}: the revision has no .dvc, so its outputs cannot be found", fix="name a later revision"
        )
    try:
        ours = Config(root / ".dvc")
        with Config(folder / ".dvc").edit("local") as local:
            merge(local, ours.load_one("local"))
            local["cache"]["dir"] = ours["cache"].get("dir", str((root / ".dvc/cache").resolve()))
    except ConfigError as error:
        raise UrialError(f"{root / '.dvc'}: {error}", fix="correct the configuration of DVC") from error
    (folder / ".dvc/config.local").chmod(0o600)


def _dvc(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The same DVC as this Python's; what it notes about a repository goes when the folder goes.
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "dvc", arguments[0], "--quiet", *(["--"] if len(arguments) > 1 else []), *arguments[1:]],
        cwd=folder,
        env={**facts.environment(), "DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site"), "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
