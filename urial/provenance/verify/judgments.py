"""Every judgment derived again: by the rules, or from the replies that a judge model gave, which stand in the rows."""

import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path

from urial.api.servers import public_address
from urial.core.errors import shorten
from urial.core.row_cache import RowCache
from urial.judge.local.judge import local_model
from urial.judge.model.asking import Question
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import ModelJudge
from urial.judge.rules.rules import RulesJudge
from urial.judge.scores.case import Judge
from urial.judge.scores.run import cases_of, judge_completions, max_characters
from urial.judge.server.capabilities import ServerCapabilities
from urial.judge.server.openai_judge import server_model
from urial.provenance.verify.run import Checked, Run, edited, require_same_rows
from urial.records.judgment import Aspect, JudgeModel, Judgment, ModelIdentity, Reply, ServerJudgeModel, describe
from urial.records.plans import OpenAIPlan, RulesPlan, TransformersPlan
from urial.run.paths import COMPLETIONS, JUDGE_PLAN, JUDGMENTS


def check_judgments_of(run: Run, system: str) -> Checked:
    """The judgments of one system are those that its answers and the planned judge give."""
    path, plan, instructions = JUDGMENTS.path(system), run.record(JUDGE_PLAN), run.instructions
    rows, completions = run.ordered_rows(JUDGMENTS, system), run.ordered_rows(COMPLETIONS, system)
    most = max_characters(plan)
    with tempfile.TemporaryDirectory(prefix="urial-verify-") as scratch, RowCache(Path(scratch)) as cache:
        judge: Judge | None = None
        if plan.judge is None:
            summary = f"{len(rows):,} answers, of which none is judged"
        elif isinstance(plan.judge, RulesPlan):
            judge = RulesJudge(plan.judge.microworld_seed)
            summary = f"{len(rows):,} answers judged again by the rules"
        else:
            replies = _RecordedReplies(_planned_model(plan.judge, rows))
            judge = ModelJudge(replies, plan.judge, cache, Ledger())
            planned = judge.identity
            if (other := next((row.judge for row in rows if row.judge != planned), None)) is not None:
                wanted = f"one judge for all rows, the planned one: {shorten(describe(planned), 1_000)}"
                raise edited(path, f"judge: {shorten(describe(other), 1_000)}", expected=wanted)
            for row, instruction, completion in zip(rows, instructions, completions, strict=True):
                for asked in judge.questions(cases_of([instruction], [completion], most)):
                    replies.add(asked, row.replies)
            summary = f"{len(rows):,} judgments re-derived from the judge's replies"
        expected = judge_completions(judge, instructions, completions, most)
    require_same_rows(path, expected, rows, "judged again", f"{COMPLETIONS.path(system)} and {JUDGE_PLAN.path()}")
    return Checked(summary)


def _planned_model(plan: OpenAIPlan | TransformersPlan, rows: Sequence[Judgment]) -> JudgeModel:
    """The planned judge model; what only its server knows is taken from the first row."""
    if isinstance(plan, TransformersPlan):
        return local_model(plan)
    judge = rows[0].judge if rows else None
    recorded = judge.model if isinstance(judge, ModelIdentity) and isinstance(judge.model, ServerJudgeModel) else None
    form = plan.judge.response_format
    if form == "auto":
        form = recorded.response_format if recorded else "text"
    served, software = (recorded.served_model, recorded.software) if recorded else (None, None)
    able = ServerCapabilities(response_format=form, model=served, tokens_field="max_tokens", software=software)
    return server_model(plan.judge, public_address(plan.judge.server), able)


class _RecordedReplies:
    """A judge model that gives the replies of the rows again, and has no other."""

    def __init__(self, model: JudgeModel) -> None:
        self.model = model
        self._replies: dict[tuple[str, Aspect | None], tuple[Reply, ...]] = {}

    def add(self, question: Question, replies: Sequence[Reply]) -> None:
        """Those of a row's replies that answer the question."""
        about = tuple(reply for reply in replies if reply.aspect == question.aspect)
        self._replies[question.text, question.aspect] = about

    def replies(self, questions: Sequence[Question]) -> Generator[tuple[int, Reply], None, None]:
        """See Backend.replies."""
        for index, asked in enumerate(questions):
            given = self._replies.get((asked.text, asked.aspect), ())
            lost = Reply(aspect=asked.aspect, text="this reply is not in the row", finish="failed")
            yield index, given[asked.attempt] if asked.attempt < len(given) else lost
