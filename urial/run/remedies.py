"""How files come back as they were recorded: what messages advise, as commands that work."""

import shlex
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from urial.core.errors import UrialError
from urial.run.paths import METRICS, REPORT

# Without --force, DVC leaves an edited file.
CHECKOUT = "edited by hand or swapped: dvc checkout --force {}; to compute it again: dvc repro"
CHECKOUT_BY_GIT = "edited by hand or swapped: git checkout {}; to compute it again: dvc repro"
# An edited file whose recorded bytes are not in DVC's cache.
PULL_OVER = "edited by hand or swapped: dvc pull --force {}; to compute it again: dvc repro"
# Where more are not here, the command is the one for all.
MOST_NAMED = 5


@contextmanager
def restored(path: str, by_git: Collection[str] = (REPORT.path(), METRICS.path())) -> Iterator[None]:
    """Errors of what reads an output say how it comes back: nobody corrects a line of what the pipeline wrote."""
    try:
        yield
    except UrialError as error:
        fix = (CHECKOUT_BY_GIT if path in by_git else CHECKOUT).format(path)
        raise error.but(fix=fix) from error


def pull(paths: Sequence[str]) -> str:
    """How outputs that DVC keeps, and that are not here, come."""
    named = "" if len(paths) > MOST_NAMED else f" {shlex.join(paths)}"
    return f"run `dvc pull{named}`, or compute {'it' if len(paths) == 1 else 'them'} with `dvc repro`"
