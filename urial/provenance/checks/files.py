"""The files of a run against what dvc.lock records of them."""

from collections.abc import Iterator
from dataclasses import dataclass

from urial.errors import UrialError
from urial.provenance.checks.run import Checked, NotCheckedError, Run
from urial.provenance.differences import content_difference
from urial.provenance.lock import LOCK, LockedFile, LockedStage
from urial.provenance.recorded import Recorded


@dataclass(frozen=True)
class _Place:
    """One line of the lock: what a stage read or wrote."""

    run: Run
    recorded: Recorded
    stage: str
    wrote: bool
    entry: LockedFile

    def problem(self, path: str, detail: str) -> UrialError:
        """What is wrong with a file, and which way round it may be."""
        kind = "outs" if self.wrote else "deps"
        return UrialError(
            f"{path}: not as stage {self.stage} {'wrote' if self.wrote else 'read'} it: {detail}",
            where=f"{LOCK}, stage {self.stage}, {kind}",
            fix=self._fix(path),
        )

    def _fix(self, path: str) -> str:
        written = next((out for out in self.recorded.outs if path == out or path.startswith(f"{out}/")), None)
        if written is None:
            return f"changed since on purpose: dvc repro; by mistake: git checkout {path}"
        restore = "git checkout" if written in _kept_by_git(self.run) else "dvc checkout"
        return f"edited by hand or swapped: {restore} {written}; to compute it again: dvc repro"


def _kept_by_git(run: Run) -> set[str]:
    try:
        return {path for stage in run.stages.values() for path in stage.uncached}
    except (UrialError, NotCheckedError):
        return set()


def groups(run: Run) -> list[str]:
    """The stages' names without @ITEM, in the order of the flow."""
    return list(dict.fromkeys(name.partition("@")[0] for name in _stages(run)))


def _stages(run: Run) -> dict[str, LockedStage]:
    """The locked stages in the order of dvc.yaml, without those that it no longer has; all where it cannot be read."""
    try:
        names = list(run.stages)
    except (UrialError, NotCheckedError):
        names = list(run.lock)
    return {name: run.lock[name] for name in names if name in run.lock}


def check_files(run: Run, group: str) -> Checked:
    """Every file that the stages of one name read and wrote is as the lock records it; each is named once."""
    stages = [stage for name, stage in _stages(run).items() if name.partition("@")[0] == group]
    outs = {out.path: out for stage in _stages(run).values() for out in stage.outs}
    recorded = Recorded(run.root, run.digests, outs, run.in_git)
    places = [
        _Place(run, recorded, stage.name, wrote, entry)
        for stage in stages
        for wrote, entries in ((False, stage.deps), (True, stage.outs))
        for entry in entries
    ]
    problems = [problem for place in places for problem in _problems(place)]
    count = len({place.entry.path for place in places})
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
    if not path.exists():
        run.named.add(entry.path)
        yield place.problem(entry.path, "missing")
        return
    found = run.digests.of(path)
    if found.same_content(entry):
        return
    run.named.add(entry.path)
    if (found.nfiles is None) != (entry.nfiles is None):
        yield place.problem(
            entry.path, "a file instead of a folder" if found.nfiles is None else "a folder instead of a file"
        )
    elif entry.nfiles is None:
        yield place.problem(entry.path, _difference(place, entry.path, entry.md5, found))
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
        yield place.problem(
            entry.path,
            f"MD5 {found.md5} of {found.nfiles} files and {found.size:,} bytes, "
            f"recorded {entry.md5} of {entry.nfiles} and {entry.size:,}",
        )
        return
    for name in sorted(listing.keys() | present.keys()):
        path = f"{entry.path}/{name}"
        if listing.get(name) == present.get(name) or path in run.named:
            continue
        run.named.add(path)
        if name not in present:
            yield place.problem(path, "missing")
        elif name not in listing:
            yield place.problem(path, "not there when the stage ran")
        else:
            yield place.problem(path, _difference(place, path, listing[name], run.digests.of(run.root / path)))
