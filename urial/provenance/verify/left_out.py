"""What a run leaves out, since its study has no aligned model: its files are there, and have no rows."""

from collections.abc import Callable
from contextlib import suppress

from urial.core.errors import UrialError
from urial.core.text import counted
from urial.provenance.verify.run import Checked, NotCheckedError, Run, edited
from urial.records.base import Name, Record
from urial.records.left_out import LeftOut
from urial.run.paths import (
    BLENDED,
    BLENDED_JUDGMENTS,
    BLENDED_PROMPTS,
    BLENDED_TOKENS,
    COVERAGE,
    PREFERENCES,
    PREFILLED,
    PREFILLED_VERDICTS,
    TOKEN_SHIFT,
    RunFile,
)


def check_rows_of(kind: RunFile[Record], check: Callable[[Run, str], Checked], run: Run, name: str) -> Checked:
    """``check`` of the file of a system; of one that is left out, that it has no rows."""
    if name not in _left_out(run, kind):
        return check(run, name)
    counts = {kind.path(name): len(run.rows(kind, name))}
    if kind is COVERAGE:
        counts[TOKEN_SHIFT.path(name)] = len(run.table(name))
    for path, count in counts.items():
        if count:
            raise edited(path, counted(count, "row"), expected="none: the study has no aligned model")
    return Checked("left out: the study has no aligned model")


def _left_out(run: Run, kind: RunFile[Record]) -> tuple[Name, ...]:
    """The systems whose file of this kind has no rows, by the plan; none where that is broken, which has been named."""
    left_out = LeftOut()
    with suppress(UrialError, NotCheckedError):
        left_out = run.plan.left_out
    if kind is COVERAGE:
        return (*left_out.base_systems, *left_out.given)
    if kind in (BLENDED_PROMPTS, BLENDED, BLENDED_TOKENS, BLENDED_JUDGMENTS):
        return left_out.blends
    if kind in (PREFILLED, PREFILLED_VERDICTS):
        return left_out.safety_depth
    return left_out.compared if kind is PREFERENCES else left_out.systems
