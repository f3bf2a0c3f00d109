"""One experiment, run by `dvc exp run` in a clone of its own below .dvc/tmp/exps, as DVC runs those of its queue.

Why not by ``dvc exp run --temp`` or ``--queue`` in the project itself: DVC 3.67.1 then stashes the project's uncommitted changes,
detaches HEAD and resets the work tree for seconds, so that a process killed in them leaves the work of its user in a stash; it
keeps what is to run in a list that runs side by side take from, each possibly the other's. A clone shares the project's git
objects, DVC cache and run cache, and nothing in the project changes until the finished experiment is fetched, at once.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from urial.api import supervisor
from urial.core.errors import UrialError
from urial.core.yaml_files import parse_yaml_record
from urial.experiments.sweep.start import Start
from urial.run import git
from urial.run.dvc_cache import DvcCache
from urial.run.folders import check_out
from urial.run.pipeline import PARAMETERS, YamlObject, named_paths
from urial.run.remotes import own_settings

# Below it DVC keeps what its experiments need for a while; git and DVC ignore all of it.
ASIDE = Path(".dvc/tmp/exps/sweep")
LOGS = ASIDE / "logs"
LAST_LINES = 6


@dataclass
class Runs:
    """The processes that run experiments, so that all can be ended; each ends with this process, too, however that ends."""

    _started: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    ended: bool = False

    def run(self, command: list[str], folder: Path, log: Path, environment: Mapping[str, str]) -> None:
        """Run a command to its end. What it printed is in the log; what became of it, its files tell."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            if self.ended:
                return
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", supervisor.__file__, *command],
                cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
            self._started.append(process)
            process.wait()
            if process.stdin is not None:
                process.stdin.close()

    def end(self) -> None:
        """End all that run, with all their processes; later ones do not begin."""
        self.ended = True
        for process in self._started:
            # Its supervisor waits for this.
            if process.stdin is not None and process.poll() is None:
                process.stdin.close()
        for process in self._started:
            process.wait()


def run_aside(start: Start, name: str, params: bytes, runs: Runs) -> None:
    """Run the experiment, and bring it into the project. Raises UrialError where it fails, with the end of its log."""
    log = start.root / log_of(name)
    with _clone(start, params) as folder:
        command = [sys.executable, "-m", "dvc", "exp", "run", "--name", name]
        runs.run(command, folder, log, _environment(folder))
        made = next((row for row in git.experiments(folder) if row.name == name), None)
        if made is None:
            raise _failure(log)
        # Of the repository, which the project can be a folder of.
        source = str(git.top_of(folder))
        refs = f"{made.ref}:{made.ref}"
        git.git(start.root, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", source, refs)


def log_of(name: str) -> Path:
    """Where the output of an experiment is kept, relative to the project."""
    return LOGS / f"{name}.log"


def _failure(log: Path) -> UrialError:
    """The error of an experiment that ended without result: the last that it printed."""
    lines = [line for line in log.read_bytes().decode(errors="replace").splitlines() if line.strip()]
    shown = "".join(f"\n    {line[:300]}" for line in lines[-LAST_LINES:])
    return UrialError(f"DVC printed last:{shown or ' nothing'}")


def remove_left_over(root: Path) -> None:
    """Remove the clones of a sweep that was killed."""
    for folder in (root / ASIDE).glob("clone-*"):
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _clone(start: Start, params: bytes) -> Iterator[Path]:
    """The project in a clone of its repository, with the start's files and these parameters; gone at the end."""
    parent = start.root.resolve() / ASIDE
    parent.mkdir(parents=True, exist_ok=True)
    above = Path(tempfile.mkdtemp(prefix="clone-", dir=parent))
    try:
        (above / PARAMETERS).write_bytes(params)
        paths = named_paths(parse_yaml_record(above / PARAMETERS, YamlObject).root)
        # As many folders above the clone as its paths go up.
        above = above.joinpath(*["up"] * max((path.parts.count("..") for path in paths), default=0))
        above.mkdir(parents=True, exist_ok=True)
        folder = check_out(start.commit, start.root, above / "run")
        git.git(above / "run", "read-tree", "--reset", "-u", start.tree)
        for key in ("user.name", "user.email"):
            if own := git.git_bytes(start.root, "config", key):
                git.git(above / "run", "config", key, own.decode("utf-8", "surrogateescape").removesuffix("\n"))
        (folder / PARAMETERS).write_bytes(params)
        (folder / ".dvc/config.local").write_bytes(own_settings(start.root, DvcCache.of(start.root).folder))
        # A folder before what is in it, which the folder's link brings along.
        for path in sorted(paths):
            if (start.root / path).exists() and not os.path.lexists(folder / path):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).symlink_to((start.root / path).resolve())
        yield folder
    finally:
        shutil.rmtree(parent / above.relative_to(parent).parts[0], ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    """That of a command of DVC: this Python first, and neither DVC's notes of other folders nor variables of another run."""
    kept = {name: value for name, value in git.environment().items() if not name.startswith("DVC_")}
    return {
        **kept,
        "LC_ALL": os.environ.get("LC_ALL", ""),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / ".dvc/tmp/site"),
    }
