"""What is said of a run before anything expensive: its rows, its memory, and what it will lack."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from urial.plan.memory import memory_remarks, needs, this_machine
from urial.plan.servers import server_remarks
from urial.plan.tuned_pairs import tuning_remarks
from urial.plan.work import as_recorded, rate_remarks, work_table
from urial.records.params.file import ParamsFile

if TYPE_CHECKING:
    from urial.plan.planning import Plans


def print_outlook(plans: "Plans", params: ParamsFile, root: Path = Path()) -> None:
    """A table of rows and the memory on standard output; on standard error a warning for what is not here now.

    Only what params.yaml says stops a run: a server can be started before its stage begins, and rows in the row cache
    need neither server nor memory.
    """
    table, needed = work_table(plans, as_recorded(root)), list(needs(plans))
    hub = "The number of instructions is known when they are read from the hub.\n" if plans.asked is None else ""
    print(f"{table.terminal()}{table.caption}\n{hub}", end="", flush=True)
    for line in (*tuning_remarks(plans), *map(str, needed), *rate_remarks(plans)):
        print(line, flush=True)
    for line in (*memory_remarks(needed, this_machine()), *server_remarks(params)):
        print(f"Warning: {line}", file=sys.stderr, flush=True)
