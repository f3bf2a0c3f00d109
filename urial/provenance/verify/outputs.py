"""The outputs that dvc.lock names and that are not here: in a fresh clone nearly all, until they are pulled."""

from collections.abc import Iterator

from urial.core.errors import UrialError
from urial.provenance.verify.files import current_lock, kept_by_git
from urial.provenance.verify.run import Checked, Run
from urial.run.lockfile import LOCK
from urial.run.remedies import MOST_NAMED, pull


def check_present(run: Run) -> Checked:
    """Every output of the lock is here. One that is not is named by this link alone; what needs it is not checked."""
    makers = current_lock(run).makers
    run.missing.update(path for path in makers if not (run.root / path).exists())
    return Checked(f"{len(makers)} files and folders are here", list(_problems(run, makers)))


def _problems(run: Run, makers: dict[str, str]) -> Iterator[UrialError]:
    by_git = kept_by_git(run)
    missing = [path for path in makers if path in run.missing]
    pulled = [path for path in missing if path not in by_git]
    if len(pulled) > MOST_NAMED:
        yield UrialError(
            f"{pulled[0]}: not here, nor are {len(pulled) - 1:,} more of {len(makers):,} outputs",
            where=f"{LOCK}, outs",
            fix=pull(pulled),
        )
    else:
        yield from (_not_here(path, makers[path], pull(pulled)) for path in pulled)
    for path in missing:
        if path in by_git:
            yield _not_here(path, makers[path], f"restore it: git checkout {path}")


def _not_here(path: str, stage: str, fix: str) -> UrialError:
    return UrialError("not here", path=path, where=f"{LOCK}, stage {stage}, outs", fix=fix)
