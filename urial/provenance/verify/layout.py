"""What lies in a run's folder, before anything in it is read."""

from urial.core.errors import UrialError, shorten
from urial.provenance.crate import METADATA
from urial.provenance.verify.run import Checked, Run
from urial.run.safe_paths import ASIDE, misplaced


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
