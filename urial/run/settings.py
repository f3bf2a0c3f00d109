"""The settings of DVC: whose remotes count, and what a checked-out revision is given."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from urial.run.dvc_cache import misconfigured

# What says where a remote is. Others name files that are read, such as keys, or programs, or where a key is sent.
PLAIN = frozenset({"url", "region", "port", "user", "jobs", "checksum_jobs", "verify"})


@dataclass(frozen=True)
class Remotes:
    """The remotes of a checked-out revision, by name."""

    # The default first.
    asked: tuple[str, ...]
    # Those of the revision's own settings that are not.
    refused: tuple[str, ...]


def committed_remotes(folder: Path) -> dict[str, Any]:
    """The settings of a run's remotes that are in its commit, and of its default one: keys ``remote`` and ``core``."""
    from dvc.config import Config, ConfigError

    try:
        return dict(Config(folder / ".dvc", validate=False).load_one("repo"))
    except ConfigError as error:
        raise misconfigured(folder / ".dvc/config", error) from error


def own_remotes(root: Path) -> dict[str, dict[str, Any]]:
    """The settings of remotes that this machine and this clone alone have, by name: credentials may be among them."""
    from dvc.config import Config, ConfigError, merge

    found: dict[str, dict[str, Any]] = {}
    try:
        config = Config(root / ".dvc", validate=False)
        for level in ("system", "global", "local"):
            merge(found, config.load_one(level)["remote"])
    except ConfigError as error:
        raise misconfigured(root / ".dvc", error) from error
    return found


@contextmanager
def lent_settings(folder: Path, root: Path, cache: Path) -> Iterator[Remotes]:
    """Lend a checked-out revision the cache and the local settings, such as credentials, of the repository.

    Of its own settings, it keeps for that time its remotes alone, and of these those that run and read nothing here.
    """
    own, lent = folder / ".dvc/config", folder / ".dvc/config.local"
    # Of the revision itself it would be somebody else's.
    lent.unlink(missing_ok=True)
    before = own.read_bytes() if own.is_file() else None
    try:
        lent.touch(0o600)
        yield _lend(folder, root, cache)
    finally:
        lent.unlink(missing_ok=True)
        if before is None:
            own.unlink(missing_ok=True)
        else:
            own.write_bytes(before)


def _lend(folder: Path, root: Path, cache: Path) -> Remotes:
    from dvc.config import Config, ConfigError

    theirs, kept = committed_remotes(folder), _kept(folder, root)
    default = theirs["core"].get("remote")
    try:
        local = Config(root / ".dvc", validate=False).load_one("local")
        _write(folder / ".dvc/config", {"core": {"remote": default} if default else {}}, kept)
        # It would ask a server whether there is a newer DVC.
        core = {**local["core"], "check_update": "false"}
        _write(
            folder / ".dvc/config.local",
            {"core": core, "cache": {**local["cache"], "dir": str(cache)}},
            local["remote"],
        )
        found = Config(folder / ".dvc")
    except ConfigError as error:
        raise misconfigured(root / ".dvc", error) from error
    names = sorted(found["remote"], key=lambda name: (name != found["core"].get("remote"), name))
    return Remotes(tuple(names), tuple(sorted(theirs["remote"].keys() - found["remote"].keys())))


def _write(path: Path, sections: Mapping[str, Any], remotes: Mapping[str, Any]) -> None:
    """Settings as DVC reads them, whose own writer fails on a path with letters that are not ASCII."""
    from configobj import ConfigObj

    found = ConfigObj(
        {**sections, **{f'remote "{name}"': settings for name, settings in remotes.items()}}, encoding="utf-8"
    )
    with path.open("wb") as stream:
        found.write(stream)


def _kept(folder: Path, root: Path) -> dict[str, dict[str, Any]]:
    """The committed settings of remotes that a checked-out revision has for a time, by name.

    They are its own where they are plain, and nothing of this clone alone, such as a password, belongs to a remote of that
    name. Else they are those of the work tree, which has the remote at the same place or knows where it is.
    """
    theirs, ours, mine = committed_remotes(folder)["remote"], committed_remotes(root)["remote"], own_remotes(root)
    kept = {name: ours[name] for name in ours.keys() & mine.keys()}
    for name, settings in theirs.items():
        if name not in mine and settings.keys() <= PLAIN:
            kept[name] = settings
        elif name in ours:
            # A relative path means one in the revision, as of the bundled remote.
            kept[name] = {**ours[name], **({"url": settings["url"]} if _url(folder, name) == _url(root, name) else {})}
    return {name: _verified(settings) for name, settings in kept.items()}


def _url(folder: Path, name: str) -> str | None:
    """The address of a remote as it is written in the commit."""
    from dvc.config import Config

    path = folder / ".dvc/config"
    found = Config.load_file(str(path)).get("remote", {}) if path.is_file() else {}
    url = found.get(name, {}).get("url")
    return None if url is None else str(url)


def _verified(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with which DVC takes nothing into its cache that is not what it is named, where it can check that."""
    return {**settings, **({} if str(settings.get("url")).startswith("hdfs:") else {"verify": True})}
