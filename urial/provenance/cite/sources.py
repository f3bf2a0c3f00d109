"""Where a cited run can be had from, the commands that restore it, and what speaks against citing it."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from urial.core.text import and_more
from urial.records.base import Record
from urial.run.digests import Digests
from urial.run.folders import RunFolder
from urial.run.git import Experiment, experiment_of, experiments, git, same_files
from urial.run.lockfile import LOCK, Lock, is_within
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
class Sources:
    """Where a run can be had from: its commit from git remotes, its outputs from DVC remotes."""

    run: RunFolder
    # The repository that the commit is in.
    root: Path
    experiment: Experiment | None = None
    git_remotes: tuple[GitRemote, ...] = ()
    data_remotes: tuple[DataRemote, ...] = ()
    # Paths of the outputs that git does not have.
    outputs: tuple[str, ...] = ()
    # Whether git remotes on other machines were asked.
    online: bool = False

    @property
    def git_remote(self) -> GitRemote | None:
        """The git remote to clone from: one that has the commit, else the first."""
        return next((remote for remote in self.git_remotes if remote.has), next(iter(self.git_remotes), None))


def sources_of(folder: RunFolder, root: Path, online: bool) -> Sources:
    """What the run's repository knows of its remotes; other machines are asked only when ``online``."""
    commit = folder.state.commit
    if commit is None:
        return Sources(folder, root)
    experiment = experiment_of(commit, root)
    outputs = unversioned_outputs(folder.path)
    return Sources(
        run=folder,
        root=root,
        experiment=experiment,
        git_remotes=tuple(git_remotes(commit, experiment, root, online)),
        data_remotes=tuple(data_remotes(folder.path, root, outputs)),
        outputs=tuple(out.path for out in outputs),
        online=online,
    )


def restore_commands(sources: Sources) -> tuple[str, ...]:
    """The shell commands that bring exactly this run into an empty folder; none for what is not under git."""
    commit = sources.run.state.commit
    if commit is None:
        return ()
    url = sources.git_remote.url if sources.git_remote else str(sources.root.resolve())
    target = f"urial-{commit[:12]}"
    prefix = git(sources.root, "rev-parse", "--show-prefix").strip()
    # Under its own name, so that the experiment is one in the new clone, too.
    ref = sources.experiment and f"{sources.experiment.ref}:{sources.experiment.ref}"
    return (
        f"git clone --no-checkout {shlex.quote(url)} {target}",
        f"cd {target}",
        *([f"git fetch origin {shlex.quote(ref)}"] if ref else []),
        f"git checkout --detach {commit}",
        *([f"cd {shlex.quote(prefix)}"] if prefix else []),
        *_pull_commands(sources),
        "urial verify",
    )


def _pull_commands(sources: Sources) -> list[str]:
    """Commands that bring the outputs into a fresh clone: from remotes, or computed where no remote has them."""
    chosen, to_compute = _pulled_from(sources)
    lines = []
    for remote in chosen:
        name = shlex.quote(remote.name)
        if not remote.committed:
            lines.append(f"dvc remote add --local {name} {shlex.quote(remote.url)}")
            lines += [f"dvc remote modify --local {name} {key} {shlex.quote(value)}" for key, value in remote.settings]
        # The last one has what the others lack, so that DVC fails where that is not so.
        allow = " --allow-missing" if to_compute or remote is not chosen[-1] else ""
        lines.append(f"dvc pull{'' if remote.default else f' --remote {name}'}{allow}")
    return [*lines, *(["dvc repro"] if to_compute else [])]


def _pulled_from(sources: Sources) -> tuple[list[DataRemote], bool]:
    """The DVC remotes to pull from, one after the other, and whether no remote has some output.

    One that has everything is enough. Else those over a network, which may have what the others lack, come last.
    """
    missing = set(sources.outputs)
    for remote in sources.data_remotes:
        if remote.whole is not None and missing <= remote.whole:
            return ([remote] if missing else []), False
    chosen = []
    for remote in sources.data_remotes:
        if remote.whole and missing & remote.whole:
            chosen.append(remote)
            missing -= remote.whole
    if not missing:
        return chosen, False
    unknown = [remote for remote in sources.data_remotes if remote.whole is None]
    return [*chosen, *unknown], not unknown


def caveats(sources: Sources) -> tuple[Caveat, ...]:
    """What speaks against citing a run."""
    texts = {
        "no_commit": None
        if sources.run.state.commit
        else "the run is not under git, or has no commit yet: nothing names its state",
        "dirty": _dirty(sources),
        "lock": _lock(sources.run.path),
        "unpushed": _unpushed(sources),
        "data": _data(sources),
    }
    return tuple(Caveat.model_validate({"kind": kind, "text": text}) for kind, text in texts.items() if text)


def _dirty(sources: Sources) -> str | None:
    """Changes, and the experiment that has them all: a workspace experiment leaves its changes in the work tree."""
    dirty = sources.run.state.dirty
    if not dirty:
        return None
    same = next((known.name for known in experiments(sources.root) if same_files(known.commit, sources.root)), None)
    advice = "commit, then cite again"
    if same:
        advice = f"cite the experiment that is the same: urial cite --rev {shlex.quote(same)}"
    return f"files have changes that no one else can get: {and_more(dirty, MAX_NAMED)}; {advice}"


def _unpushed(sources: Sources) -> str | None:
    if sources.run.state.commit is None or any(remote.has for remote in sources.git_remotes):
        return None
    what = f"the experiment {sources.experiment.name}" if sources.experiment else "the commit"
    if not sources.git_remotes:
        return f"{what} is only in this clone: it has no git remote; add one and push"
    unknown = [remote.name for remote in sources.git_remotes if remote.has is None]
    if unknown:
        answer = "none of them answered" if sources.online else "`urial cite --online` asks"
        return f"not known whether {what} is on {and_more(unknown, MAX_NAMED)}; {answer}"
    push = _push_command(sources) if sources.experiment else "git push"
    return f"{what} is on no git remote, as far as this clone knows; run `{push}`"


def _data(sources: Sources) -> str | None:
    """Why the outputs may be nowhere."""
    chosen, to_compute = _pulled_from(sources)
    if to_compute and not sources.data_remotes:
        return "neither the commit nor this clone names a DVC remote: its outputs have to be computed again"
    if to_compute:
        lacking = ", ".join(f"{remote.name} lacks at least {remote.lacks:,} files" for remote in sources.data_remotes)
        return (
            f"no DVC remote has all outputs ({lacking}): those that none has have to be computed again; "
            f"run `{_push_command(sources)}`"
        )
    unknown = [remote for remote in chosen if remote.whole is None]
    if not unknown:
        return None
    names = " or ".join(f"{remote.name} ({remote.url})" for remote in unknown)
    ask = " and ".join(f"`dvc status --cloud --remote {shlex.quote(remote.name)}`" for remote in unknown)
    return f"not known whether the outputs are in the DVC remote {names}, over a network: ask by {ask}"


def _push_command(sources: Sources) -> str:
    """What pushes the outputs of the run."""
    if not sources.experiment:
        return "dvc push"
    remote = shlex.quote(sources.git_remotes[0].name) if sources.git_remotes else "GIT_REMOTE"
    return f"dvc exp push {remote} {shlex.quote(sources.experiment.name)}"


def _lock(folder: Path) -> str | None:
    if not (folder / LOCK).is_file():
        return "there is no dvc.lock: nothing says what the figures were made of"
    lock = Lock.read(folder)
    differences = list(lock.against(Digests(folder)))
    absent = [difference.path for difference in differences if difference.found is None]
    changed = {
        difference.path
        for difference in differences
        # A folder is not complete while an output inside it is not here.
        if difference.found and not any(is_within(path, difference.path) for path in absent)
    }
    changed |= _changed_definitions(folder, lock)
    return (
        f"files are not those that dvc.lock was written for: {and_more(sorted(changed), MAX_NAMED)}; run `dvc repro`"
        if changed
        else None
    )


def _changed_definitions(folder: Path, lock: Lock) -> set[str]:
    """dvc.yaml where its stages are not those of the lock, and parameter files with other values than the lock has."""
    stages = read_pipeline(folder)
    changed = set() if stages.keys() == lock.stages.keys() else {"dvc.yaml"}
    for name in stages.keys() & lock.stages.keys():
        now, then = stages[name], lock.stages[name]
        paths = [sorted(file.path for file in files) for files in (then.deps, then.outs)]
        if now.cmd != then.cmd or paths != [list(now.deps), list(now.outs)]:
            changed.add("dvc.yaml")
        values = parameter_values(folder, now)
        changed |= {file for file in values.keys() | then.params.keys() if values.get(file) != then.params.get(file)}
    return changed
