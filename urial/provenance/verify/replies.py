"""A judge model that says again what it said: its replies stand in the rows."""

from collections.abc import Generator, Sequence

from urial.api.servers import public_address
from urial.judge.local.judge import local_model
from urial.judge.model.asking import Question
from urial.judge.server.capabilities import ServerCapabilities
from urial.judge.server.openai_judge import server_model
from urial.records.judge import JudgeModel, LocalFormat, ServerJudgeModel
from urial.records.judgment import Aspect, Reply
from urial.records.plans import OpenAIPlan, TransformersPlan


def planned_model(
    plan: OpenAIPlan | TransformersPlan, recorded: JudgeModel | None, form: LocalFormat | None = None
) -> JudgeModel:
    """The planned judge model; what only its server knows is taken from the one that a row names.

    ``form`` is how a judge in this process replies; None: as planned.
    """
    if isinstance(plan, TransformersPlan):
        return local_model(plan, form)
    known = recorded if isinstance(recorded, ServerJudgeModel) else None
    reply_form = plan.judge.response_format
    if reply_form == "auto":
        reply_form = known.response_format if known else "text"
    served, software = (known.served_model, known.software) if known else (None, None)
    able = ServerCapabilities(response_format=reply_form, model=served, tokens_field="max_tokens", software=software)
    return server_model(plan.judge, public_address(plan.judge.server), able)


class RecordedReplies:
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
