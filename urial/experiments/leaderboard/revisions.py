"""A run that is a commit, as an entry: out of git's objects and DVC's cache, without a work tree of its own where these have all of it.

Forty experiments are read in the time in which a few are checked out.
"""

from pathlib import Path

from urial.core.errors import UrialError
from urial.core.text import one_line
from urial.experiments.leaderboard.reading import NEEDS, ReadBytes, read_entry
from urial.records.leaderboard_entry import LeaderboardEntry
from urial.run import git, paths
from urial.run.dvc_cache import DvcCache
from urial.run.folders import run_folder
from urial.run.lockfile import LOCK, Lock
from urial.run.reader import NOT_RUN, pull, require_here


class _NotStoredError(UrialError):
    """A file that neither git's objects nor DVC's cache have."""


class RevisionReader:
    """Reads entries of commits of the repository in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._cache = DvcCache.of(root)
        self._prefix = git.git(root, "rev-parse", "--show-prefix").removesuffix("\n")
        self._experiments = {item.commit: item.name for item in reversed(git.experiments(root))}

    def entry(self, commit: str, name: str) -> LeaderboardEntry:
        """The entry of a commit that the user calls ``name``. Raises UrialError."""
        experiment = self._experiments.get(commit)
        try:
            return read_entry(self._stored(commit, name), name, commit, experiment)
        except _NotStoredError:
            with run_folder(commit, root=self.root, needs=NEEDS) as folder:
                return read_entry(folder_reader(folder.path), name, commit, experiment)

    def _stored(self, commit: str, name: str) -> ReadBytes:
        """Reads files of a commit where they are stored: those that git keeps, and outputs by the MD5 in dvc.lock."""

        def tracked(path: str) -> bytes | None:
            return git.git_bytes(self.root, "cat-file", "blob", f"{commit}:{self._prefix}{path}")

        text = tracked(LOCK)
        if text is None:
            raise UrialError(
                "has not been computed: it has no dvc.lock", path=name, fix="name a later revision, or run `dvc repro`"
            )
        wanted = {paths.JUDGMENTS.stage, paths.MANIFEST.stage, paths.REPORT.stage}
        lock = Lock.outputs_in(text.decode("utf-8", "replace"), f"{name}:{LOCK}", wanted)

        def read(path: str) -> bytes:
            data = tracked(path)
            if data is None and (md5 := self._md5(lock, path)):
                data = self._cache.bytes(md5)
            if data is None:
                raise _NotStoredError("neither in git nor in DVC's cache", path=f"{name}:{path}", fix=pull([path]))
            return data

        return read

    def _md5(self, lock: Lock, path: str) -> str | None:
        """What dvc.lock says of an output, or of a file in an output that is a folder."""
        around = lock.out_of(path)
        if around is None:
            return None
        out = lock.outs[around]
        if out.nfiles is None:
            return out.md5
        return (self._cache.listing(out.md5) or {}).get(path.removeprefix(f"{around}/"))


def folder_reader(folder: Path) -> ReadBytes:
    """Reads files of a run that lies in a folder."""

    def read(path: str) -> bytes:
        require_here(folder / path, folder)
        try:
            return (folder / path).read_bytes()
        except OSError as error:
            what = f"cannot be read: {one_line(error.strerror or str(error))}"
            raise UrialError(what, path=folder / path, fix=NOT_RUN) from error

    return read
