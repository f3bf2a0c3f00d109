"""What the user names, as entries: experiments, revisions, the work tree, folders of runs, and files and folders of entries."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.hashing import short_hash
from urial.core.text import one_line
from urial.experiments.leaderboard.entry_files import entry_files, read_entry_file
from urial.experiments.leaderboard.reading import read_entry
from urial.experiments.leaderboard.records import NotShown
from urial.experiments.leaderboard.revisions import RevisionReader, folder_reader
from urial.records.leaderboard_entry import LeaderboardEntry
from urial.run import git
from urial.run.folders import WORK_TREE, RunFolder, given_folder, run_folder
from urial.run.pipeline import PIPELINE
from urial.run.project import root_of

# How a name begins, or ends, that can only be a path.
_PATH = re.compile(r"\.{1,2}/|[/~]|.*(?:\.json|/)$")
_COMMIT = re.compile(r"[0-9a-f]{13,64}")


@dataclass(frozen=True)
class NamedEntry:
    """An entry, and what its run is called in the table."""

    name: str
    entry: LeaderboardEntry


@dataclass(frozen=True)
class Runs:
    """The runs that could be read, each measurement once, and the others."""

    entries: tuple[NamedEntry, ...]
    not_shown: tuple[NotShown, ...]
    # By the name of a run, the one that it is the same measurement as.
    same: dict[str, str]


def read_runs(names: Sequence[str], every: bool = False, root: Path = Path()) -> Runs:
    """The runs that are named, and with ``every`` all experiments of the repository.

    One that cannot be read is told with its reason, and the others are read.
    """
    reading, entries, not_shown, same = _Reading(root), dict[str, NamedEntry](), list[NotShown](), dict[str, str]()
    for name, read in reading.runs(names, every):
        try:
            run = read()
        except UrialError as error:
            not_shown.append(NotShown(run=name, why=str(error)))
            continue
        first = entries.setdefault(run.entry.run, run)
        if first is not run:
            same[name] = first.name
    return Runs(tuple(_told_apart(list(entries.values()))), tuple(not_shown), same)


def _told_apart(runs: Sequence[NamedEntry]) -> Iterator[NamedEntry]:
    """Runs of one name, as of two machines, with the hash of what each measured."""
    names = [run.name for run in runs]
    for run in runs:
        yield run if names.count(run.name) == 1 else NamedEntry(f"{run.name} ({short_hash(run.entry.run)})", run.entry)


# What a run is called in messages, and how it is read.
_Run = tuple[str, Callable[[], NamedEntry]]


class _Reading:
    """Reads runs by their names. The folder ``root`` need not be a project where all of them are files of entries."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def runs(self, names: Sequence[str], every: bool) -> Iterator[_Run]:
        for name in names:
            try:
                yield from self._named(name)
            except UrialError as error:
                yield name, partial(_fail, error)
        if every:
            yield from self._experiments()

    @cached_property
    def _revisions(self) -> RevisionReader:
        return RevisionReader(self.root)

    def _named(self, name: str) -> Iterator[_Run]:
        """The runs that a name means; several of a folder of entries. Raises UrialError."""
        if name in WORK_TREE:
            yield "workspace", self._work_tree
        elif self._is_path(name):
            path = Path(os.path.expanduser(name))
            if not path.is_dir():
                yield name, partial(_of_file, path)
            elif (path / PIPELINE).is_file():
                yield name, lambda: _of_folder(name, given_folder(path))
            else:
                yield from ((str(file), partial(_of_file, file)) for file in entry_files(path))
        else:
            yield name, partial(self._revision, name, name)

    def _is_path(self, name: str) -> bool:
        """Raises UrialError for what can be a path and a revision."""
        if _PATH.match(name) or not os.path.lexists(name):
            return bool(_PATH.match(name))
        if git.is_revision(name, self.root):
            raise UrialError(
                f"{shorten(name)}: a file or folder, and a revision, too",
                fix=f"write ./{name} for the file or folder; for the revision its commit",
            )
        return True

    def _experiments(self) -> Iterator[_Run]:
        """All experiments; one that waits in DVC's queue or failed there says so when it is read."""
        self._require_repository()
        known = git.experiments(self.root)
        for item in known:
            yield item.name, partial(self._revision, item.name, item.commit)
        names = {item.name for item in known}
        yield from (
            (name, partial(self._revision, name, name))
            for name in git.unfinished_experiments(self.root)
            if name not in names
        )

    def _revision(self, name: str, revision: str) -> NamedEntry:
        self._require_repository()
        called = name[:12] if _COMMIT.fullmatch(name) else name
        return NamedEntry(called, self._revisions.entry(git.commit_of(revision, self.root), name))

    def _require_repository(self) -> None:
        root_of(self.root)
        if not git.in_repository(self.root):
            raise UrialError(
                "not under git: it has no revisions and no experiments",
                path=self.root,
                fix="go to a clone of the project",
            )

    def _work_tree(self) -> NamedEntry:
        with run_folder(None, root=self.root) as run:
            return _of_folder("workspace", run)


def _fail(error: UrialError) -> NamedEntry:
    raise error


def _of_folder(name: str, run: RunFolder) -> NamedEntry:
    # What is in no commit is not that commit's.
    commit, experiment = (None, None) if run.state.dirty else (run.state.commit, run.state.experiment)
    return NamedEntry(name, read_entry(folder_reader(run.path), name, commit, experiment))


def _of_file(path: Path) -> NamedEntry:
    entry = read_entry_file(path)
    # Whoever wrote the file chose the name.
    return NamedEntry(one_line(entry.experiment or "") or (entry.commit or "")[:12] or path.stem, entry)
