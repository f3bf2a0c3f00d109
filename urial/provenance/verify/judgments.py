"""Every judgment made again: by the rules, or of the replies that a judge model gave, which stand in the rows."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.core.row_cache import RowCache
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import Asking, ModelJudge, Question
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Judge
from urial.judge.scores.run import cases_of, judge_completions, max_characters
from urial.provenance.verify.run import Checked, Run
from urial.records.completion import Completion
from urial.records.instruction import Instruction
from urial.records.judgment import Aspect, Judgment, Reply
from urial.records.plans import JudgePlan, OpenAIPlan, RulesPlan
from urial.run.differences import rows_difference
from urial.run.paths import COMPLETIONS, JUDGE_PLAN, JUDGMENTS
from urial.run.remedies import CHECKOUT

Asked = tuple[str, Aspect | None]
Pair = tuple[Instruction, Completion]


def check_judgments_of(run: Run, system: str) -> Checked:
    """The judgments of one system are those that its answers and the planned judge give."""
    path, plan, instructions = JUDGMENTS.path(system), run.record(JUDGE_PLAN), run.instructions
    rows, completions = run.ordered_rows(JUDGMENTS, system), run.ordered_rows(COMPLETIONS, system)
    most = max_characters(plan)
    with tempfile.TemporaryDirectory(prefix="urial-verify-") as scratch, RowCache(Path(scratch)) as cache:
        if isinstance(plan.judge, RulesPlan):
            judge: Judge = RulesJudge(plan.judge.microworld_seed)
            summary = f"{len(rows):,} answers judged again by the rules"
        else:
            judge = _replaying(plan, rows, cache, path, list(zip(instructions, completions, strict=True)))
            summary = f"{len(rows):,} judgments read again of the judge's replies"
        expected = judge_completions(judge, instructions, completions, most)
    if detail := rows_difference(expected, rows, "judged again"):
        raise UrialError(
            f"{path}: {detail}",
            where=f"{COMPLETIONS.path(system)} and {JUDGE_PLAN.path()}",
            fix=CHECKOUT.format(path),
        )
    return Checked(summary)


def _replaying(
    plan: JudgePlan, rows: Sequence[Judgment], cache: RowCache, path: str, pairs: Sequence[Pair]
) -> ModelJudge:
    """The planned judge, under the name that the rows have. Raises UrialError when they have another one's."""
    if isinstance(plan.judge, RulesPlan):
        raise TypeError("rules give no replies")
    re_asks = plan.judge.judge.re_asks if isinstance(plan.judge, OpenAIPlan) else 0
    asking = Asking(plan.judge.rubrics, re_asks, plan.judge.judge.max_characters)
    said = rows[0].judge if rows else ""
    own = f"; {ModelJudge(_Replies(''), asking, cache, Ledger()).identity}"
    if not said.endswith(own) or any(row.judge != said for row in rows):
        raise UrialError(
            f"{path}: judge: {shorten(next((row.judge for row in rows if row.judge != said), said), 200)}",
            expected=f"one judge for all rows, whose name ends with {shorten(own, 200)}",
            fix=CHECKOUT.format(path),
        )
    backend = _Replies(said.removesuffix(own))
    judge = ModelJudge(backend, asking, cache, Ledger())
    backend.found.update(_said(judge, rows, pairs, asking.max_characters))
    return judge


def _said(
    judge: ModelJudge, rows: Sequence[Judgment], pairs: Sequence[Pair], most: int | None
) -> Iterator[tuple[Asked, tuple[Reply, ...]]]:
    """The replies in the rows by the question that each answers."""
    for row, (instruction, completion) in zip(rows, pairs, strict=True):
        for asked in judge.questions(cases_of([instruction], [completion], most)):
            aspect = asked.question.aspect
            yield (asked.question.text, aspect), tuple(reply for reply in row.replies if reply.aspect == aspect)


class _Replies:
    """A judge model that gives the replies of the rows again, and has no other."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.found: dict[Asked, tuple[Reply, ...]] = {}

    def replies(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """See Backend.replies."""
        for index, asked in enumerate(questions):
            given = self.found.get((asked.text, asked.aspect), ())
            lost = Reply(aspect=asked.aspect, text="this reply is not in the row", finish="failed")
            yield index, given[asked.attempt] if asked.attempt < len(given) else lost
