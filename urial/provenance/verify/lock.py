"""dvc.lock against dvc.yaml and params.yaml, and the files of a run against it.

What was recorded is looked for in DVC's cache and in git's HEAD, so that a difference can be shown.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property

from urial.core.errors import UrialError, shorten
from urial.core.text import and_more, counted
from urial.core.yaml_files import parse_yaml_record, read_text
from urial.provenance.verify.inputs import check_plan
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.run.changes import added_files
from urial.run.differences import content_difference, field_difference
from urial.run.dvc_cache import DvcCache, md5_of
from urial.run.files import folder_digest
from urial.run.git import git_bytes
from urial.run.lockfile import LOCK, Lock, LockDifference, LockedFile
from urial.run.pipeline import PARAMETERS, YamlObject, definitions, parameter_values
from urial.run.reader import CHECKOUT, CHECKOUT_BY_GIT, MOST_NAMED, PULL_OVER, pull

MAX_BYTES = 20_000_000
# What plan makes the plan of, besides params.yaml: while that is the same, they decided nothing.
PLANNED_FROM = ("prompts", "instructions")
CHANGED = "changed since on purpose: dvc repro; by mistake: git checkout {}"


def check_lock(run: Run) -> Checked:
    """dvc.lock can be read, and is byte for byte what DVC writes."""
    path, stages = run.root / LOCK, run.lock.stages
    from dvc.utils.serialize import dumps_yaml, loads_yaml

    text = read_text(path, MAX_BYTES)
    # The values that are known already, first: DVC reads a lock in half a second, and only a date is another one for it.
    written: str = dumps_yaml(parse_yaml_record(path, YamlObject).root)
    if written != text:
        written = dumps_yaml(loads_yaml(text))
    if written != text:
        raise UrialError(
            f"not as DVC writes it: {content_difference(LOCK, written.encode(), text.encode(), 'DVC writes')}",
            path=path,
            expected="a file that DVC wrote",
            fix=f"restore it: git checkout {LOCK}",
        )
    return Checked(f"{counted(len(stages), 'stage')}")


def check_stages(run: Run) -> Checked:
    """The lock has every stage of dvc.yaml, each with its command, paths and parameters."""
    locked, named = run.lock.stages, run.stages
    problems = [
        UrialError(f"stage {name} has not run", path=LOCK, where="dvc.yaml", fix="run `dvc repro`")
        for name in named
        if name not in locked
    ]
    # Of a file that was cut, what is left can be whole; without the last stage there are no figures.
    if "report" in locked and "report" not in named:
        fix = CHANGED.format("dvc.yaml dvc.lock")
        problems.append(
            UrialError("dvc.yaml has no stage report, which has run", where=f"{LOCK}, stage report", fix=fix)
        )
    for name in (name for name in named if name in locked):
        where, file = f"{LOCK}, stage {name}", next(iter(named[name].params), PARAMETERS)
        if detail := field_difference(*definitions(locked[name], named[name])):
            fix = CHANGED.format("dvc.yaml dvc.lock")
            problems.append(UrialError(f"dvc.yaml, stage {name}: {detail}", where=where, fix=fix))
        if detail := field_difference(locked[name].params, parameter_values(run.root, named[name])):
            fix = CHANGED.format(f"{file} dvc.lock")
            problems.append(UrialError(f"{file}: {detail.removeprefix(f'{file}.')}", where=where, fix=fix))
    return Checked(f"{counted(len(named), 'stage')} with their commands, paths and parameters", problems)


def check_leftovers(run: Run) -> Checked:
    """The lock has no stage besides: DVC leaves those of a removed system in it."""
    if left := [name for name in run.lock.stages if name not in run.stages]:
        raise NotCheckedError(f"{len(left)} stages that dvc.yaml no longer has, first {shorten(left[0])}: in no figure")
    return Checked("none")


def check_present(run: Run) -> Checked:
    """Every output of the lock is here. One that is not is named only by this link; what needs it is not checked."""
    makers, by_git = run.current_lock.makers, run.kept_by_git
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
    problems, unwritten, idle = [], set(), list[str]()
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
            without_effect = _without_effect(run, difference)
            idle += without_effect
            problems += [] if without_effect else recorded.problems(difference)
    since = f"; since then, without effect: {and_more(idle, MOST_NAMED)}" if idle else ""
    return Checked(
        f"{sum(not run.is_missing(path) for path in part.files)} files and folders as recorded{since}", problems
    )


def _without_effect(run: Run, difference: LockDifference) -> list[str]:
    """What a folder that a stage read has besides what it read, or what of it changed while the plan is the same."""
    if difference.wrote or difference.found is None:
        return []
    if added := added_files(difference.recorded, run.digests):
        return added
    with suppress(UrialError, NotCheckedError):
        if difference.path in PLANNED_FROM and not check_plan(run).problems:
            return [difference.path]
    return []


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
        run, entry, found = self.run, difference.recorded, difference.found
        changes: list[tuple[str, str | None, LockedFile | None]] = [(entry.path, entry.md5, found)]
        if found is not None and found.nfiles is not None and entry.nfiles is not None:
            folder = run.root / entry.path
            present = {name: run.digests.of(folder / name) for name in run.digests.files(folder)}
            md5s = {name: file.md5 for name, file in present.items()}
            listing = self._listing(entry, md5s)
            if listing is not None and listing != md5s:
                names = [name for name in sorted(listing | md5s) if listing.get(name) != md5s.get(name)]
                named = [(f"{entry.path}/{name}", listing.get(name), present.get(name)) for name in names]
                changes = [change for change in named if change[0] not in run.named and not run.is_missing(change[0])]
                run.named.update(path for path, _, _ in changes)
        lost = [path for path, _, now in changes if now is None]
        for path, was, now in changes:
            yield self._problem(difference, path, was, now, lost)
        run.missing.update(path for path in lost if path != entry.path)

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

    def _problem(
        self, difference: LockDifference, path: str, was: str | None, now: LockedFile | None, lost: Sequence[str]
    ) -> UrialError:
        """What is wrong with a file or folder that ``was`` recorded with an MD5, and which way round it may be."""
        written = self.lock.out_of(path)
        by_git = written in self.run.kept_by_git
        if now is None:
            if written is not None:
                fix = f"restore it: git checkout {path}" if by_git else pull(lost)
                return UrialError("not here", path=path, where=difference.where, fix=fix)
            detail, fix = "missing", f"removed on purpose: dvc repro; by mistake: git checkout {path}"
        elif was is None:
            detail = "not there when the stage ran"
            fix = "remove it" if written else "added on purpose: dvc repro; by mistake: remove it"
        else:
            detail = self._detail(difference.recorded, path, was, now)
            fix = CHANGED.format(path)
            if by_git:
                fix = CHECKOUT_BY_GIT.format(path)
            elif written is not None:
                # DVC removes what it cannot replace.
                fix = (CHECKOUT if self.cache.bytes(was) is not None else PULL_OVER).format(path)
        stage = difference.stage
        what = f"not as stage {stage} wrote it" if difference.wrote else f"changed since stage {stage} ran"
        return UrialError(f"{path}: {what}: {detail}", where=difference.where, fix=fix)

    def _detail(self, entry: LockedFile, path: str, was: str, now: LockedFile) -> str:
        """How a file differs from the one recorded: by its content where that is still known, else by its hash."""
        folder = path == entry.path and entry.nfiles is not None
        if folder != (now.nfiles is not None):
            return "a file instead of a folder" if folder else "a folder instead of a file"
        if folder:
            return (
                f"MD5 {now.md5} of {now.nfiles} files and {now.size:,} bytes, "
                f"recorded {was} of {entry.nfiles} and {entry.size:,}"
            )
        if now.md5 == was:
            return f"it has {now.size:,} bytes, recorded {entry.size:,}"
        if (before := self.bytes_of(path, was)) is not None:
            return content_difference(path, before, (self.run.root / path).read_bytes())
        return f"MD5 {now.md5}, recorded {was}"
