"""The bytes that dvc.lock recorded, where they can still be found: in DVC's cache, or in git's HEAD."""

from functools import cached_property

from urial.core.errors import UrialError
from urial.provenance.verify.run import Run
from urial.run.digests import folder_digest
from urial.run.dvc_cache import DvcCache, md5_of
from urial.run.git import git_bytes
from urial.run.lockfile import Lock, LockedFile


class Recorded:
    """Finds what a run's lock stands for. Nothing is fetched and nothing is changed."""

    def __init__(self, run: Run, lock: Lock) -> None:
        self.run = run
        self.lock = lock

    @cached_property
    def cache(self) -> DvcCache:
        """DVC's cache of the run."""
        try:
            return DvcCache.of(self.run.root)
        except UrialError:  # Somebody else's configuration need not be one.
            return DvcCache(self.run.root / ".dvc/cache")

    def bytes_of(self, path: str, md5: str) -> bytes | None:
        """The bytes of a file with this MD5; None where they are nowhere."""
        if (cached := self.cache.bytes(md5)) is not None:
            return cached
        committed = self._git("show", f"HEAD:./{path}")
        return committed if committed is not None and md5_of(committed) == md5 else None

    def listing(self, entry: LockedFile) -> dict[str, str] | None:
        """MD5 of each file of a recorded folder, relative to it; None where it is no longer known."""
        if (listed := self.cache.listing(entry.md5)) is not None:
            return listed
        for guess in (self._by_outputs, self._by_commit):
            listed = guess(entry.path)
            if listed is not None and folder_digest(listed) == entry.md5:
                return listed
        return None

    def present(self, path: str) -> dict[str, str]:
        """MD5 of each file that a folder has now, relative to it."""
        folder, digests = self.run.root / path, self.run.digests
        return {name: digests.of(folder / name).md5 for name in digests.files(folder)}

    def _by_outputs(self, path: str) -> dict[str, str] | None:
        """What the folder has now, with every output of the lock as it is recorded there."""
        inside = {
            name.removeprefix(f"{path}/"): out for name, out in self.lock.outs.items() if name.startswith(f"{path}/")
        }
        if not inside or any(out.nfiles is not None for out in inside.values()):
            return None
        return {**self.present(path), **{name: out.md5 for name, out in inside.items()}}

    def _by_commit(self, path: str) -> dict[str, str] | None:
        names = self._git("ls-tree", "-r", "--name-only", "-z", "HEAD", "--", path)
        if not names:
            return None
        listed = {}
        for name in filter(None, names.decode("utf-8", "surrogateescape").split("\0")):
            data = self._git("show", f"HEAD:./{name}")
            if data is None:
                return None
            listed[name.removeprefix(f"{path}/")] = md5_of(data)
        return listed

    def _git(self, *arguments: str) -> bytes | None:
        return git_bytes(self.run.root, *arguments) if self.run.in_git else None
