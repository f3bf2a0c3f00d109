"""Where a state can be had from: git remotes that have its commit, DVC remotes that have its data."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from urial.core.errors import UrialError
from urial.run.dvc_cache import DvcCache
from urial.run.git import Experiment, git
from urial.run.lockfile import LockedFile
from urial.run.settings import committed_remotes, own_remotes

# Settings that an address is not complete without, and that are no secrets.
SHOWN = ("endpointurl", "region", "port")


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
    """A DVC remote."""

    name: str
    # Without password or token.
    url: str
    # Whether it is the one that `dvc pull` asks in a fresh clone.
    default: bool
    # Whether the commit's own configuration names it; else only this clone or this machine does.
    committed: bool
    # Paths of the outputs that it has whole; None: it has to be asked over the network.
    whole: frozenset[str] | None
    # Files that it lacks at least, a list of a folder's files as one.
    lacks: int = 0
    # What else says where it is.
    settings: tuple[tuple[str, str], ...] = ()


def git_remotes(commit: str, experiment: Experiment | None, root: Path, online: bool) -> list[GitRemote]:
    """Every git remote, and whether it has a commit at the tip of a branch or tag, or the ref of an experiment.

    A folder is asked, other remotes only when ``online``; of commits on their branches, the last fetch or push says enough.
    """
    refs = [experiment.ref] if experiment else ["refs/heads/*", "refs/tags/*"]
    remotes = []
    for name in git(root, "remote").splitlines():
        url = git(root, "remote", "get-url", "--", name).removesuffix("\n")
        has: bool | None = bool(git(root, "for-each-ref", "--contains", commit, f"refs/remotes/{name}/"))
        if not has and (experiment or is_folder(url)):
            has = None
            with suppress(UrialError):  # It does not answer.
                if online or is_folder(url):
                    has = commit in re.findall(r"^\w+", git(root, "ls-remote", "--", name, *refs), re.MULTILINE)
        remotes.append(GitRemote(name, public_url(url, root), has))
    return remotes


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


def data_remotes(folder: Path, root: Path, outputs: Sequence[LockedFile]) -> list[DataRemote]:
    """The DVC remotes that the commit names, the default one first, and those that only this clone or machine names."""
    if not (folder / ".dvc").is_dir():
        return []
    theirs = committed_remotes(folder)
    named = [(name, settings, True) for name, settings in theirs["remote"].items()]
    named += [
        (name, settings, False)
        for name, settings in own_remotes(root).items()
        # One without an address adds to the committed one, such as a password.
        if settings.get("url") not in (None, theirs["remote"].get(name, {}).get("url"))
    ]
    remotes = []
    for name, settings, committed in named:
        url, default = str(settings.get("url", "")), name == theirs["core"].get("remote")
        if re.match(r"\w[\w+.-]*://", url):
            shown = {key: str(settings[key]) for key in SHOWN if key in settings}
            more = tuple((key, public_url(text, root) if "://" in text else text) for key, text in shown.items())
            remotes.append(DataRemote(name, public_url(url, root), default, committed, whole=None, settings=more))
        else:
            lacks = {out.path: DvcCache(Path(url)).lacks(out) for out in outputs}
            whole = frozenset(path for path, count in lacks.items() if not count)
            remotes.append(DataRemote(name, url, default, committed, whole=whole, lacks=sum(lacks.values())))
    return sorted(remotes, key=lambda remote: (not remote.committed, not remote.default))
