"""Every judgment derived again: by the rules, or from the replies that a judge model gave, which stand in the rows."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from urial.core.errors import shorten
from urial.core.row_cache import RowCache
from urial.core.text import counted
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import ModelJudge
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Judge
from urial.judge.scores.run import cases_of, judge_completions, max_characters
from urial.provenance.verify.replies import RecordedReplies, planned_model
from urial.provenance.verify.run import Checked, Run, edited, require_same_rows
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judge import JudgeModel, ModelIdentity, describe
from urial.records.judgment import Judgment
from urial.records.plans import RulesPlan
from urial.run.paths import COMPLETIONS, JUDGE_PLAN, JUDGMENTS


def check_judgments_of(run: Run, system: str) -> Checked:
    """The judgments of one system are those that its answers and the planned judge give."""
    path, instructions = JUDGMENTS.path(system), run.instructions
    rows, completions = run.ordered_rows(JUDGMENTS, system), run.ordered_rows(COMPLETIONS, system)
    expected, summary = judged_again(run, path, rows, instructions, completions)
    require_same_rows(path, expected, rows, "judged again", f"{COMPLETIONS.path(system)} and {JUDGE_PLAN.path()}")
    return Checked(summary)


def judged_again(
    run: Run,
    path: str,
    rows: Sequence[Judgment],
    instructions: Sequence[Instruction],
    completions: Sequence[Completion],
) -> tuple[list[Judgment], str]:
    """The judgments of these answers, by the rules or of the replies that ``rows`` have, and what was done.

    Raises UrialError where a row of the file ``path`` has another judge than the planned one.
    """
    plan = run.record(JUDGE_PLAN)
    most = max_characters(plan)
    with tempfile.TemporaryDirectory(prefix="urial-verify-") as scratch, RowCache(Path(scratch)) as cache:
        judge: Judge | None = None
        if plan.judge is None:
            summary = f"{len(rows):,} answers, of which none is judged"
        elif isinstance(plan.judge, RulesPlan):
            judge = RulesJudge(plan.judge.microworld_seed)
            summary = f"{counted(len(rows), 'answer')} judged again by the rules"
        else:
            replies = RecordedReplies(planned_model(plan.judge, _model(rows)))
            judge = ModelJudge(replies, plan.judge, cache, Ledger())
            planned = judge.identity
            allowed = {judge.identity_for(row) for row in instructions} | {planned}
            if (other := next((row.judge for row in rows if row.judge not in allowed), None)) is not None:
                wanted = f"one judge for all rows, the planned one: {shorten(describe(planned), 1_000)}"
                raise edited(path, f"judge: {shorten(describe(other), 1_000)}", expected=wanted)
            for row, instruction, completion in zip(rows, instructions, completions, strict=True):
                turns = [row, *row.later_turns]
                for case in cases_of([instruction], [completion], most):
                    for asked in judge.questions([case]) if len(case.history) < len(turns) else ():
                        replies.add(asked, turns[len(case.history)].replies)
            summary = f"{counted(len(rows), 'judgment')} re-derived from the judge's replies"
        expected = judge_completions(judge, instructions, completions, most)
    return expected, summary


def _model(rows: Sequence[Judgment]) -> JudgeModel | None:
    """The judge model of the first row."""
    judge = rows[0].judge if rows else None
    return judge.model if isinstance(judge, ModelIdentity) else None
