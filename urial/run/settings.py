"""The settings of DVC: whose remotes count, and what a checked-out revision is given.

A revision can be somebody else's, such as a fetched branch or a pulled experiment, and `urial compare` reads like a command
that only looks. So, unlike `dvc pull` in a checkout of it, fetching its outputs obeys of its own settings only what says
where a remote is: others name files that are read, programs that are run, or where a password is sent.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from urial.run.dvc_cache import misconfigured

# What says where a remote is.
PLAIN = frozenset({"url", "region", "port", "user", "jobs", "checksum_jobs", "verify"})


class Remotes(NamedTuple):
    """The remotes of a checked-out revision, by name."""

    # The default first.
    asked: tuple[str, ...]
    # Those of the revision's own settings that are not.
    refused: tuple[str, ...]


def committed_remotes(folder: Path) -> dict[str, Any]:
    """The settings of a run's remotes that are in its commit, and of its default one: keys ``remote`` and ``core``."""
    return _settings(folder, "repo")


def own_remotes(root: Path) -> dict[str, dict[str, Any]]:
    """The settings of remotes that only this machine and this clone have, by name: credentials may be among them."""
    remotes: dict[str, dict[str, Any]] = _settings(root, "system", "global", "local")["remote"]
    return remotes


@contextmanager
def lent_settings(folder: Path, root: Path, cache: Path) -> Iterator[Remotes]:
    """Lend a checked-out revision the cache and the local settings, such as credentials, of the repository.

    Of its own settings, it keeps for that time only its remotes, and of these those that run and read nothing here.
    """
    theirs, local = committed_remotes(folder), _settings(root, "local")
    default = theirs["core"].get("remote")
    own = _file({"core": {"remote": default} if default else {}}, _kept(folder, root))
    # It would ask a server whether there is a newer DVC.
    sections = {"core": {**local["core"], "check_update": "false"}, "cache": {**local["cache"], "dir": str(cache)}}
    written = {folder / ".dvc/config": own, folder / ".dvc/config.local": _file(sections, local["remote"])}
    before = (folder / ".dvc/config").read_bytes() if (folder / ".dvc/config").is_file() else None
    try:
        for path, data in written.items():
            # A local one of the revision itself would be somebody else's.
            path.unlink(missing_ok=True)
            path.touch(0o600)
            path.write_bytes(data)
        merged = _settings(folder, "system", "global", "repo", "local")
        names = sorted(merged["remote"], key=lambda name: (name != merged["core"].get("remote"), name))
        yield Remotes(tuple(names), tuple(sorted(theirs["remote"].keys() - merged["remote"].keys())))
    finally:
        for path in written:
            path.unlink(missing_ok=True)
        if before is not None:
            (folder / ".dvc/config").write_bytes(before)


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

    theirs, ours, mine = committed_remotes(folder)["remote"], committed_remotes(root)["remote"], own_remotes(root)
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
