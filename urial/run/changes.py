"""Which changed files decide a run: what no stage reads, such as notes or a page of docs, makes no run another one."""

from collections.abc import Iterator, Mapping
from itertools import combinations, islice
from math import comb
from pathlib import Path, PurePosixPath

from urial.core.errors import UrialError
from urial.core.text import and_more
from urial.core.yaml_files import parse_yaml_record
from urial.run import git
from urial.run.differences import dotted, json_differences
from urial.run.files import Digests, folder_digest
from urial.run.lockfile import LOCK, Lock, LockedFile, is_within
from urial.run.paths import DATA, REPORT
from urial.run.pipeline import PARAMETERS, PIPELINE, YamlObject

# Besides what the stages read and write: all code, since every stage stands on some of it, and where the outputs are kept.
ALWAYS = (PIPELINE, LOCK, PARAMETERS, "urial", "stages", ".dvc/config", ".dvcignore")
# Parameters that a message names.
MOST_NAMED = 5
# Ways to leave out files of a folder that are looked at, and those of the right size whose digest is computed: a folder that
# somebody sent can have any number of files.
MOST_WAYS, MOST_DIGESTS = 200_000, 2_000


def dirty_files(root: Path) -> tuple[str, ...]:
    """Files that decide the run and differ from HEAD, or are not in it, in order of their names.

    An untracked file counts where the lock says that a stage has read it.
    """
    changed = git.changed_files(root)
    if not changed:
        return ()
    try:
        lock = Lock.read(root)
    except UrialError:  # Nothing says what the run reads.
        return tuple(sorted(changed))
    tracked = [path for path, known in changed.items() if known]
    untracked = changed.keys() - set(tracked)
    deciding = {path for path in tracked if any(is_within(path, name) for name in (*ALWAYS, *lock.files))}
    tree = Digests(root)
    for name, entry in lock.files.items():
        inside = {path for path in untracked if is_within(path, name)}
        if inside and not inside <= set(added_files(entry, tree)):
            deciding |= inside
    return tuple(sorted(deciding))


def changed_inputs(root: Path) -> list[str]:
    """What the last run read and is otherwise now, and its report where that is not the one recorded; of parameters which ones.

    Empty where no lock says. It takes a moment: no output besides is hashed, and DVC is not asked.
    """
    try:
        lock, tree = Lock.read(root), Digests(root)
        # DVC leaves the stages of a removed system in the lock; their files are gone.
        stages = [
            stage
            for stage in lock.stages.values()
            if "@" not in stage.name or any((root / out.path).exists() for out in stage.outs)
        ]
        changed = {dep.path: None for stage in stages for dep in stage.deps if _is_changed(dep, lock, tree)}
        report = lock.outs.get(REPORT.path())
        if report is not None and tree.differing(report) is not None:
            changed[report.path] = None
        return [*_changed_parameters(root, lock), *changed]
    except UrialError:
        return []


def _is_changed(entry: LockedFile, lock: Lock, tree: Digests) -> bool:
    """Whether what a stage read is not as it was; what a folder has besides is read by nobody."""
    path, written = entry.path, lock.outs.get(entry.path)
    if written is not None:
        return not written.same_content(entry)
    # A folder of other outputs, which stand in the lock themselves; what is not pulled is not changed.
    if path.startswith(f"{DATA}/") and (lock.out_of(path) is None or not (tree.root / path).exists()):
        return False
    return not (tree.root / path).exists() or (tree.differing(entry) is not None and not added_files(entry, tree))


def _changed_parameters(root: Path, lock: Lock) -> list[str]:
    """The parameters that have other values than the run had, as FILE: KEY, ..."""
    recorded: dict[str, dict[str, object]] = {}
    for stage in lock.stages.values():
        for file, values in stage.params.items():
            recorded.setdefault(file, {}).update(values)
    named = []
    for file, values in recorded.items():
        present = parse_yaml_record(root / file, YamlObject).root
        found = {key: present.get(key) if key in present else _below(present, key) for key in values}
        if keys := [dotted(path) for path, _, _ in json_differences(values, found)]:
            named.append(f"{file} ({and_more(keys, MOST_NAMED)})")
    return named


def _below(tree: object, key: str) -> object:
    """The value at a path with dots; None where there is none."""
    for part in key.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def added_files(entry: LockedFile, tree: Digests) -> list[str]:
    """The files that a folder of the run has besides those that were recorded, all of which are as they were; else none."""
    folder = tree.root / entry.path
    if entry.nfiles is None or not folder.is_dir():
        return []
    present = {name: tree.of(folder / name) for name in tree.files(folder)}
    ways = _ways_to_leave_out(present, len(present) - entry.nfiles, entry.size)
    for left_out in islice(ways, MOST_DIGESTS):
        if folder_digest({name: file.md5 for name, file in present.items() if name not in left_out}) == entry.md5:
            return sorted(f"{entry.path}/{name}" for name in left_out)
    return []


def _ways_to_leave_out(present: Mapping[str, LockedFile], count: int, size: int) -> Iterator[frozenset[str]]:
    """Sets of so many files without which the others have this size: all of some folder, and a few besides."""
    excess, left = sum(file.size for file in present.values()) - size, MOST_WAYS
    folders: dict[str, set[str]] = {"": set()}
    for name in present:
        for parent in PurePosixPath(name).parents[:-1]:
            folders.setdefault(parent.as_posix(), set()).add(name)
    for group in folders.values():
        few = count - len(group)
        if count < 1 or few < 0 or (ways := comb(len(present) - len(group), few)) > left:
            continue
        left -= ways
        rest = excess - sum(present[name].size for name in group)
        for some in combinations(sorted(present.keys() - group), few):
            if sum(present[name].size for name in some) == rest:
                yield frozenset(group) | frozenset(some)
