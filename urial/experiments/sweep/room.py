"""Which systems of a sweep have prompts that leave no room for an answer, before an experiment fails by them."""

from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from urial.core.errors import UrialError
from urial.prompts.versions.assembly import assemble
from urial.records.base import Name
from urial.records.instruction import Instruction
from urial.records.params.file import ParamsFile
from urial.records.plans import SystemPlan
from urial.run.paths import DATA, INSTRUCTIONS, MANIFEST, REPORT_PLAN
from urial.run.reader import RunReader

# A prompt is the longest with one of the longest instructions; characters are not tokens.
LONGEST = 3


def without_room(
    params: ParamsFile, plans: Sequence[SystemPlan], root: Path, prompts_dir: Path
) -> Iterator[tuple[Name, str]]:
    """The systems whose prompts are too long, and the reason: as the run in the project has models and instructions.

    None where that run is of another study or instructions, or is not here: then the stage assemble says it. None either where the
    run records such rows.
    """
    run = RunReader(root / DATA)
    needed = [run.file(REPORT_PLAN), run.file(INSTRUCTIONS), *(run.file(MANIFEST, plan.model) for plan in plans)]
    if not all(path.is_file() for path in needed) or run.plan.study != params.run.study:
        return
    asked = sorted(run.instructions, key=_characters)[-LONGEST:]
    for plan in plans:
        folder = run.model_folder(plan.model)
        if not plan.files_are_here or plan.generation.on_context_overflow == "record":
            continue
        try:
            with redirect_stdout(StringIO()):
                assemble(plan, asked, folder, prompts_dir)
        except UrialError as error:
            yield plan.system, error.problem.partition(": ")[2]


def _characters(row: Instruction) -> int:
    return sum(map(len, row.turns))
