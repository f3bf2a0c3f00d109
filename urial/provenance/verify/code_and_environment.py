"""What stands around a run: its folder, the code that derives it again, the records of what it was computed on."""

from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash
from urial.provenance.crate import METADATA
from urial.provenance.verify.run import Checked, NotCheckedError, Run
from urial.run.paths import ENVIRONMENT
from urial.run.safe_paths import ASIDE, misplaced

CODE = (".py", ".yaml", ".css", ".j2")


def check_layout(run: Run) -> Checked:
    """There are only files, folders, and links to what is in the run; in a crate, nothing is aside."""
    aside = () if (run.root / METADATA).is_file() else ASIDE
    problems = [
        UrialError(
            f"{shorten(name)}: {what}: nothing else was checked",
            expected="files, folders, and links to what is in the run",
            fix="remove it",
        )
        for name, what in misplaced(run.root, aside)
    ]
    return Checked("files and folders", problems)


def check_code(run: Run) -> Checked:
    """The library that derives the run again is the run's own, to the byte."""
    installed, own = Path(__file__).resolve().parents[2], run.root / "urial"
    if not own.is_dir():
        raise NotCheckedError(
            "the run has no urial/: what the installed one derives may differ from what the run's did"
        )
    ours, theirs = _hashes(installed), _hashes(own)
    if differing := sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)):
        raise NotCheckedError(
            f"{len(differing)} modules of the installed urial differ from the run's, first urial/{differing[0]}: "
            "a number may differ for that reason alone; install the run's own to be sure"
        )
    return Checked(f"{len(ours)} modules of the installed urial are the run's own")


def _hashes(package: Path) -> dict[str, str]:
    files = (path for path in package.rglob("*") if path.suffix in CODE)
    return {path.relative_to(package).as_posix(): file_hash(path) for path in files}


def check_environments(run: Run) -> Checked:
    """The records of what the stages ran on are sound. What they say cannot be derived again."""
    keys = [key for key, _ in ENVIRONMENT.present(run.data)]
    problems = []
    for key in keys:
        try:
            run.record(ENVIRONMENT, key)
        except UrialError as error:
            problems.append(error)
    return Checked(f"{len(keys)} valid records", problems)
