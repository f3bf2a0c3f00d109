"""A judge model behind a server of OpenAI's protocol, asked with bounded concurrency."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from urial.api.client import ApiClient, Job, Outcome, StatusError
from urial.core.errors import UrialError, shorten
from urial.core.row_cache import RowCache
from urial.judge.model.cost import Ledger
from urial.judge.model.model_judge import Question
from urial.judge.scores.thinking import split_thinking
from urial.judge.server.capabilities import (
    PATH,
    ServerFacts,
    chat_body,
    message_of,
    response_format,
    server_facts,
    with_fix,
)
from urial.records.judgment import Reply, ReplyFinish
from urial.records.params.judges import OpenAIJudge
from urial.records.params.limits import BYTES_A_TOKEN

# Part of the judge's identity: raised when the same question would be put in another way than before.
ALGORITHM = 1


class OpenAIBackend:
    """See the module. The budget is the ledger's. ``facts`` None: what the server can do is found out when needed."""

    def __init__(self, judge: OpenAIJudge, cache: RowCache, ledger: Ledger, facts: ServerFacts | None = None) -> None:
        self.judge = judge
        self.cache = cache
        self.ledger = ledger
        self.client = ApiClient(judge.server, judge.key_variable, judge.limits)
        self._facts = facts

    @property
    def facts(self) -> ServerFacts:
        """What the server can do: given, on record, or found out now."""
        if self._facts is None:
            self._facts = server_facts(self.judge, self.client, self.cache)
        return self._facts

    @property
    def identity(self) -> str:
        """See Backend.identity."""
        judge, served = self.judge, self.facts.model
        parts = [
            f"openai/{ALGORITHM} {self.client.address} {judge.model}",
            f"served as {served}" if served not in (None, judge.model) else None,
            f"temperature {judge.temperature:g}" if judge.temperature is not None else "the server's temperature",
            f"seed {judge.seed}" if judge.seed is not None else None,
            f"at most {judge.max_tokens} tokens",
            f"parameters {json.dumps(judge.parameters, sort_keys=True)}" if judge.parameters else None,
            f"reply {self.facts.reply}",
        ]
        return ", ".join(part for part in parts if part)

    def replies(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """See Backend.replies. Raises UrialError when the server refuses, fails or is another one than on record."""
        room = Room(self.ledger, self.judge.max_tokens)
        jobs = self._jobs(questions, room)
        with closing(self._outcomes(jobs)) as outcomes:
            for outcome in outcomes:
                index = int(outcome.key)
                reply = self._reply(outcome)
                room.settle(index, reply)
                yield index, reply
        if room.full:
            raise UrialError(
                f"the budget of {self.ledger.budget:g} would be exceeded: {self.ledger.spent:.4f} is spent on "
                f"{self.ledger.replies} replies, and {room.left} requests are not made",
                fix="raise judges.NAME.budget in params.yaml; finished rows are in the row cache",
            )

    def _outcomes(self, jobs: Iterator[Job]) -> Generator[Outcome, None, None]:
        try:
            yield from self.client.run(jobs, row_error=lambda error: error.filtered)
        except StatusError as error:
            raise with_fix(error) from error

    def body(self, question: Question) -> dict[str, Any]:
        """The request for a reply."""
        form = response_format(self.facts.reply, question.schema)
        return chat_body(self.judge, question.text, form, self.facts.tokens_field, question.attempt)

    def read(self, body: Mapping[str, Any]) -> Reply:
        """The reply in what the server sent. Raises UrialError when another model replied than the one on record."""
        reply = read_reply(body, self.facts.model, self.client.address)
        redacted = self.client.redacted
        thinking = reply.thinking and redacted(reply.thinking)
        return reply.model_copy(update={"text": redacted(reply.text), "thinking": thinking})

    def _jobs(self, questions: Sequence[Question], room: "Room") -> Iterator[Job]:
        for index, question in enumerate(questions):
            if not room.take(index, question):
                room.left = len(questions) - index
                return
            tokens = size_of(question) // BYTES_A_TOKEN + self.judge.max_tokens
            yield Job(str(index), PATH, self.body(question), tokens)

    def _reply(self, outcome: Outcome) -> Reply:
        if outcome.body is not None:
            return self.read(outcome.body)
        error = outcome.error
        if isinstance(error, StatusError):
            return Reply(text=error.message, finish="filtered")
        if error is None or self.judge.failures == "error":
            raise error or UrialError(f"{self.client.address}: neither a reply nor an error")
        return Reply(text=error.cause, finish="failed")


class Room:
    """What a budget leaves room for: requests under way count with the most that they can cost."""

    def __init__(self, ledger: Ledger, max_tokens: int) -> None:
        self.ledger = ledger
        self.max_tokens = max_tokens
        self.left = 0
        self._under_way: dict[int, float] = {}
        self._reserved = 0.0

    @property
    def full(self) -> bool:
        """Whether requests had to be left out."""
        return self.left > 0

    def take(self, index: int, question: Question) -> bool:
        """Whether a request may start; if so, its largest cost is set aside."""
        if self.ledger.budget is None or index in self._under_way:
            return True
        if (self.ledger.spent or 0.0) + self._reserved + self._most(question) > self.ledger.budget:
            return False
        self.set_aside(index, question)
        return True

    def set_aside(self, index: int, question: Question) -> None:
        """Reckon with the largest cost of a request that was made already."""
        if index not in self._under_way:
            self._under_way[index] = self._most(question)
            self._reserved += self._under_way[index]

    def settle(self, index: int, reply: Reply) -> None:
        """A request is done. Raises UrialError when its cost cannot be known and there is a budget."""
        self._reserved -= self._under_way.pop(index, 0.0)
        uncounted = reply.input_tokens is None or reply.output_tokens is None
        if self.ledger.budget is not None and uncounted and reply.finish in ("stop", "length"):
            raise UrialError(
                "the server counts no tokens, so that no budget can be kept", fix="set judges.NAME.budget to null"
            )

    def _most(self, question: Question) -> float:
        # A token has at least one byte.
        return self.ledger.money(size_of(question), self.max_tokens) or 0.0


def size_of(question: Question) -> int:
    """Bytes that a request is paid for: servers count the schema of the reply as read, too."""
    return len(question.text.encode("utf-8", "replace")) + len(json.dumps(dict(question.schema)))


def read_reply(body: Mapping[str, Any], model: str | None, address: str) -> Reply:
    """The reply in a chat completion. Raises UrialError when another model than ``model``, on record, replied."""
    finish, thinking, text = _said(body)
    served = model if finish == "malformed" else body.get("model") or None
    if served != model:
        raise UrialError(
            f"{address}: {shorten(served)} replied, but the replies on record are of {shorten(model)}",
            expected="one judge for all rows",
            fix="name the dated snapshot as judges.NAME.model",
        )
    return Reply(
        text=text,
        thinking=thinking,
        finish=finish,
        model=model,
        input_tokens=_count(body, "prompt_tokens"),
        output_tokens=_count(body, "completion_tokens"),
    )


def _said(body: Mapping[str, Any]) -> tuple[ReplyFinish, str | None, str]:
    """How the reply ended, its thinking, and its text."""
    message = message_of(body)
    if message is None or not isinstance(message.get("content"), str | None):
        return "malformed", None, json.dumps(body, sort_keys=True)
    if isinstance(message.get("refusal"), str) and message["refusal"]:
        return "refused", None, message["refusal"]
    thinking, text = _thinking(message)
    reason = body["choices"][0].get("finish_reason")
    if reason == "content_filter":
        return "filtered", thinking, text
    return "length" if reason == "length" else "stop", thinking, text


def _thinking(message: Mapping[str, Any]) -> tuple[str | None, str]:
    """Thinking and reply, from a field of its own or from the text."""
    own = next((message[name] for name in ("reasoning_content", "reasoning") if isinstance(message.get(name), str)), "")
    within, text = split_thinking(message.get("content") or "")
    thinking = "\n\n".join(part for part in (own, within or "") if part)
    return thinking or None, text


def _count(body: Mapping[str, Any], name: str) -> int | None:
    usage = body.get("usage")
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
