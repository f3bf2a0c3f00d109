"""The files of a run against what dvc.lock records of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from urial.core.errors import UrialError
from urial.provenance.verify.recorded import Recorded
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.run.differences import content_difference
from urial.run.lockfile import LOCK, Lock, LockDifference, LockedFile
from urial.run.remedies import CHECKOUT, CHECKOUT_BY_GIT, MOST_NAMED, PULL_OVER, pull


def kept_by_git(run: Run) -> set[str]:
    """The outputs that are not DVC's to bring."""
    try:
        return {path for stage in run.stages.values() for path in stage.uncached}
    except (UrialError, NotCheckedError):
        return set()


def current_lock(run: Run) -> Lock:
    """The lock in the order of dvc.yaml, without stages that it no longer has; whole where dvc.yaml cannot be read."""
    try:
        names = list(run.stages)
    except (UrialError, NotCheckedError):
        names = list(run.lock)
    return Lock({name: run.lock[name] for name in names if name in run.lock})


def groups(run: Run) -> list[str]:
    """The stages' names without @ITEM, in the order of the flow; none where the lock cannot be read."""
    try:
        return list(dict.fromkeys(name.partition("@")[0] for name in current_lock(run).stages))
    except (UrialError, NotCheckedError):
        return []


def check_present(run: Run) -> Checked:
    """Every output of the lock is here. One that is not is named only by this link; what needs it is not checked."""
    makers, by_git = current_lock(run).makers, kept_by_git(run)
    missing = [path for path in makers if not (run.root / path).exists()]
    run.missing.update(missing)
    pulled = [path for path in missing if path not in by_git]
    fixes = {path: pull(pulled) if path in pulled else f"restore it: git checkout {path}" for path in missing}
    problems = [
        UrialError("not here", path=path, where=f"{LOCK}, stage {makers[path]}, outs", fix=fix)
        for path, fix in sorted(fixes.items(), key=lambda named: named[0] in by_git)
    ]
    if len(pulled) > MOST_NAMED:
        others = f"not here, nor are {len(pulled) - 1:,} more of {len(makers):,} outputs"
        problems[: len(pulled)] = [UrialError(others, path=pulled[0], where=f"{LOCK}, outs", fix=pull(pulled))]
    return Checked(f"{len(makers)} files and folders are here", problems)


def check_files(run: Run, group: str) -> Checked:
    """Every file that the stages of one name read and wrote is as the lock records it; each is named once."""
    lock = current_lock(run)
    stages = [stage for name, stage in lock.stages.items() if name.partition("@")[0] == group]
    problems, unwritten = [], set()
    for stage in stages:
        for dep in stage.deps:
            written = lock.outs.get(dep.path)
            if written is not None and not written.same_content(dep):
                unwritten.add((stage.name, dep.path))
                problems.append(
                    UrialError(
                        f"stage {stage.name} read another {dep.path} than is recorded as written: MD5 {dep.md5} "
                        f"and {dep.size:,} bytes, written {written.md5} and {written.size:,}",
                        path=LOCK,
                        fix=f"run `dvc repro`, or restore it: git checkout {LOCK}",
                    )
                )
    recorded = Recorded(run, lock)
    for difference in lock.against(run.digests, [stage.name for stage in stages]):
        path = difference.path
        if (difference.stage, path) not in unwritten and path not in run.named and not run.is_missing(path):
            run.named.add(path)
            problems += _Difference(run, recorded, difference).problems()
    paths = {entry.path for stage in stages for entry in (*stage.deps, *stage.outs)}
    return Checked(f"{sum(not run.is_missing(path) for path in paths)} files and folders as recorded", problems)


@dataclass(frozen=True)
class _Difference:
    """What a file or folder that is not as it was recorded is named as, and which way round it may be."""

    run: Run
    recorded: Recorded
    difference: LockDifference

    def problems(self) -> Iterator[UrialError]:
        """One for a file, one for each file of a folder whose list of files is still known."""
        entry, found = self.difference.recorded, self.difference.found
        if found is None:
            yield self._missing(entry.path)
        elif (found.nfiles is None) != (entry.nfiles is None):
            detail = "a file instead of a folder" if found.nfiles is None else "a folder instead of a file"
            yield self._differs(entry.path, detail, entry.md5)
        elif entry.nfiles is None:
            yield self._differs(entry.path, self._detail(entry.path, entry.md5, found), entry.md5)
        else:
            yield from self._in_folder(found)

    def _in_folder(self, found: LockedFile) -> Iterator[UrialError]:
        run, entry = self.run, self.difference.recorded
        listing, present = self.recorded.listing(entry), self.recorded.present(entry.path)
        if listing is None or listing == present:
            detail = (
                f"MD5 {found.md5} of {found.nfiles} files and {found.size:,} bytes, "
                f"recorded {entry.md5} of {entry.nfiles} and {entry.size:,}"
            )
            yield self._differs(entry.path, detail, entry.md5)
            return
        names = [name for name in sorted(listing.keys() | present.keys()) if listing.get(name) != present.get(name)]
        paths = {name: f"{entry.path}/{name}" for name in names}
        unnamed = {name: path for name, path in paths.items() if path not in run.named and not run.is_missing(path)}
        lost = [path for name, path in unnamed.items() if name not in present]
        for name, path in unnamed.items():
            run.named.add(path)
            if name not in present:
                yield self._missing(path, lost)
            elif name not in listing:
                fix = (
                    "remove it"
                    if self.recorded.lock.out_of(path)
                    else "added on purpose: dvc repro; by mistake: remove it"
                )
                yield self._problem(path, "not there when the stage ran", fix)
            else:
                yield self._differs(
                    path, self._detail(path, listing[name], run.digests.of(run.root / path)), listing[name]
                )
        run.missing.update(lost)

    def _detail(self, path: str, md5: str, found: LockedFile) -> str:
        """How a file differs from the one recorded: by its content where that is still known, else by its hash."""
        if found.md5 == md5:
            return f"it has {found.size:,} bytes, recorded {self.difference.recorded.size:,}"
        before = self.recorded.bytes_of(path, md5)
        if before is None:
            return f"MD5 {found.md5}, recorded {md5}"
        return content_difference(path, before, (self.run.root / path).read_bytes())

    def _differs(self, path: str, detail: str, md5: str) -> UrialError:
        """Another file than the recorded one with this MD5."""
        written = self.recorded.lock.out_of(path)
        if written is None:
            fix = f"changed since on purpose: dvc repro; by mistake: git checkout {path}"
        elif written in kept_by_git(self.run):
            fix = CHECKOUT_BY_GIT.format(path)
        else:
            # DVC removes what it cannot replace.
            fix = (CHECKOUT if self.recorded.cache.bytes(md5) is not None else PULL_OVER).format(path)
        return self._problem(path, detail, fix)

    def _missing(self, path: str, others: Sequence[str] = ()) -> UrialError:
        """A file that is not here, and how it comes, together with the ``others`` that are not."""
        written = self.recorded.lock.out_of(path)
        if written is None:
            return self._problem(path, "missing", f"removed on purpose: dvc repro; by mistake: git checkout {path}")
        by_git = written in kept_by_git(self.run)
        fix = f"restore it: git checkout {path}" if by_git else pull(others or [path])
        return UrialError("not here", path=path, where=self._where, fix=fix)

    def _problem(self, path: str, detail: str, fix: str) -> UrialError:
        verb = "wrote" if self.difference.wrote else "read"
        what = f"{path}: not as stage {self.difference.stage} {verb} it: {detail}"
        return UrialError(what, where=self._where, fix=fix)

    @property
    def _where(self) -> str:
        return f"{LOCK}, stage {self.difference.stage}, {'outs' if self.difference.wrote else 'deps'}"
