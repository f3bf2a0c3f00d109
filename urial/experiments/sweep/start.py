"""What the experiments of a sweep start from: the commit, and the tracked files as they are in the work tree now.

As for ``dvc exp run``, changes that are in no commit are part of an experiment. Files that git does not track are not, so that one
which the pipeline reads is refused: its experiment could be made by nobody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from urial.core.errors import UrialError
from urial.core.text import and_more
from urial.run import git
from urial.run.changes import ALWAYS
from urial.run.lockfile import LOCK, is_within
from urial.run.paths import DATA
from urial.run.pipeline import PARAMETERS, read_pipeline
from urial.run.project import root_of

MOST_NAMED = 3


@dataclass(frozen=True)
class Start:
    """The state that all experiments of a sweep share."""

    root: Path
    # The commit that is checked out: the experiments' baseline.
    commit: str
    # git's tree of all tracked files as they are now.
    tree: str
    # Where the project is in its repository, with a slash at the end; empty: at the top.
    prefix: str
    # Files and folders that decide what an experiment computes, besides params.yaml.
    inputs: tuple[str, ...]

    def experiment_of(self, params: bytes) -> git.Experiment | None:
        """The experiment that was made from this state with these parameters, whatever its name; None: there is none."""
        for experiment in git.experiments(self.root):
            if (
                experiment.baseline == self.commit
                and git.git_bytes(self.root, "show", f"{experiment.commit}:{self.prefix}{PARAMETERS}") == params
                and git.same_paths(self.tree, experiment.commit, self.inputs, self.root)
            ):
                return experiment
        return None

    def is_taken(self, name: str) -> bool:
        """Whether an experiment of this commit has the name."""
        return any(row.name == name and row.baseline == self.commit for row in git.experiments(self.root))


def start_of(root: Path) -> Start:
    """The state of a project now. Raises UrialError where experiments cannot start from it."""
    root_of(root)
    if not git.in_repository(root):
        raise UrialError(
            "the project is not under git, and experiments are kept there",
            path=root,
            fix="`git init`, `dvc init`, and commit it",
        )
    if not (root / ".dvc").is_dir():
        raise UrialError("no .dvc here, and experiments are DVC's", path=root, fix="`dvc init`, and commit it")
    commit = git.head_of(root)
    if commit is None:
        raise UrialError("the repository has no commit, which experiments start from", path=root, fix="commit it first")
    read = {path for stage in read_pipeline(root).values() for path in stage.deps if not is_within(path, DATA)}
    inputs = tuple(sorted(read | set(ALWAYS) - {LOCK, PARAMETERS}))
    _require_tracked(root, (*inputs, PARAMETERS))
    prefix = git.git(root, "rev-parse", "--show-prefix").removesuffix("\n")
    return Start(root, commit, git.tracked_tree(root), prefix, inputs)


def _require_tracked(root: Path, inputs: Sequence[str]) -> None:
    """Raises UrialError for a file that the pipeline reads and git does not know."""
    changed = git.changed_files(root)
    untracked = [path for path, known in changed.items() if not known and any(is_within(path, name) for name in inputs)]
    if untracked:
        named = and_more(sorted(untracked), MOST_NAMED)
        raise UrialError(
            f"git does not track {named}: an experiment has only what git tracks",
            fix=f"`git add {sorted(untracked)[0]}` (it need not be committed), or move it away",
        )
