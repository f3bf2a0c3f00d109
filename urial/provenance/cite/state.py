"""How a state is restored, and what speaks against that."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import Field

from urial.provenance.cite.data import data_caveat, pull_commands
from urial.records.base import Record
from urial.run import git as facts
from urial.run.folders import RunFolder
from urial.run.lockfile import LOCK, Digests, LockedFile, LockedStage, read_lock
from urial.run.pipeline import parameter_values, read_pipeline
from urial.run.remotes import DataRemote, GitRemote, data_remotes, git_remotes, unversioned_outputs

MAX_NAMED = 10


class Caveat(Record):
    """Why a citation may not hold."""

    kind: Literal["dirty", "no_commit", "unpushed", "lock", "data"] = Field(
        description="dirty: changes without a commit; no_commit: not under git; unpushed: no git remote is known to have "
        "it; lock: files are not those of dvc.lock; data: no DVC remote is known to have its outputs"
    )
    text: str = Field(description="for people")


@dataclass(frozen=True)
class State:
    """A run and the places that it can be had from."""

    folder: RunFolder
    # The repository that the commit is in.
    root: Path
    experiment: facts.Experiment | None
    remotes: tuple[GitRemote, ...]
    stores: tuple[DataRemote, ...]
    # Paths of the outputs that git does not have.
    outputs: tuple[str, ...]
    # Whether remotes behind a network were asked.
    online: bool

    @property
    def source(self) -> GitRemote | None:
        """The git remote to get it from: one that has it, else the first."""
        return next((remote for remote in self.remotes if remote.has), next(iter(self.remotes), None))


def state_of(folder: RunFolder, root: Path, online: bool) -> State:
    """Look up what a run's repository tells of it; other machines are asked only when ``online``."""
    if folder.commit is None:
        return State(folder, root, None, (), (), (), online)
    experiment = facts.experiment_of(folder.commit, root)
    outputs = unversioned_outputs(folder.path)
    return State(
        folder=folder,
        root=root,
        experiment=experiment,
        remotes=tuple(git_remotes(folder.commit, experiment, root, online)),
        stores=tuple(data_remotes(folder.path, root, outputs)),
        outputs=tuple(out.path for out in outputs),
        online=online,
    )


def restore_commands(state: State) -> tuple[str, ...]:
    """The shell commands that bring exactly this state into an empty folder; none for what is not under git."""
    commit = state.folder.commit
    if commit is None:
        return ()
    url = state.source.url if state.source else str(state.root.resolve())
    target = f"urial-{commit[:12]}"
    prefix = facts.git(state.root, "rev-parse", "--show-prefix").strip()
    # Under its own name, so that the experiment is one in the new clone, too.
    ref = state.experiment and f"{state.experiment.ref}:{state.experiment.ref}"
    fetch = [f"git fetch origin {shlex.quote(ref)}"] if ref else []
    return (
        f"git clone --no-checkout {shlex.quote(url)} {target}",
        f"cd {target}",
        *fetch,
        f"git checkout --detach {commit}",
        *([f"cd {shlex.quote(prefix)}"] if prefix else []),
        *pull_commands(state.stores, state.outputs),
        "urial verify",
    )


def caveats(state: State) -> tuple[Caveat, ...]:
    """What speaks against citing a state."""
    return tuple(
        Caveat.model_validate({"kind": kind, "text": text})
        for kind, text in (
            ("no_commit", _no_commit(state)), ("dirty", _dirty(state)), ("lock", _lock(state.folder.path)),
            ("unpushed", _unpushed(state)), ("data", _data(state)),
        )
        if text
    )  # fmt: skip


def _no_commit(state: State) -> str | None:
    return None if state.folder.commit else "the run is not under git, or has no commit yet: nothing names its state"


def _dirty(state: State) -> str | None:
    """Changes, and the experiment that has them all: a workspace experiment leaves its changes in the work tree."""
    if not state.folder.dirty:
        return None
    same = next(
        (item.name for item in facts.experiments(state.root) if facts.same_files(item.commit, state.root)), None
    )
    hint = (
        f"cite the experiment that is the same: urial cite {shlex.quote(same)}" if same else "commit, then cite again"
    )
    return f"files have changes that no one else can get: {named(state.folder.dirty)}; {hint}"


def _unpushed(state: State) -> str | None:
    if state.folder.commit is None or any(remote.has for remote in state.remotes):
        return None
    asked = [remote.name for remote in state.remotes if remote.has is None]
    what = f"the experiment {state.experiment.name}" if state.experiment else "the commit"
    if not state.remotes:
        return f"{what} is in this clone alone: it has no git remote; add one and push"
    if asked:
        answer = "none of them answered" if state.online else "`urial cite --online` asks"
        return f"not known whether {what} is on {named(asked)}; {answer}"
    push = _push_command(state) if state.experiment else "git push"
    return f"{what} is on no git remote, as far as this clone knows; run `{push}`"


def _data(state: State) -> str | None:
    return data_caveat(state.stores, state.outputs, _push_command(state))


def _push_command(state: State) -> str:
    """What pushes the outputs of the state."""
    if not state.experiment:
        return "dvc push"
    remote = shlex.quote(state.remotes[0].name) if state.remotes else "GIT_REMOTE"
    return f"dvc exp push {remote} {shlex.quote(state.experiment.name)}"


def _lock(folder: Path) -> str | None:
    path = folder / LOCK
    if not path.is_file():
        return "there is no dvc.lock: nothing says what the figures were made of"
    changed = changed_files(folder)
    return f"files are not those that dvc.lock was written for: {named(changed)}; run `dvc repro`" if changed else None


def changed_files(folder: Path) -> list[str]:
    """Files and folders that are here and are not those in dvc.lock, and parameter files with other values."""
    stages = read_lock(folder / LOCK)
    digests = Digests(folder)
    locked: dict[str, LockedFile] = {}
    for stage in stages.values():
        locked.update({item.path: item for item in (*stage.deps, *stage.outs)})
    absent = [path for path in locked if not (folder / path).exists()]
    found = [
        path
        for path, item in locked.items()
        # A folder is not complete while an output inside it is not here.
        if not any(_overlap(path, other) for other in absent) and not digests.of(folder / path).same_content(item)
    ]
    return sorted({*found, *_changed_definitions(folder, stages)})


def _overlap(path: str, other: str) -> bool:
    first, second = PurePosixPath(path), PurePosixPath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)


def _changed_definitions(folder: Path, locked: Mapping[str, LockedStage]) -> list[str]:
    """dvc.yaml where its stages are not those of the lock, and parameter files with other values than the lock has."""
    stages = read_pipeline(folder)
    changed = [] if stages.keys() == locked.keys() else ["dvc.yaml"]
    for name in stages.keys() & locked.keys():
        now, then = stages[name], locked[name]
        paths = [sorted(item.path for item in items) for items in (then.deps, then.outs)]
        if now.cmd != then.cmd or paths != [list(now.deps), list(now.outs)]:
            changed.append("dvc.yaml")
        values = parameter_values(folder, now)
        changed += [file for file in values.keys() | then.params.keys() if values.get(file) != then.params.get(file)]
    return changed


def named(names: Sequence[str]) -> str:
    """The names for people, the first few of many."""
    shown = [name if name.isprintable() else repr(name) for name in names[:MAX_NAMED]]
    return ", ".join(shown) + (f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else "")
