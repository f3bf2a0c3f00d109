"""Where the project is, and what comes with urial for those who have none.

A project is a folder with dvc.yaml and params.yaml. Commands look for it upwards from where they run, as git does, and work in
its root, as its stages do: whatever is named inside of a project is relative to the root. Prompts, rubrics, schemas, sets of
instructions and the pipeline come with the package as well: in a wheel inside of it, in a checkout beside it.
"""

import os
from pathlib import Path

from urial.core.errors import UrialError
from urial.records.prompt import PROMPTS_DIR
from urial.run.pipeline import PARAMETERS, PIPELINE

# Where a wheel has what a checkout has beside the package.
SHIPPED = "shipped"
WITHOUT_A_PROJECT = (
    "prompts, schemas, validate, import, summarize, win-rates, agreement, cache, leaderboard FOLDER, verify DIR, view DIR, chat --base, "
    "token-shift measure --base --aligned, and judge, compare-answers and estimate FILE with --judge-server"
)


def find_root(start: Path) -> Path | None:
    """The nearest project, from a folder upwards; None: there is none."""
    real = start.resolve()
    return next((folder for folder in (real, *real.parents) if is_project(folder)), None)


def is_project(folder: Path) -> bool:
    """Whether a folder is the root of a project."""
    return all(os.path.isfile(folder / name) for name in (PIPELINE, PARAMETERS))


def root_of(start: Path) -> Path:
    """The nearest project, from a folder upwards. Raises UrialError where there is none, and says what works without."""
    root = find_root(start)
    if root is None:
        raise UrialError(
            f"no project: neither {start.absolute()} nor a folder above it has {PIPELINE} and {PARAMETERS}",
            expected=f"a project; without one work {WITHOUT_A_PROJECT}",
            fix="go into a project, or make one with `urial init DIR`",
        )
    return root


def in_root(path: Path) -> Path:
    """A path inside of the project as it is from here; as it is given in the root, and where there is no project."""
    if is_project(Path()):
        return path
    root = find_root(Path())
    return path if root is None else root / path


def shipped() -> Path:
    """The folder in which prompts/, schemas/, instructions/, stages/, dvc.yaml and params.yaml came with the package."""
    package = Path(__file__).resolve().parents[1]
    inside = package / SHIPPED
    return inside if inside.is_dir() else package.parent


def own_prompts() -> Path:
    """The project's own collections, which can be written to. Raises UrialError outside of a project."""
    root_of(Path())
    return in_root(PROMPTS_DIR)


def prompts_folder() -> Path:
    """The collections of prompts and rubrics: those of the project, or, where there are none, those of the package."""
    own = in_root(PROMPTS_DIR)
    return own if find_root(Path()) is not None and own.is_dir() else shipped() / PROMPTS_DIR
