"""The batch API: the same requests at a lower price, answered within a day."""

import json
from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from urial.api.client import StatusError
from urial.api.completions import CHAT_PATH
from urial.api.errors import error_text, is_filter
from urial.core.errors import UrialError, shorten
from urial.core.hashing import content_hash
from urial.judge.model.cost import Budget
from urial.judge.model.model_judge import Question
from urial.judge.server.batch_api import BatchApi
from urial.judge.server.capabilities import with_fix
from urial.judge.server.openai_judge import OpenAIBackend, size_of
from urial.records.judgment import Reply, ServerJudgeModel

# What OpenAI takes in one batch.
MAX_REQUESTS = 50_000
MAX_BYTES = 190_000_000
# A request that so many batches did not answer is given up.
MAX_BATCHES = 3
# Statuses of a request that may be answered another time; any other of 400 and more says that it never will.
MAY_PASS = (408, 409, 429)


class BatchBackend:
    """The judge of an OpenAIBackend, asked in batches. Replies are the same rows either way."""

    def __init__(self, direct: OpenAIBackend) -> None:
        self.direct = direct
        self.api = BatchApi(direct.client, direct.judge, direct.cache)

    @property
    def model(self) -> ServerJudgeModel:
        """See Backend.model."""
        return self.direct.model

    def replies(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """See Backend.replies."""
        budget = Budget(self.direct.ledger, self.direct.judge.max_tokens)
        names = [request_name(self.direct.body(question), question) for question in questions]
        waiting = dict(zip(names, range(len(names)), strict=True))
        reasons: dict[str, str] = {}
        for attempt in range(MAX_BATCHES):
            for batch in self._batches(questions, waiting, fresh=attempt > 0, budget=budget):
                for index, reply in self._collect(batch, waiting, reasons):
                    budget.settle(index, reply)
                    yield index, reply
            if not waiting:
                return
        for name, index in waiting.items():
            yield index, self._given_up(reasons.get(name, "the request is in no result"))

    def request_lines(self, questions: Sequence[Question]) -> Iterator[bytes]:
        """The request file, line by line."""
        for question in questions:
            body = self.direct.body(question)
            yield request_line(request_name(body, question), body)

    def _batches(
        self, questions: Sequence[Question], waiting: Mapping[str, int], fresh: bool, budget: Budget
    ) -> Iterator[str]:
        """Ids of the batches that answer what is waited for: those on record, and new ones for the rest."""
        known = {} if fresh else self.api.recorded(waiting)
        for name in known:
            budget.set_aside(waiting[name], size_of(questions[waiting[name]]))
        new = {name: index for name, index in waiting.items() if name not in known}
        submitted = [self.api.submit(part) for part in self._files(questions, new, budget)]
        yield from dict.fromkeys([*known.values(), *submitted])

    def _files(
        self, questions: Sequence[Question], new: Mapping[str, int], budget: Budget
    ) -> Iterator[dict[str, bytes]]:
        """Request lines by name, as many in each file as one batch takes. Raises UrialError without a budget for all."""
        if not all(budget.take(index, size_of(questions[index])) for index in new.values()):
            raise UrialError(
                f"the budget of {budget.ledger.budget:g} may not be enough for a batch of {len(new):,} requests",
                fix="raise judges.NAME.budget in params.yaml, or lower max_tokens: a batch cannot be stopped midway",
            )
        part: dict[str, bytes] = {}
        size = 0
        for name, index in new.items():
            line = request_line(name, self.direct.body(questions[index]))
            if part and (len(part) == MAX_REQUESTS or size + len(line) > MAX_BYTES):
                yield part
                part, size = {}, 0
            part[name] = line
            size += len(line)
        if part:
            yield part

    def _collect(self, batch: str, waiting: dict[str, int], reasons: dict[str, str]) -> Iterator[tuple[int, Reply]]:
        """The replies in a batch; what is answered waits no longer. An error of a request is raised after all others."""
        problem: UrialError | None = None
        for name, line in self.api.results(batch):
            if name not in waiting:
                continue
            try:
                reply = self._reply(line)
            except UrialError as error:
                problem = problem or error
                continue
            if reply is None:
                said = json.dumps({key: line.get(key) for key in ("error", "response")}, sort_keys=True)
                reasons[name] = shorten(self.direct.client.redacted(said), 300)
            else:
                yield waiting.pop(name), reply
        if problem is not None:
            raise problem

    def _reply(self, line: Mapping[str, JsonValue]) -> Reply | None:
        """The reply in a line of results; None where the request has to be made again.

        Raises UrialError where it would never be answered.
        """
        response = line.get("response")
        body = response.get("body") if isinstance(response, dict) else None
        if not isinstance(response, dict) or not isinstance(body, dict):
            return None
        status = response.get("status_code")
        if status == 200:
            return self.direct.read(body)
        error = body.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        message = self.direct.client.redacted(error_text(body))
        if is_filter(code, message):
            return Reply(text=message, finish="filtered")
        if not isinstance(status, int) or status in MAY_PASS or not 400 <= status < 500:
            return None
        what = f"{self.direct.client.address}: status {status}: {shorten(message, 300)}"
        raise with_fix(StatusError(what, status=status, message=message, code=str(code) if code else None))

    def _given_up(self, reason: str) -> Reply:
        why = f"{MAX_BATCHES} batches gave no reply: {reason}"
        if self.direct.judge.on_failure == "error":
            raise UrialError(
                f"{self.direct.client.address}: {why}", fix="run again; finished rows are in the row cache"
            )
        return Reply(text=why, finish="failed")


def request_name(body: Mapping[str, object], question: Question) -> str:
    """The custom_id of a request: the same for the same request, another for each attempt."""
    request = {"body": body, "aspect": question.aspect, "attempt": question.attempt}
    return content_hash(request).removeprefix("sha256:")[:40]


def request_line(name: str, body: Mapping[str, object]) -> bytes:
    """A line of a request file."""
    request = {"custom_id": name, "method": "POST", "url": f"/v1{CHAT_PATH}", "body": body}
    # Not sorted: the order of a schema's properties is the order of the reply.
    return json.dumps(request).encode("ascii") + b"\n"
