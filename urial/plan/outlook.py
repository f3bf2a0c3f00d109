"""What is said of a run before anything expensive: its rows, its memory, and what it will lack."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from urial.core.errors import UrialError
from urial.plan.memory import memory_remarks, needs, this_machine
from urial.plan.servers import server_remarks
from urial.plan.work import as_recorded, rate_remarks, work_table
from urial.records.params.file import ParamsFile

if TYPE_CHECKING:
    from urial.plan.planning import Plans

# Where DVC runs an experiment that changes nothing in the work tree (--temp, --queue).
_ASIDE = Path(".dvc/tmp/exps")


def print_outlook(plans: "Plans", params: ParamsFile, root: Path = Path()) -> None:
    """A table of rows and the memory on standard output; on standard error a warning for what is not here now.

    Only what params.yaml says stops a run: a server can be started before its stage begins, and rows in the row cache
    need neither server nor memory.
    """
    table, needed = work_table(plans, as_recorded(root)), list(needs(plans))
    hub = "The number of instructions is known when they are read from the hub.\n" if plans.asked is None else ""
    print(f"{table.terminal()}{table.caption}\n{hub}", end="", flush=True)
    for line in (*map(str, needed), *rate_remarks(plans)):
        print(line, flush=True)
    for line in (*memory_remarks(needed, this_machine()), *server_remarks(params)):
        print(f"Warning: {line}", file=sys.stderr, flush=True)


def with_way_back(error: UrialError) -> UrialError:
    """The error of a run that `dvc exp run` began in the work tree, with how its change of params.yaml is taken back."""
    if "DVC_EXP_NAME" not in os.environ or _ASIDE.as_posix() in Path.cwd().as_posix():
        return error
    back = "what -S has set stays in params.yaml; `git checkout params.yaml` takes back all of it that is in no commit"
    return error.but(fix=f"{error.fix}\n  back: {back}" if error.fix else back)
