"""The files of a run against what dvc.lock records of them, which is looked for in DVC's cache and in git's HEAD."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from urial.core.errors import UrialError
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.run.differences import content_difference
from urial.run.dvc_cache import DvcCache, md5_of
from urial.run.files import folder_digest
from urial.run.git import git_bytes
from urial.run.lockfile import LOCK, Lock, LockDifference, LockedFile
from urial.run.reader import CHECKOUT, CHECKOUT_BY_GIT, PULL_OVER, pull


def groups(run: Run) -> list[str]:
    """The stages' names without @ITEM, in the order of the flow; none where the lock cannot be read."""
    try:
        return list(dict.fromkeys(name.partition("@")[0] for name in run.current_lock.stages))
    except (UrialError, NotCheckedError):
        return []


def check_files(run: Run, group: str) -> Checked:
    """Every file that the stages of one name read and wrote is as the lock records it; each is named once."""
    lock = run.current_lock
    part = lock.of(name for name in lock.stages if name.partition("@")[0] == group)
    problems, unwritten = [], set()
    read = [(stage.name, dep) for stage in part.stages.values() for dep in stage.deps]
    for name, dep in read:
        written = lock.outs.get(dep.path)
        if written is not None and not written.same_content(dep):
            unwritten.add((name, dep.path))
            problems.append(
                UrialError(
                    f"stage {name} read another {dep.path} than is recorded as written: MD5 {dep.md5} "
                    f"and {dep.size:,} bytes, written {written.md5} and {written.size:,}",
                    path=LOCK,
                    fix=f"run `dvc repro`, or restore it: git checkout {LOCK}",
                )
            )
    recorded = Recorded(run, lock)
    for difference in part.against(run.digests):
        path = difference.path
        if (difference.stage, path) not in unwritten and path not in run.named and not run.is_missing(path):
            run.named.add(path)
            problems += recorded.problems(difference)
    return Checked(f"{sum(not run.is_missing(path) for path in part.files)} files and folders as recorded", problems)


class Recorded:
    """What a run's lock stands for, and what differs from it. Nothing is fetched and nothing is changed."""

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

    def problems(self, difference: LockDifference) -> Iterator[UrialError]:
        """One for a file, one for each file of a folder whose list of files is still known."""
        entry, found = difference.recorded, difference.found
        if found is None:
            yield self._missing(difference, entry.path, [entry.path])
        elif (found.nfiles is None) != (entry.nfiles is None):
            detail = "a file instead of a folder" if found.nfiles is None else "a folder instead of a file"
            yield self._differs(difference, entry.path, entry.md5, detail)
        elif entry.nfiles is None:
            yield self._edited(difference, entry.path, entry.md5, found)
        else:
            yield from self._in_folder(difference, found)

    def _in_folder(self, difference: LockDifference, found: LockedFile) -> Iterator[UrialError]:
        run, entry = self.run, difference.recorded
        present = self._present(entry.path)
        listing = self._listing(entry, present)
        if listing is None or listing == present:
            detail = (
                f"MD5 {found.md5} of {found.nfiles} files and {found.size:,} bytes, "
                f"recorded {entry.md5} of {entry.nfiles} and {entry.size:,}"
            )
            yield self._differs(difference, entry.path, entry.md5, detail)
            return
        names = [name for name in sorted(listing.keys() | present.keys()) if listing.get(name) != present.get(name)]
        paths = {name: f"{entry.path}/{name}" for name in names}
        unnamed = {name: path for name, path in paths.items() if path not in run.named and not run.is_missing(path)}
        lost = [path for name, path in unnamed.items() if name not in present]
        for name, path in unnamed.items():
            run.named.add(path)
            if name not in present:
                yield self._missing(difference, path, lost)
            elif name not in listing:
                written = self.lock.out_of(path)
                fix = "remove it" if written else "added on purpose: dvc repro; by mistake: remove it"
                yield _problem(difference, path, "not there when the stage ran", fix)
            else:
                yield self._edited(difference, path, listing[name], run.digests.of(run.root / path))
        run.missing.update(lost)

    def _present(self, path: str) -> dict[str, str]:
        """MD5 of each file that a folder has now, relative to it."""
        folder, digests = self.run.root / path, self.run.digests
        return {name: digests.of(folder / name).md5 for name in digests.files(folder)}

    def _listing(self, entry: LockedFile, present: dict[str, str]) -> dict[str, str] | None:
        """MD5 of each file of a recorded folder, relative to it; None where it is no longer known."""
        if (listed := self.cache.listing(entry.md5)) is not None:
            return listed
        # What the folder has now, with every output of the lock as it is recorded there.
        start = f"{entry.path}/"
        inside = {name.removeprefix(start): out for name, out in self.lock.outs.items() if name.startswith(start)}
        if inside and all(out.nfiles is None for out in inside.values()):
            listed = {**present, **{name: out.md5 for name, out in inside.items()}}
            if folder_digest(listed) == entry.md5:
                return listed
        # What it has in the commit.
        names = self._git("ls-tree", "-r", "--name-only", "-z", "HEAD", "--", entry.path) or b""
        committed = {
            name.removeprefix(start): self._git("show", f"HEAD:./{name}")
            for name in filter(None, names.decode("utf-8", "surrogateescape").split("\0"))
        }
        listed = {name: md5_of(data) for name, data in committed.items() if data is not None}
        return listed if listed and folder_digest(listed) == entry.md5 else None

    def _git(self, *arguments: str) -> bytes | None:
        return git_bytes(self.run.root, *arguments) if self.run.in_git else None

    def _edited(self, difference: LockDifference, path: str, md5: str, found: LockedFile) -> UrialError:
        """How a file differs from the one recorded: by its content where that is still known, else by its hash."""
        if found.md5 == md5:
            detail = f"it has {found.size:,} bytes, recorded {difference.recorded.size:,}"
        elif (before := self.bytes_of(path, md5)) is not None:
            detail = content_difference(path, before, (self.run.root / path).read_bytes())
        else:
            detail = f"MD5 {found.md5}, recorded {md5}"
        return self._differs(difference, path, md5, detail)

    def _differs(self, difference: LockDifference, path: str, md5: str, detail: str) -> UrialError:
        """The error for another file than the recorded one with this MD5."""
        written = self.lock.out_of(path)
        if written is None:
            fix = f"changed since on purpose: dvc repro; by mistake: git checkout {path}"
        elif written in self.run.kept_by_git:
            fix = CHECKOUT_BY_GIT.format(path)
        else:
            # DVC removes what it cannot replace.
            fix = (CHECKOUT if self.cache.bytes(md5) is not None else PULL_OVER).format(path)
        return _problem(difference, path, detail, fix)

    def _missing(self, difference: LockDifference, path: str, lost: Sequence[str]) -> UrialError:
        """The error for a file that is not here, and how it comes, together with the others that are ``lost``."""
        written = self.lock.out_of(path)
        if written is None:
            fix = f"removed on purpose: dvc repro; by mistake: git checkout {path}"
            return _problem(difference, path, "missing", fix)
        fix = f"restore it: git checkout {path}" if written in self.run.kept_by_git else pull(lost)
        return UrialError("not here", path=path, where=difference.where, fix=fix)


def _problem(difference: LockDifference, path: str, detail: str, fix: str) -> UrialError:
    what = f"{path}: not as stage {difference.stage} {'wrote' if difference.wrote else 'read'} it: {detail}"
    return UrialError(what, where=difference.where, fix=fix)
