"""A run as a folder: the work tree, or a revision checked out into a temporary folder, with the DVC outputs that it needs."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from urial.core.errors import UrialError, shorten
from urial.core.text import and_more, one_line
from urial.records.base import Hash, Record
from urial.run import git
from urial.run.changes import dirty_files
from urial.run.dvc_cache import DvcCache
from urial.run.files import misplaced
from urial.run.lockfile import LOCK, LockedFile, is_within, lock_digest
from urial.run.pipeline import PIPELINE, current_lock
from urial.run.project import root_of
from urial.run.remotes import lent_settings
from urial.run.running import require_nothing_running

# What commands call the run in the work tree, beside revisions.
WORK_TREE = (".", "workspace")
MAX_NAMED = 5


class RunState(Record):
    """Which state of the project a run is of."""

    commit: str | None = Field(description="full hash; null: the run is not under git, or has no commit yet")
    experiment: str | None = Field(description="name of the DVC experiment that the commit is, if it is one")
    dirty: tuple[str, ...] = Field(
        description="files of a work tree that decide the run and are not as in the commit; none in a revision"
    )
    lock: Hash | None = Field(description="content hash of dvc.lock; null: there is none")


@dataclass(frozen=True)
class RunFolder:
    """A run, laid out as this repository."""

    path: Path
    state: RunState


@contextmanager
def run_folder(
    revision: str | None = None, *, root: Path = Path(), needs: Sequence[str] | None = None
) -> Iterator[RunFolder]:
    """The work tree (None), or a git revision or DVC experiment in a temporary folder with the DVC outputs it needs.

    ``needs`` are paths of outputs, of files inside them or of folders around them; None: all outputs. They come out of the
    repository's DVC cache, and what is not there out of DVC remotes: the default one first, then every other one of the
    revision and of this clone. The repository's work tree, index, refs and list of work trees stay as they are. Raises
    UrialError for a revision that is not there, has not run, or has outputs that are nowhere.
    """
    _require_run(root)
    if revision is None:
        yield _work_tree(root, git.is_installed() and git.in_repository(root))
        return
    if not git.in_repository(root):
        raise UrialError(
            f"not under git, so it has no revision {revision!r}", path=root, fix="go to a clone of the project"
        )
    commit = git.commit_of(revision, root)
    with tempfile.TemporaryDirectory(prefix="urial-run-") as temporary:
        # DVC stores paths relative to real ones.
        folder = check_out(commit, root, Path(temporary).resolve() / "run")
        experiment = git.experiment_of(commit, root)
        if experiment:
            # So that what sees only the folder knows that it is an experiment.
            git.git(folder, "update-ref", experiment.ref, commit)
        if not (folder / PIPELINE).is_file():
            raise UrialError(f"{revision}: no run: it has no {PIPELINE}", fix="name a later revision")
        try:
            bring_outputs(folder, root, needs, revision)
            yield RunFolder(folder, _state(folder, commit, experiment, ()))
        except UrialError as error:
            # As git names the files of a revision: the folder is gone when the message is read.
            named = {}
            for part, place in (("path", error.path), ("where", error.where)):
                if place is not None and Path(place).is_relative_to(folder):
                    below = Path(place).relative_to(folder).as_posix()
                    named[part] = revision if below == "." else f"{revision}:{below}"
            raise error.but(**named) from error


def given_folder(root: Path) -> RunFolder:
    """The run in a folder that may be somebody else's, such as an exported one.

    git is asked about it only where it is of the work tree that this process is in: git obeys the configuration of the
    repository that it is asked about, which can name any program. Raises UrialError for a folder without a dvc.yaml.
    """
    _require_run(root)
    own, tracked = git.top_of(root), False
    if own is not None and own == git.top_of(Path()) and git.is_installed():
        with suppress(UrialError):  # A folder that somebody sent can be verified where git refuses it.
            tracked = git.in_repository(root)
    return _work_tree(root, tracked)


def _require_run(root: Path) -> None:
    if not (root / PIPELINE).is_file():
        if root == Path():
            root_of(root)
        raise UrialError(f"no run: it has no {PIPELINE}", path=root, fix="go to the top folder of the project")


def _work_tree(root: Path, tracked: bool) -> RunFolder:
    """The run as it lies there. Raises UrialError while DVC writes into it."""
    require_nothing_running(root)
    commit = git.head_of(root) if tracked else None
    experiment = git.experiment_of(commit, root) if commit else None
    return RunFolder(root, _state(root, commit, experiment, dirty_files(root) if tracked else ()))


def _state(folder: Path, commit: str | None, experiment: git.Experiment | None, dirty: tuple[str, ...]) -> RunState:
    lock = folder / LOCK
    digest = lock_digest(lock) if lock.is_file() else None
    return RunState(commit=commit, experiment=experiment.name if experiment else None, dirty=dirty, lock=digest)


def check_out(commit: str, root: Path, target: Path) -> Path:
    """The commit's files in a repository of its own, which reads the objects of the first one.

    A linked work tree would leave a trace in the repository when this process is killed, and would run its hooks.
    """
    own, objects, shallow = git.git(
        root, "rev-parse", "--path-format=absolute", "--show-object-format", "--git-path", "objects", "--git-path", "shallow"
    ).splitlines()  # fmt: skip
    prefix = git.git(root, "rev-parse", "--show-prefix").removesuffix("\n")
    target.mkdir()
    git.git(target, "init", "--quiet", "--template=", f"--object-format={own}")
    (target / ".git/objects/info").mkdir(exist_ok=True)
    # Not in quotes, which git knows and the libraries by which DVC reads a repository do not.
    (target / ".git/objects/info/alternates").write_text(f"{objects}\n", "utf-8", "surrogateescape")
    if Path(shallow).is_file():
        (target / ".git/shallow").write_bytes(Path(shallow).read_bytes())
    git.git(target, "checkout", "--quiet", "--detach", commit)
    folder = target / prefix
    if not folder.resolve().is_relative_to(target):
        raise UrialError(
            f"{commit[:12]}: {prefix} is a link that leads out of the repository", fix="name a revision without it"
        )
    return folder


def bring_outputs(
    folder: Path, root: Path, needs: Sequence[str] | None, revision: str, optional: Sequence[str] = ()
) -> None:
    """Put a checked-out revision's DVC outputs in their places. Raises UrialError for those that are nowhere.

    ``root`` is the repository whose DVC cache and settings are used; for ``needs`` see run_folder. What is
    ``optional`` is brought where the revision has such outputs.
    """
    lacking = _wanted(folder, needs, optional, revision)
    if not lacking:
        return
    if link := next(misplaced(folder), None):
        raise UrialError(
            f"{revision}: {shorten(link[0])} is {link[1]}, and outputs could be written through it",
            fix="name a revision without it",
        )
    if not (folder / ".dvc").is_dir():
        raise UrialError(
            "the revision has no .dvc, so its outputs cannot be found", path=root, fix="name a later revision"
        )
    cache = DvcCache.of(root)
    # DVC takes a third of a second for every output, and a checksum is soon made.
    lacking = {path: out for path, out in lacking.items() if not cache.bring(out, path, folder)}
    if not lacking:
        return
    said: dict[str, str] = {}
    with lent_settings(folder, root, cache.folder) as (asked, refused):
        for name in asked:
            error = _fetch(folder, name, list(lacking) if needs is not None else [])
            # DVC says that it is well where a remote has nothing of what was asked for.
            lacking = {path: out for path, out in lacking.items() if not cache.bring(out, path, folder)}
            if not lacking:
                return
            said[name] = error or f"lacks {and_more(lacking, MAX_NAMED)}"
    said |= dict.fromkeys(refused, "not asked, since the work tree has no remote with these settings")
    raise _nowhere(folder, revision, and_more(lacking, MAX_NAMED), said)


def _nowhere(folder: Path, revision: str, lacking: str, said: Mapping[str, str]) -> UrialError:
    commit = git.head_of(folder) or revision
    experiment = git.experiment_of(commit, folder)
    push = f"dvc exp push GIT_REMOTE {shlex.quote(experiment.name)}" if experiment else "dvc push"
    return UrialError(
        f"{revision}: outputs are not in the DVC cache, and no DVC remote gave them: {lacking}",
        where=one_line("; ".join(f"remote {name}: {text}" for name, text in said.items()))
        or "neither the revision nor this clone names a remote",
        fix=f"`dvc remote add --local NAME URL` for the remote that has them; or run `{push}` where they were computed; "
        f"or compute them here: `git checkout --detach {commit[:12]}`, then `dvc repro`",
    )


def _wanted(
    folder: Path, needs: Sequence[str] | None, optional: Sequence[str], revision: str
) -> Mapping[str, LockedFile]:
    """The outputs, or files in outputs, that are to be brought: those of the needs that git does not have."""
    if needs is not None and not optional and all((folder / need).is_file() for need in needs):
        return {}
    outputs = current_lock(folder).outs if (folder / LOCK).is_file() else {}
    wanted = outputs if needs is None else {}
    for need in (*(needs or ()), *optional):
        below = {name: out for name, out in outputs.items() if is_within(name, need)}
        around = [out for name, out in outputs.items() if is_within(need, name)]
        if not (below or around or need in optional or (folder / need).exists()):
            raise UrialError(f"{revision}: has no {need}: it is no output in dvc.lock", fix="name a later revision")
        wanted = {**wanted, **(below or dict(zip([need], around, strict=False)))}
    return {path: out for path, out in wanted.items() if not (folder / path).exists()}


def _fetch(folder: Path, remote: str, targets: Sequence[str]) -> str:
    """Have a remote fill the cache with some outputs, or all; what DVC says where it failed.

    No module is read out of the folder, nor what it has of DVC's notes, which are code.
    """
    named = ["--", *targets] if targets else []
    with tempfile.TemporaryDirectory(prefix="urial-dvc-") as notes:
        kept = {**git.environment(), "DVC_SITE_CACHE_DIR": notes, "DVC_NO_ANALYTICS": "1", "PYTHONSAFEPATH": "1"}
        if "PYTHONPATH" in kept:
            kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, kept["PYTHONPATH"].split(os.pathsep)))
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-m", "dvc", "fetch", f"--remote={remote}", *named],
            cwd=folder,
            env=kept,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    return " ".join(done.stderr.partition("ERROR: ")[2].split())
