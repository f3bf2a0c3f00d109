"""The run that is probed: a work tree, a revision or DVC experiment, or a folder, such as an exported run."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from urial.provenance.compare.comparison import OpenRun, open_run
from urial.report.inputs import read_inputs
from urial.run.folders import given_folder
from urial.run.paths import DATA, REPORT_PLAN
from urial.run.pipeline import PIPELINE
from urial.run.reader import RunReader, require_here


@contextmanager
def opened(name: str, root: Path = Path()) -> Iterator[OpenRun]:
    """The run of this name and its rows. Raises UrialError for one that is not there or has not been computed."""
    if os.path.isfile(os.path.join(name, PIPELINE)):
        folder = given_folder(Path(name))
        require_here(folder.path / REPORT_PLAN.path(), folder.path)
        yield OpenRun(name, folder, read_inputs(RunReader(folder.path / DATA)))
        return
    with ExitStack() as stack:
        yield open_run(name, root, stack)
