"""The DVC outputs of a checked-out revision: out of the repository's cache, and what is not there out of DVC remotes."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from urial.errors import UrialError, shorten
from urial.provenance.git import environment
from urial.provenance.layout import is_inside, misplaced
from urial.provenance.lock import LOCK, LockedFile, read_lock

MAX_NAMED = 5


def bring_outputs(
    folder: Path, root: Path, needs: Sequence[str] | None, revision: str, optional: Sequence[str] = ()
) -> None:
    """Put a checked-out revision's DVC outputs in their places. Raises UrialError for those that are nowhere.

    ``root`` is the repository whose DVC cache and settings are used; for ``needs`` see folders.run_folder. What is
    ``optional`` is brought where the revision has such outputs.
    """
    wanted = _wanted(folder, needs, optional, revision)
    if not wanted:
        return
    _require_inside(folder, revision)
    cache = _cache_of(folder, root)
    # DVC takes a third of a second for every output, and a checksum is soon made.
    lacking = [path for path, out in wanted.items() if not _from_cache(folder, cache, path, out)]
    if not lacking:
        return
    with _settings(folder, root, cache):
        pulled = _pull(folder, lacking if needs is not None else [])
    if pulled.returncode:
        names = ", ".join(lacking[:MAX_NAMED]) + (
            f" and {len(lacking) - MAX_NAMED:,} more" if lacking[MAX_NAMED:] else ""
        )
        raise UrialError(
            f"{revision}: outputs are neither in the DVC cache nor in a remote: {names}",
            where=f"dvc pull: {' '.join(pulled.stderr.partition('ERROR: ')[2].split()) or pulled.returncode}",
            fix="run `dvc push` where the revision was computed, or `git checkout` it and `dvc repro` here",
        )


def _wanted(folder: Path, needs: Sequence[str] | None, optional: Sequence[str], revision: str) -> dict[str, LockedFile]:
    """The outputs, or files in outputs, that are to be brought: those of the needs that git does not have."""
    if needs is not None and not optional and all((folder / need).is_file() for need in needs):
        return {}
    lock = folder / LOCK
    outputs = {out.path: out for stage in read_lock(lock).values() for out in stage.outs} if lock.is_file() else {}
    wanted = outputs if needs is None else {}
    for need in (*(needs or ()), *optional):
        path = PurePosixPath(need)
        below = {name: out for name, out in outputs.items() if PurePosixPath(name).is_relative_to(path)}
        around = [out for name, out in outputs.items() if path.is_relative_to(name)]
        if not (below or around or need in optional or (folder / need).exists()):
            raise UrialError(f"{revision}: has no {need}: it is no output in dvc.lock", fix="name a later revision")
        wanted = {**wanted, **(below or dict(zip([need], around, strict=False)))}
    return {path: out for path, out in wanted.items() if not (folder / path).exists()}


def _require_inside(folder: Path, revision: str) -> None:
    """Raises UrialError where an output could be written through a link of the revision to a place outside of it."""
    if found := next(misplaced(folder), None):
        raise UrialError(
            f"{revision}: {shorten(found[0])} is {found[1]}, and outputs could be written through it",
            fix="name a revision without it",
        )


def _from_cache(folder: Path, cache: Path, path: str, out: LockedFile) -> bool:
    """Copy an output, or what of it is at ``path``; False where the cache lacks any of it."""
    if out.nfiles is None:
        return _copy(cache, out.md5, folder / path)
    listed = _object(cache, out.md5)
    if not listed.is_file():
        return False
    _require(listed, out.md5.removesuffix(".dir"), listed)
    files = {f"{out.path}/{item['relpath']}": str(item["md5"]) for item in json.loads(listed.read_bytes())}
    chosen = {name: md5 for name, md5 in files.items() if PurePosixPath(name).is_relative_to(path) and is_inside(name)}
    if path == out.path:
        (folder / path).mkdir(parents=True, exist_ok=True)
    elif not chosen:
        return False
    # All that there is, so that a remote is asked for the rest alone.
    copied = [_copy(cache, md5, folder / name) for name, md5 in chosen.items()]
    return all(copied)


def _copy(cache: Path, md5: str, target: Path) -> bool:
    source = _object(cache, md5)
    if not source.is_file():
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    _require(target, md5, source)
    return True


def _require(path: Path, md5: str, source: Path) -> None:
    """Raises UrialError unless a file has this MD5: DVC itself trusts what is in its cache."""
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if found != md5:
        raise UrialError(
            f"{source}: damaged: its bytes are not those of its name",
            fix="delete it, then run `dvc fetch` or `dvc repro`",
        )


def _object(cache: Path, md5: str) -> Path:
    return cache / "files/md5" / md5[:2] / md5[2:]


def _cache_of(folder: Path, root: Path) -> Path:
    """The folder of the repository's DVC cache, which a checked-out revision uses, too."""
    from dvc.config import Config, ConfigError

    if not (folder / ".dvc").is_dir():
        raise UrialError(
            f"{root}: the revision has no .dvc, so its outputs cannot be found", fix="name a later revision"
        )
    try:
        return Path(str(Config(root / ".dvc")["cache"].get("dir", (root / ".dvc/cache").resolve())))
    except ConfigError as error:
        raise _misconfigured(root, error) from error


@contextmanager
def _settings(folder: Path, root: Path, cache: Path) -> Iterator[None]:
    """Lend a checked-out revision the cache and the local settings, such as credentials, of the repository."""
    from dvc.config import Config, ConfigError, merge

    lent = folder / ".dvc/config.local"
    # Of the revision itself it would be somebody else's.
    lent.unlink(missing_ok=True)
    try:
        lent.touch(0o600)
        with Config(folder / ".dvc").edit("local") as local:
            merge(local, Config(root / ".dvc").load_one("local"))
            local["cache"]["dir"] = str(cache)
        yield
    except ConfigError as error:
        raise _misconfigured(root, error) from error
    finally:
        lent.unlink(missing_ok=True)


def _misconfigured(root: Path, error: Exception) -> UrialError:
    return UrialError(f"{root / '.dvc'}: {error}", fix="correct the configuration of DVC")


def _pull(folder: Path, targets: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Pull some outputs, or all. No module is read out of the folder, nor what it has of DVC's notes, which are code."""
    named = ["--", *targets] if targets else []
    with tempfile.TemporaryDirectory(prefix="urial-dvc-") as notes:
        kept = {**environment(), "DVC_SITE_CACHE_DIR": notes, "DVC_NO_ANALYTICS": "1", "PYTHONSAFEPATH": "1"}
        if "PYTHONPATH" in kept:
            kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, kept["PYTHONPATH"].split(os.pathsep)))
        return subprocess.run(  # noqa: S603
            [sys.executable, "-P", "-m", "dvc", "pull", *named],
            cwd=folder,
            env=kept,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
