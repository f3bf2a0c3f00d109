"""What all exports of a run have in common: a new folder, written whole or not at all, and the commit that dates them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from urial.core.errors import UrialError
from urial.run.folders import RunFolder
from urial.run.git import git


def require_new_folder(target: Path) -> None:
    """Raises UrialError unless the target is a folder that is new or empty."""
    wrong = {
        "is a link": target.is_symlink(),
        "is a file": target.exists() and not target.is_dir(),
        "not empty": target.is_dir() and any(target.iterdir()),
    }
    if problem := next((problem for problem, holds in wrong.items() if holds), None):
        raise UrialError(problem, path=target, expected="a folder that is new or empty", fix="name another folder")


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder beside the target that becomes it when the block ends well, and leaves nothing behind otherwise.

    Raises UrialError when the target is neither new nor empty, or cannot be written.
    """
    require_new_folder(target)
    parent = target.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=f".{target.name}.") as making:
            made = Path(making, "made")
            made.mkdir()
            yield made
            if target.exists():
                target.rmdir()
            made.rename(target)
    except OSError as error:
        raise UrialError(
            f"cannot be written: {error.strerror}; nothing was left",
            path=target,
            fix="free some space or correct the permissions",
        ) from error


def commit_and_date(run: RunFolder) -> tuple[str, str]:
    """The commit of a run and its date, so that an export of tomorrow has the same. Raises UrialError where there is none."""
    commit = run.state.commit
    if commit is None:
        raise UrialError(
            "the run is in no commit, which dates and names it", path=run.path, fix="`git commit` it, then export it"
        )
    return commit, git(run.path, "show", "--no-patch", "--format=%cI", commit).strip()
