"""dvc.lock against dvc.yaml and params.yaml."""

from collections.abc import Iterator
from functools import partial

from urial.core.errors import UrialError, shorten
from urial.core.yaml_files import read_text
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.run.differences import content_difference, field_difference
from urial.run.lockfile import LOCK, LockedStage
from urial.run.pipeline import NamedStage, parameter_values

MAX_BYTES = 20_000_000
CHANGED = "changed since on purpose: dvc repro; by mistake: git checkout {}"


def check_lock(run: Run) -> Checked:
    """dvc.lock can be read, and is byte for byte what DVC writes."""
    path = run.root / LOCK
    stages = run.lock
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
    locked, named = run.lock, run.stages
    problems = [
        UrialError(f"stage {name} has not run", path=LOCK, where="dvc.yaml", fix="run `dvc repro`")
        for name in named
        if name not in locked
    ]
    for name in (name for name in named if name in locked):
        problems += _stage_problems(run, locked[name], named[name])
    return Checked(f"{len(named)} stages with their commands, paths and parameters", problems)


def check_leftovers(run: Run) -> Checked:
    """The lock has no stage besides: DVC leaves those of a removed system in it."""
    left = [name for name in run.lock if name not in run.stages]
    if left:
        raise NotCheckedError(f"{len(left)} stages that dvc.yaml no longer has, first {shorten(left[0])}: in no figure")
    return Checked("none")


def _stage_problems(run: Run, locked: LockedStage, named: NamedStage) -> Iterator[UrialError]:
    recorded = {
        "cmd": locked.cmd,
        "deps": [item.path for item in locked.deps],
        "outs": [item.path for item in locked.outs],
    }
    now = {"cmd": named.cmd, "deps": list(named.deps), "outs": list(named.outs)}
    problem = partial(UrialError, where=f"{LOCK}, stage {locked.name}")
    if detail := field_difference(recorded, now):
        yield problem(f"dvc.yaml, stage {locked.name}: {detail}", fix=CHANGED.format("dvc.yaml dvc.lock"))
    if detail := field_difference(locked.params, parameter_values(run.root, named)):
        file = next(iter(named.params), "params.yaml")
        yield problem(f"{file}: {detail.removeprefix(f'{file}.')}", fix=CHANGED.format(f"{file} dvc.lock"))
