"""Where a state can be had from: git remotes that have its commit, DVC remotes that have its data."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from urial.errors import UrialError
from urial.provenance.git import Experiment, git
from urial.provenance.lock import LOCK, LockedFile, read_lock


@dataclass(frozen=True)
class GitRemote:
    """A remote of the repository."""

    name: str
    # Without password or token.
    url: str
    # Whether it has the commit; None: it has to be asked over the network.
    has: bool | None


@dataclass(frozen=True)
class DataRemote:
    """A DVC remote that the commit's own configuration names."""

    name: str
    url: str
    default: bool
    # Files that it lacks, a list of a folder's files as one; None: it has to be asked over the network.
    lacks: int | None


def git_remotes(commit: str, experiment: Experiment | None, root: Path, online: bool) -> list[GitRemote]:
    """Every git remote, and whether it has a commit, or the ref of an experiment.

    A folder is asked, other remotes only when ``online``; of commits on their branches the last fetch or push told.
    """
    found = []
    for name in git(root, "remote").splitlines():
        url = git(root, "remote", "get-url", "--", name).removesuffix("\n")
        has: bool | None = bool(git(root, "for-each-ref", "--contains", commit, f"refs/remotes/{name}/"))
        if not has and (experiment or is_folder(url)):
            has = _asked(name, commit, experiment, root) if online or is_folder(url) else None
        found.append(GitRemote(name, public_url(url, root), has))
    return found


def _asked(name: str, commit: str, experiment: Experiment | None, root: Path) -> bool | None:
    """Whether a remote has the commit at the tip of a branch or tag, or of the experiment; None where it does not answer."""
    refs = [experiment.ref] if experiment else ["refs/heads/*", "refs/tags/*"]
    try:
        lines = git(root, "ls-remote", "--", name, *refs).splitlines()
    except UrialError:
        return None
    return commit in {line.split("\t")[0] for line in lines}


def is_folder(url: str) -> bool:
    """Whether git takes an address for a folder of this machine."""
    before, colon, _ = url.partition(":")
    return url.startswith("file://") or not colon or "/" in before


def public_url(url: str, root: Path) -> str:
    """The address without what is secret: no password, no token, no query; a folder's is absolute.

    >>> public_url("https://me:token@example.org/study.git?key=1", Path("/"))
    'https://example.org/study.git'
    >>> public_url("git@example.org:me/study.git", Path("/"))
    'git@example.org:me/study.git'
    """
    if "://" not in url:
        return str((root / url).resolve()) if is_folder(url) else url
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    # Of ssh, the user is part of the address; elsewhere it may be a token.
    kept = f"{user.partition(':')[0]}@{host}" if at and parts.scheme in ("ssh", "git+ssh") else host
    return urlunsplit((parts.scheme, kept, parts.path, "", ""))


def data_remotes(folder: Path, outputs: Sequence[LockedFile]) -> list[DataRemote]:
    """The DVC remotes that anyone with the commit knows, the default one first, and what they lack of the outputs."""
    from dvc.config import Config, ConfigError

    if not (folder / ".dvc").is_dir():
        return []
    try:
        known = Config(folder / ".dvc").load_one("repo")
    except ConfigError as error:
        raise UrialError(f"{folder / '.dvc/config'}: {error}", fix="correct the configuration of DVC") from error
    default = known["core"].get("remote")
    found = []
    for name, settings in known["remote"].items():
        url = str(settings.get("url", ""))
        local = not re.match(r"\w[\w+.-]*://", url)
        lacks = sum(not path.is_file() for path in _objects(Path(url), outputs)) if local else None
        shown = url if local else public_url(url, folder)
        found.append(DataRemote(name, shown, name == default, lacks))
    return sorted(found, key=lambda remote: not remote.default)


def unversioned_outputs(folder: Path) -> list[LockedFile]:
    """The outputs in a run's lock that git does not have."""
    lock = folder / LOCK
    if not lock.is_file():
        return []
    tracked = set(git(folder, "ls-files", "-z").split("\0"))
    return [out for stage in read_lock(lock).values() for out in stage.outs if out.path not in tracked]


def _objects(store: Path, outputs: Sequence[LockedFile]) -> Iterator[Path]:
    """Where a folder keeps the outputs' files; a missing list of files stands for all of its own."""
    for out in outputs:
        path = _object(store, out.md5)
        yield path
        if out.md5.endswith(".dir") and path.is_file():
            yield from (_object(store, str(item["md5"])) for item in json.loads(path.read_bytes()))


def _object(store: Path, digest: str) -> Path:
    return store / "files/md5" / digest[:2] / digest[2:]
