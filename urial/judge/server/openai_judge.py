"""A judge model on a server of OpenAI's protocol, asked with bounded concurrency."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing

from pydantic import JsonValue

from urial.api.client import ApiClient, Job, StatusError
from urial.api.completions import CHAT_PATH, FILTERED, chat_message, first_choice, refusal_of, thinking_of, token_count
from urial.core.errors import UrialError, shorten
from urial.core.progress import waiting
from urial.core.row_cache import RowCache
from urial.core.thinking import split_thinking
from urial.judge.model.asking import Question
from urial.judge.model.cost import Budget, Ledger
from urial.judge.model.replies import ends_in_white_space
from urial.judge.server.capabilities import WHITE_SPACE, ServerCapabilities, chat_body, server_capabilities, with_fix
from urial.judge.server.verdict_tokens import verdict_probabilities
from urial.records.judge import ServerJudgeModel
from urial.records.judgment import Reply, ReplyFinish
from urial.records.model import BYTES_A_TOKEN
from urial.records.params.judges import OpenAIJudge

# Part of the judge's identity: raised when the same question would be put in another way than before.
ALGORITHM = 1


class OpenAIBackend:
    """Asks a server directly. The budget is the ledger's.

    ``capabilities`` None: what the server can do is found out when needed.
    """

    def __init__(
        self, judge: OpenAIJudge, cache: RowCache, ledger: Ledger, capabilities: ServerCapabilities | None = None
    ) -> None:
        self.judge = judge
        self.cache = cache
        self.ledger = ledger
        self.client = ApiClient(judge.server, judge.key_variable, judge.limits)
        self._capabilities = capabilities

    @property
    def capabilities(self) -> ServerCapabilities:
        """What the server can do: given, on record, or found out now."""
        if self._capabilities is None:
            with waiting(f"trying out {self.client.address}"):
                self._capabilities = server_capabilities(self.judge, self.client, self.cache)
        return self._capabilities

    @property
    def model(self) -> ServerJudgeModel:
        """See Backend.model."""
        return server_model(self.judge, self.client.address, self.capabilities)

    def replies(self, questions: Sequence[Question]) -> Generator[tuple[int, Reply], None, None]:
        """See Backend.replies. Raises UrialError when the server refuses, fails or is another one than on record."""
        budget, left = Budget(self.ledger, self.judge.max_tokens), 0

        def jobs() -> Iterator[Job[int]]:
            nonlocal left
            for index, question in enumerate(questions):
                size = size_of(question)
                if not budget.take(index, size):
                    left = len(questions) - index
                    return
                yield Job(index, CHAT_PATH, self.body(question), size // BYTES_A_TOKEN + self.judge.max_tokens)

        try:
            with closing(self.client.run(jobs(), row_error=self._concerns_one_row)) as outcomes:
                for outcome in outcomes:
                    error = outcome.error
                    if outcome.body is not None:
                        reply = self.read(outcome.body, questions[outcome.key])
                    elif isinstance(error, StatusError):
                        reply = Reply(text=error.message, finish="filtered" if error.filtered else "too_long")
                    elif error is None or self.judge.on_failure == "error":
                        problem = error or UrialError(f"{self.client.address}: neither a reply nor an error")
                        raise problem.about(f"instruction {questions[outcome.key].instruction_id!r}")
                    else:
                        reply = Reply(text=error.cause, finish="failed")
                    budget.settle(outcome.key, reply)
                    yield outcome.key, reply
        except StatusError as error:
            name = f"instruction {questions[error.key].instruction_id!r}" if isinstance(error.key, int) else ""
            raise with_fix(error, self.judge).about(name) from error
        if left:
            raise UrialError(
                f"the budget of {self.ledger.budget:g} would be exceeded: {self.ledger.spent:.4f} is spent on "
                f"{self.ledger.replies} replies, and {left} requests are not made",
                fix="raise judges.NAME.budget in params.yaml; finished rows are in the row cache",
            )

    def _concerns_one_row(self, error: StatusError) -> bool:
        too_long = self.judge.on_failure == "record" and error.leaves_no_room(self.judge.max_tokens)
        return error.filtered or too_long

    def body(self, question: Question) -> dict[str, object]:
        """The request for a reply."""
        return chat_body(self.judge, question.text, question.rubric.reply_schema, self.capabilities, question.attempt)

    def read(self, body: Mapping[str, JsonValue], question: Question) -> Reply:
        """The reply to a question in a chat completion, without secrets. Its thinking is in a field of its own, or begins the text.

        Raises UrialError when another model replied than the one on record.
        """
        model, choice = self.capabilities.model, first_choice(body)
        message, thinking = chat_message(choice), None
        if choice is None or message is None:
            finish: ReplyFinish = "malformed"
            text = json.dumps(body, sort_keys=True)
        elif (served := body.get("model") or None) != model:
            raise UrialError(
                f"{self.client.address}: {shorten(served)} replied, but the replies on record are of {shorten(model)}",
                expected="one judge for all rows",
                fix="name the dated snapshot as judges.NAME.model",
            )
        elif refusal := refusal_of(message):
            finish, text = "refused", refusal
        else:
            content, reason = message.get("content"), choice.get("finish_reason")
            finish = "filtered" if reason == FILTERED else "length" if reason == "length" else "stop"
            within, text = split_thinking(content if isinstance(content, str) else "")
            stopped_by = choice.get("stop_reason") or choice.get("matched_stop")
            if stopped_by in WHITE_SPACE or (finish == "length" and ends_in_white_space(text)):
                finish = "white_space"
            thinking = "\n\n".join(part for part in (thinking_of(message), within) if part) or None
        return Reply(
            text=self.client.redacted(text),
            thinking=thinking and self.client.redacted(thinking),
            finish=finish,
            model=model,
            input_tokens=token_count(body, "prompt_tokens"),
            output_tokens=token_count(body, "completion_tokens"),
            verdict_probabilities=verdict_probabilities(choice, question.verdict_tokens),
        )


def server_model(judge: OpenAIJudge, address: str, able: ServerCapabilities) -> ServerJudgeModel:
    """What decides a reply of this judge, of a server that is able to do this."""
    return ServerJudgeModel(
        kind="openai",
        algorithm=ALGORITHM,
        server=address,
        model=judge.model,
        served_model=able.model,
        temperature=judge.temperature,
        seed=judge.seed,
        max_tokens=judge.max_tokens,
        parameters=judge.parameters,
        response_format=able.response_format,
        software=able.software,
    )


def size_of(question: Question) -> int:
    """Bytes that a request is paid for: servers count the schema of the reply as read, too."""
    return len(question.text.encode("utf-8", "replace")) + len(json.dumps(question.rubric.reply_schema))
