"""Where a cited run can be had from, the commands that restore it, and what speaks against citing it."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field

from urial.core.store import read_json
from urial.core.text import and_more, counted
from urial.records.base import Record
from urial.records.package import InstalledPackage
from urial.run.changes import added_files
from urial.run.files import Digests
from urial.run.folders import RunFolder
from urial.run.git import Experiment, experiment_of, experiments, git, same_files
from urial.run.lockfile import LOCK, Lock, is_within
from urial.run.package import PACKAGE
from urial.run.pipeline import PIPELINE, current_lock, definitions, parameter_values, read_pipeline
from urial.run.remotes import DataRemote, GitRemote, data_remotes, git_remotes

MAX_NAMED = 10
Kind = Literal["no_commit", "dirty", "lock", "unpushed", "data"]


class Caveat(Record):
    """Why a citation may not hold."""

    kind: Kind = Field(
        description="dirty: changes without a commit; no_commit: not under git; unpushed: no git remote is known to have "
        "it; lock: files are not those of dvc.lock; data: no DVC remote is known to have its outputs"
    )
    text: str = Field(description="for people")


def sources_of(run: RunFolder, root: Path, online: bool) -> tuple[str | None, list[str], list[Caveat]]:
    """Where a run can be had from, as far as its repository in ``root`` knows: (address, commands, caveats).

    The address is that of the git remote to clone, if there is one; the commands bring exactly this run into an empty
    folder, and are none where it is not under git. Other machines are asked only when ``online``.
    """
    commit, url, restore = run.state.commit, None, list[str]()
    texts: dict[Kind, str | None] = {"dirty": _dirty(run, root), "lock": _lock(run.path)}
    if commit is None:
        texts["no_commit"] = "the run is not under git, or has no commit yet: nothing names its state"
    else:
        experiment = experiment_of(commit, root)
        clones = git_remotes(commit, experiment, root, online)
        url = next((remote.url for remote in clones if remote.has), clones[0].url if clones else None)
        tracked = set(git(run.path, "ls-files", "-z").split("\0"))
        outputs = current_lock(run.path).outs if (run.path / LOCK).is_file() else {}
        outputs = {path: out for path, out in outputs.items() if path not in tracked}
        stores = data_remotes(run.path, root, list(outputs.values()))
        chosen, to_compute = _pulled_from(stores, set(outputs))
        push = "dvc push"
        if experiment:
            remote = shlex.quote(clones[0].name) if clones else "GIT_REMOTE"
            push = f"dvc exp push {remote} {shlex.quote(experiment.name)}"
        texts["unpushed"] = _unpushed(clones, experiment, online, push if experiment else "git push")
        texts["data"] = _not_stored(stores, push) if to_compute else _over_networks(chosen)
        pull = _pull_commands(chosen, to_compute)
        clone = _clone_commands(commit, experiment, url or str(root.resolve()), root)
        restore = [*clone, *_installed(run.path), *pull, "urial verify"]
    return url, restore, [Caveat(kind=kind, text=text) for kind in get_args(Kind) if (text := texts.get(kind))]


def _clone_commands(commit: str, experiment: Experiment | None, url: str, root: Path) -> list[str]:
    target = f"urial-{commit[:12]}"
    prefix = git(root, "rev-parse", "--show-prefix").strip()
    # Under its own name, so that the experiment is one in the new clone, too.
    ref = experiment and f"{experiment.ref}:{experiment.ref}"
    return [
        f"git clone --no-checkout {shlex.quote(url)} {target}",
        f"cd {target}",
        *([f"git fetch origin {shlex.quote(ref)}"] if ref else []),
        f"git checkout --detach {commit}",
        *([f"cd {shlex.quote(prefix)}"] if prefix else []),
    ]


def _installed(folder: Path) -> list[str]:
    """Of a project without code, which urial computes it: whoever installs another one is told by `dvc repro` and `urial verify`."""
    if not (folder / PACKAGE).is_file():
        return []
    return [
        f"# install urial {read_json(folder / PACKAGE, InstalledPackage).version}: {PACKAGE} has the hashes of its code"
    ]


def _pull_commands(chosen: Sequence[DataRemote], to_compute: bool) -> list[str]:
    """Commands that bring the outputs into a fresh clone: from remotes, or computed where no remote has them."""
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


def _pulled_from(stores: Sequence[DataRemote], missing: set[str]) -> tuple[list[DataRemote], bool]:
    """The DVC remotes to pull outputs from, one after the other, and whether no remote has some output.

    One that has everything is enough. Else those over a network, which may have what the others lack, come last.
    """
    if whole := next((remote for remote in stores if remote.whole is not None and missing <= remote.whole), None):
        return ([whole] if missing else []), False
    chosen = []
    for remote in stores:
        if remote.whole and missing & remote.whole:
            chosen.append(remote)
            missing = missing - remote.whole
    if not missing:
        return chosen, False
    unknown = [remote for remote in stores if remote.whole is None]
    return [*chosen, *unknown], not unknown


def _dirty(run: RunFolder, root: Path) -> str | None:
    """Changes, and the experiment that has them all: a workspace experiment leaves its changes in the work tree."""
    if not run.state.dirty:
        return None
    same = next((known.name for known in experiments(root) if same_files(known.commit, root)), None)
    advice = f"cite the experiment that is the same: urial cite --rev {shlex.quote(same)}" if same else None
    changed = and_more(run.state.dirty, MAX_NAMED)
    return f"files have changes that no one else can get: {changed}; {advice or 'commit, then cite again'}"


def _unpushed(clones: Sequence[GitRemote], experiment: Experiment | None, online: bool, push: str) -> str | None:
    if any(remote.has for remote in clones):
        return None
    what = f"the experiment {experiment.name}" if experiment else "the commit"
    if not clones:
        return f"{what} is only in this clone: it has no git remote; add one and push"
    if unknown := [remote.name for remote in clones if remote.has is None]:
        answer = "none of them answered" if online else "`urial cite --online` asks"
        return f"not known whether {what} is on {and_more(unknown, MAX_NAMED)}; {answer}"
    return f"{what} is on no git remote, as far as this clone knows; run `{push}`"


def _not_stored(stores: Sequence[DataRemote], push: str) -> str:
    if not stores:
        return "neither the commit nor this clone names a DVC remote: its outputs have to be computed again"
    lacking = ", ".join(f"{remote.name} lacks at least {counted(remote.lacks, 'file')}" for remote in stores)
    return f"no DVC remote has all outputs ({lacking}): those that none has have to be computed again; run `{push}`"


def _over_networks(chosen: Sequence[DataRemote]) -> str | None:
    unknown = [remote for remote in chosen if remote.whole is None]
    if not unknown:
        return None
    names = " or ".join(f"{remote.name} ({remote.url})" for remote in unknown)
    ask = " and ".join(f"`dvc status --cloud --remote {shlex.quote(remote.name)}`" for remote in unknown)
    return f"not known whether the outputs are in the DVC remote {names}, over a network: ask by {ask}"


def _lock(folder: Path) -> str | None:
    """Files, parameters and stages that are not as dvc.lock has them."""
    if not (folder / LOCK).is_file():
        return "there is no dvc.lock: nothing says what the figures were made of"
    lock, stages = Lock.read(folder), read_pipeline(folder)
    tree = Digests(folder)
    # What a folder has besides what a stage read decided nothing.
    differences = [found for found in lock.against(tree) if found.wrote or not added_files(found.recorded, tree)]
    absent = [difference.path for difference in differences if difference.found is None]
    # A folder is not complete while an output inside it is not here.
    here = [difference.path for difference in differences if difference.found]
    changed = {path for path in here if not any(is_within(missing, path) for missing in absent)}
    if stages.keys() != lock.stages.keys():
        changed.add(PIPELINE)
    for now, then in ((stages[name], lock.stages[name]) for name in stages.keys() & lock.stages.keys()):
        recorded, current = definitions(then, now)
        values = parameter_values(folder, now)
        changed |= {PIPELINE} if recorded != current else set()
        changed |= {file for file in values.keys() | then.params.keys() if values.get(file) != then.params.get(file)}
    named = and_more(sorted(changed), MAX_NAMED)
    return f"files are not those that dvc.lock was written for: {named}; run `dvc repro`" if changed else None
