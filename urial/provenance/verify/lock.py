"""dvc.lock against dvc.yaml and params.yaml, and whether every output that it records is here."""

from collections.abc import Iterator

from urial.core.errors import UrialError, shorten
from urial.core.yaml_files import read_text
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.run.differences import content_difference, field_difference
from urial.run.lockfile import LOCK, LockedStage
from urial.run.pipeline import NamedStage, definitions, parameter_values
from urial.run.reader import MOST_NAMED, pull

MAX_BYTES = 20_000_000
CHANGED = "changed since on purpose: dvc repro; by mistake: git checkout {}"


def check_lock(run: Run) -> Checked:
    """dvc.lock can be read, and is byte for byte what DVC writes."""
    path, stages = run.root / LOCK, run.lock.stages
    from dvc.utils.serialize import dumps_yaml, loads_yaml

    text = read_text(path, MAX_BYTES)
    written: str = dumps_yaml(loads_yaml(text))
    if written != text:
        raise UrialError(
            f"not as DVC writes it: {content_difference(LOCK, written.encode(), text.encode(), 'DVC writes')}",
            path=path,
            expected="a file that DVC wrote",
            fix=f"restore it: git checkout {LOCK}",
        )
    return Checked(f"{len(stages)} stages")


def check_stages(run: Run) -> Checked:
    """The lock has every stage of dvc.yaml, each with its command, paths and parameters."""
    locked, named = run.lock.stages, run.stages
    problems = [
        UrialError(f"stage {name} has not run", path=LOCK, where="dvc.yaml", fix="run `dvc repro`")
        for name in named
        if name not in locked
    ]
    for name in (name for name in named if name in locked):
        problems += _stage_problems(run, locked[name], named[name])
    return Checked(f"{len(named)} stages with their commands, paths and parameters", problems)


def _stage_problems(run: Run, locked: LockedStage, named: NamedStage) -> Iterator[UrialError]:
    where = f"{LOCK}, stage {locked.name}"
    if detail := field_difference(*definitions(locked, named)):
        problem = f"dvc.yaml, stage {locked.name}: {detail}"
        yield UrialError(problem, where=where, fix=CHANGED.format("dvc.yaml dvc.lock"))
    if detail := field_difference(locked.params, parameter_values(run.root, named)):
        file = next(iter(named.params), "params.yaml")
        problem = f"{file}: {detail.removeprefix(f'{file}.')}"
        yield UrialError(problem, where=where, fix=CHANGED.format(f"{file} dvc.lock"))


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
