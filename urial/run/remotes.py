"""Where a state can be had from: git remotes that have its commit, DVC remotes that have its data, and whose settings count.

A revision can be somebody else's, such as a fetched branch or a pulled experiment, and `urial compare` reads like a command
that only looks. So, unlike `dvc pull` in a checkout of it, fetching its outputs obeys of its own settings only what says
where a remote is: others name files that are read, programs that are run, or where a password is sent.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from urial.core.errors import UrialError
from urial.run.dvc_cache import DvcCache, misconfigured
from urial.run.git import Experiment, git
from urial.run.lockfile import LockedFile

# Settings that an address is not complete without, and that are no secrets.
SHOWN = ("endpointurl", "region", "port")
# Settings that only this machine and this clone have: credentials may be among them.
OWN = ("system", "global", "local")
# What says where a remote is.
PLAIN = frozenset({"url", "region", "port", "user", "jobs", "checksum_jobs", "verify"})


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
    theirs = _settings(folder, "repo")
    named = [(name, settings, True) for name, settings in theirs["remote"].items()]
    named += [
        (name, settings, False)
        for name, settings in _settings(root, *OWN)["remote"].items()
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


@contextmanager
def lent_settings(folder: Path, root: Path, cache: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Lend a checked-out revision the cache and the local settings, such as credentials, of the repository.

    Of its own settings, it keeps for that time only its remotes, and of these those that run and read nothing here.
    Yields the names of the remotes that it has then, the default first, and of its own ones that it has not.
    """
    theirs = _settings(folder, "repo")
    default = theirs["core"].get("remote")
    own = _file({"core": {"remote": default} if default else {}}, _kept(folder, root))
    written = {folder / ".dvc/config": own, folder / ".dvc/config.local": own_settings(root, cache)}
    before = (folder / ".dvc/config").read_bytes() if (folder / ".dvc/config").is_file() else None
    try:
        for path, data in written.items():
            # A local one of the revision itself would be somebody else's.
            path.unlink(missing_ok=True)
            path.touch(0o600)
            path.write_bytes(data)
        merged = _settings(folder, "system", "global", "repo", "local")
        names = sorted(merged["remote"], key=lambda name: (name != merged["core"].get("remote"), name))
        yield names, sorted(theirs["remote"].keys() - merged["remote"].keys())
    finally:
        for path in written:
            path.unlink(missing_ok=True)
        if before is not None:
            (folder / ".dvc/config").write_bytes(before)


def own_settings(root: Path, cache: Path) -> bytes:
    """A config.local for another checkout of a repository: the local settings of this one, and its DVC cache."""
    local = _settings(root, "local")
    # It would ask a server whether there is a newer DVC.
    sections = {"core": {**local["core"], "check_update": "false"}, "cache": {**local["cache"], "dir": str(cache)}}
    return _file(sections, local["remote"])


def _settings(folder: Path, *levels: str) -> dict[str, Any]:
    """What some levels of the configuration say together, later ones first. Raises UrialError where DVC cannot read it."""
    from dvc.config import Config, ConfigError, merge

    try:
        config = Config(folder / ".dvc", validate=False)
        settings = dict(config.load_one(levels[0]))
        for level in levels[1:]:
            merge(settings, config.load_one(level))
    except ConfigError as error:
        raise misconfigured(folder / ".dvc/config" if levels == ("repo",) else folder / ".dvc", error) from error
    return settings


def _file(sections: Mapping[str, Any], remotes: Mapping[str, Any]) -> bytes:
    """Settings as DVC reads them, whose own writer fails on a path with letters that are not ASCII."""
    from configobj import ConfigObj

    named = {f'remote "{name}"': settings for name, settings in remotes.items()}
    lines: list[bytes] = ConfigObj({**sections, **named}, encoding="utf-8").write()
    return b"\n".join([*lines, b""])


def _kept(folder: Path, root: Path) -> dict[str, dict[str, Any]]:
    """The committed settings of remotes that a checked-out revision has for a time, by name.

    They are its own where they are plain, and nothing of this clone only, such as a password, belongs to a remote of that
    name. Else they are those of the work tree, which has the remote at the same place or knows where it is. DVC takes
    nothing into its cache that is not what its name says, where it can check that.
    """
    from dvc.config import Config

    theirs, ours = (_settings(top, "repo")["remote"] for top in (folder, root))
    mine = _settings(root, *OWN)["remote"]
    # As it is written in the two commits: a relative path means one in the revision, as of the bundled remote.
    paths = [path for path in (folder / ".dvc/config", root / ".dvc/config") if path.is_file()]
    written = [Config.load_file(str(path)).get("remote", {}) for path in paths]
    kept = {name: ours[name] for name in ours.keys() & mine.keys()}
    for name, settings in theirs.items():
        if name not in mine and settings.keys() <= PLAIN:
            kept[name] = settings
        elif name in ours:
            here, there = (remotes.get(name, {}).get("url") for remotes in written)
            kept[name] = {**ours[name], **({"url": settings["url"]} if here == there else {})}
    hdfs = {name for name, settings in kept.items() if str(settings.get("url")).startswith("hdfs:")}
    return {name: settings if name in hdfs else {**settings, "verify": True} for name, settings in kept.items()}
