"""The files of a run against what dvc.lock records of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from urial.core.errors import UrialError
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.run.differences import content_difference
from urial.run.dvc_cache import Recorded
from urial.run.lockfile import LOCK, LockedFile, LockedStage
from urial.run.remedies import CHECKOUT, CHECKOUT_BY_GIT, PULL_OVER, pull


@dataclass(frozen=True)
class _Place:
    """One line of the lock: what a stage read or wrote."""

    run: Run
    recorded: Recorded
    stage: str
    wrote: bool
    entry: LockedFile

    @property
    def _where(self) -> str:
        return f"{LOCK}, stage {self.stage}, {'outs' if self.wrote else 'deps'}"

    def problem(self, path: str, detail: str, fix: str) -> UrialError:
        """What is wrong with a file."""
        what = f"{path}: not as stage {self.stage} {'wrote' if self.wrote else 'read'} it: {detail}"
        return UrialError(what, where=self._where, fix=fix)

    def differs(self, path: str, detail: str, md5: str) -> UrialError:
        """Another file than the recorded one with this MD5, and which way round it may be."""
        written = self._written(path)
        if written is None:
            fix = f"changed since on purpose: dvc repro; by mistake: git checkout {path}"
        elif written in kept_by_git(self.run):
            fix = CHECKOUT_BY_GIT.format(path)
        else:
            # DVC removes what it cannot replace.
            fix = (CHECKOUT if self.recorded.in_cache(md5) else PULL_OVER).format(path)
        return self.problem(path, detail, fix)

    def added(self, path: str) -> UrialError:
        """A file in a recorded folder that was not there."""
        fix = "remove it" if self._written(path) else "added on purpose: dvc repro; by mistake: remove it"
        return self.problem(path, "not there when the stage ran", fix)

    def missing(self, path: str, others: Sequence[str] = ()) -> UrialError:
        """A file that is not here, and how it comes, together with the ``others`` that are not."""
        written = self._written(path)
        if written is None:
            return self.problem(path, "missing", f"removed on purpose: dvc repro; by mistake: git checkout {path}")
        by_git = written in kept_by_git(self.run)
        fix = f"restore it: git checkout {path}" if by_git else pull(others or [path])
        return UrialError(f"{path}: not here", where=self._where, fix=fix)

    def _written(self, path: str) -> str | None:
        """The output that a file is, or is in."""
        return next((out for out in self.recorded.outs if path == out or path.startswith(f"{out}/")), None)


def kept_by_git(run: Run) -> set[str]:
    """The outputs that are not DVC's to bring."""
    try:
        return {path for stage in run.stages.values() for path in stage.uncached}
    except (UrialError, NotCheckedError):
        return set()


def groups(run: Run) -> list[str]:
    """The stages' names without @ITEM, in the order of the flow."""
    return list(dict.fromkeys(name.partition("@")[0] for name in locked_stages(run)))


def locked_stages(run: Run) -> dict[str, LockedStage]:
    """The locked stages in the order of dvc.yaml, without those that it no longer has; all where it cannot be read."""
    try:
        names = list(run.stages)
    except (UrialError, NotCheckedError):
        names = list(run.lock)
    return {name: run.lock[name] for name in names if name in run.lock}


def check_files(run: Run, group: str) -> Checked:
    """Every file that the stages of one name read and wrote is as the lock records it; each is named once."""
    stages = [stage for name, stage in locked_stages(run).items() if name.partition("@")[0] == group]
    outs = {out.path: out for stage in locked_stages(run).values() for out in stage.outs}
    recorded = Recorded(run.root, run.digests, outs, run.in_git)
    places = [
        _Place(run, recorded, stage.name, wrote, entry)
        for stage in stages
        for wrote, entries in ((False, stage.deps), (True, stage.outs))
        for entry in entries
    ]
    problems = [problem for place in places for problem in _problems(place)]
    count = len({place.entry.path for place in places if not run.is_missing(place.entry.path)})
    return Checked(f"{count} files and folders as recorded", problems)


def _problems(place: _Place) -> Iterator[UrialError]:
    run, entry = place.run, place.entry
    written = place.recorded.outs.get(entry.path)
    if written is not None and not place.wrote and not written.same_content(entry):
        yield UrialError(
            f"{LOCK}: stage {place.stage} read another {entry.path} than is recorded as written: "
            f"MD5 {entry.md5} and {entry.size:,} bytes, written {written.md5} and {written.size:,}",
            fix=f"run `dvc repro`, or restore it: git checkout {LOCK}",
        )
    elif entry.path not in run.named:
        yield from _file_problems(place)


def _file_problems(place: _Place) -> Iterator[UrialError]:
    run, entry = place.run, place.entry
    path = run.root / entry.path
    if run.is_missing(entry.path):
        return
    if not path.exists():
        run.named.add(entry.path)
        yield place.missing(entry.path)
        return
    found = run.digests.of(path)
    if found.same_content(entry):
        return
    run.named.add(entry.path)
    if (found.nfiles is None) != (entry.nfiles is None):
        detail = "a file instead of a folder" if found.nfiles is None else "a folder instead of a file"
        yield place.differs(entry.path, detail, entry.md5)
    elif entry.nfiles is None:
        yield place.differs(entry.path, _difference(place, entry.path, entry.md5, found), entry.md5)
    else:
        yield from _folder_problems(place, found)


def _difference(place: _Place, path: str, md5: str, found: LockedFile) -> str:
    """How a file differs from the one recorded: by its content where that is still to be found, else by its hash."""
    if found.md5 == md5:
        return f"it has {found.size:,} bytes, recorded {place.entry.size:,}"
    before = place.recorded.bytes_of(path, md5)
    if before is None:
        return f"MD5 {found.md5}, recorded {md5}"
    return content_difference(path, before, (place.run.root / path).read_bytes())


def _folder_problems(place: _Place, found: LockedFile) -> Iterator[UrialError]:
    run, entry = place.run, place.entry
    listing, present = place.recorded.listing(entry), place.recorded.present(entry.path)
    if listing is None or listing == present:
        detail = (
            f"MD5 {found.md5} of {found.nfiles} files and {found.size:,} bytes, "
            f"recorded {entry.md5} of {entry.nfiles} and {entry.size:,}"
        )
        yield place.differs(entry.path, detail, entry.md5)
        return
    names = [f"{entry.path}/{name}" for name in sorted(listing.keys() | present.keys())]
    unnamed = [path for path in names if path not in run.named and not run.is_missing(path)]
    recorded, found_now = ({f"{entry.path}/{name}": md5 for name, md5 in item.items()} for item in (listing, present))
    lost = [path for path in unnamed if path not in found_now]
    for path in unnamed:
        if recorded.get(path) == found_now.get(path):
            continue
        run.named.add(path)
        if path in lost:
            yield place.missing(path, lost)
        elif path not in recorded:
            yield place.added(path)
        else:
            detail = _difference(place, path, recorded[path], run.digests.of(run.root / path))
            yield place.differs(path, detail, recorded[path])
    run.missing.update(lost)
