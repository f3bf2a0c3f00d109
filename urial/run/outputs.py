"""The DVC outputs of a checked-out revision: out of the repository's cache, and what is not there out of DVC remotes."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.text import and_more, one_line
from urial.run.dvc_cache import DvcCache
from urial.run.files import misplaced
from urial.run.git import environment, experiment_of, head_of
from urial.run.lockfile import LOCK, LockedFile, is_within
from urial.run.pipeline import current_lock
from urial.run.remotes import lent_settings

MAX_NAMED = 5


def bring_outputs(
    folder: Path, root: Path, needs: Sequence[str] | None, revision: str, optional: Sequence[str] = ()
) -> None:
    """Put a checked-out revision's DVC outputs in their places. Raises UrialError for those that are nowhere.

    ``root`` is the repository whose DVC cache and settings are used; for ``needs`` see folders.run_folder. What is
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
    commit = head_of(folder) or revision
    experiment = experiment_of(commit, folder)
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
        kept = {**environment(), "DVC_SITE_CACHE_DIR": notes, "DVC_NO_ANALYTICS": "1", "PYTHONSAFEPATH": "1"}
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
