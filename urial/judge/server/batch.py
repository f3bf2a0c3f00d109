"""The batch API: the same requests at a lower price, answered within a day."""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from functools import cached_property

from pydantic import JsonValue

from urial.api.client import StatusError
from urial.api.completions import CHAT_PATH
from urial.api.errors import error_text, is_filter
from urial.core.errors import UrialError, shorten
from urial.core.hashing import content_hash
from urial.judge.model.asking import Question
from urial.judge.model.cost import Budget
from urial.judge.server.batch_api import BatchApi
from urial.judge.server.capabilities import with_fix
from urial.judge.server.openai_judge import OpenAIBackend, size_of
from urial.records.judgment import Reply

# What OpenAI takes in one batch.
MAX_REQUESTS = 50_000
MAX_BYTES = 190_000_000
# A request that so many batches did not answer is given up.
MAX_BATCHES = 3
# Statuses of a request that may be answered another time; any other of 400 and more says that it never will.
MAY_PASS = (408, 409, 429)


class BatchBackend(OpenAIBackend):
    """The same judge, asked in batches. Replies are the same rows either way."""

    @cached_property
    def api(self) -> BatchApi:
        """The batches on the server."""
        return BatchApi(self.client, self.judge, self.cache)

    def replies(self, questions: Sequence[Question]) -> Generator[tuple[int, Reply], None, None]:
        """See Backend.replies."""
        budget = Budget(self.ledger, self.judge.max_tokens)
        names = [request_name(self.body(question), question) for question in questions]
        waiting = dict(zip(names, range(len(names)), strict=True))
        reasons: dict[str, str] = {}
        for attempt in range(MAX_BATCHES):
            # Where batches on record left something open, only new ones can answer it.
            recorded = {} if attempt else self.api.recorded(waiting)
            for batch in self._batches(questions, waiting, recorded, budget):
                for index, reply in self._collect(batch, questions, waiting, reasons):
                    budget.settle(index, reply)
                    yield index, reply
            if not waiting:
                return
        for name, index in waiting.items():
            why = f"{MAX_BATCHES} batches gave no reply: {reasons.get(name, 'the request is in no result')}"
            if self.judge.on_failure == "error":
                raise UrialError(f"{self.client.address}: {why}", fix="run again; finished rows are in the row cache")
            yield index, Reply(text=why, finish="failed")

    def request_lines(self, questions: Sequence[Question]) -> Iterator[bytes]:
        """The request file, line by line."""
        for question in questions:
            body = self.body(question)
            yield request_line(request_name(body, question), body)

    def _batches(
        self, questions: Sequence[Question], waiting: Mapping[str, int], recorded: Mapping[str, str], budget: Budget
    ) -> list[str]:
        """Ids of the batches that answer what is waited for: those on record, and new ones for the rest.

        Raises UrialError without a budget for all.
        """
        for name in recorded:
            budget.set_aside(waiting[name], size_of(questions[waiting[name]]))
        new = {name: index for name, index in waiting.items() if name not in recorded}
        if not all(budget.take(index, size_of(questions[index])) for index in new.values()):
            raise UrialError(
                f"the budget of {self.ledger.budget:g} may not be enough for a batch of {len(new):,} requests",
                fix="raise judges.NAME.budget in params.yaml, or lower max_tokens: a batch cannot be stopped midway",
            )
        submitted = []
        # Request lines by name, as many as one batch takes.
        part: dict[str, bytes] = {}
        size = 0
        for name, index in new.items():
            line = request_line(name, self.body(questions[index]))
            if part and (len(part) == MAX_REQUESTS or size + len(line) > MAX_BYTES):
                submitted.append(self.api.submit(part))
                part, size = {}, 0
            part[name] = line
            size += len(line)
        if part:
            submitted.append(self.api.submit(part))
        return list(dict.fromkeys([*recorded.values(), *submitted]))

    def _collect(
        self, batch: str, questions: Sequence[Question], waiting: dict[str, int], reasons: dict[str, str]
    ) -> Iterator[tuple[int, Reply]]:
        """The replies in a batch; what is answered waits no longer. An error of a request is raised after all others."""
        problem: UrialError | None = None
        for name, line in self.api.results(batch):
            if name not in waiting:
                continue
            try:
                reply = self._result(line, questions[waiting[name]])
            except UrialError as error:
                problem = problem or error
                continue
            if reply is None:
                said = json.dumps({key: line.get(key) for key in ("error", "response")}, sort_keys=True)
                reasons[name] = shorten(self.client.redacted(said), 300)
            else:
                yield waiting.pop(name), reply
        if problem is not None:
            raise problem

    def _result(self, line: Mapping[str, JsonValue], question: Question) -> Reply | None:
        """The reply to a question in a line of results; None where the request has to be made again.

        Raises UrialError where it would never be answered.
        """
        response = line.get("response")
        body = response.get("body") if isinstance(response, dict) else None
        if not isinstance(response, dict) or not isinstance(body, dict):
            return None
        status = response.get("status_code")
        if status == 200:
            return self.read(body, question)
        error = body.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        message = self.client.redacted(error_text(body))
        if is_filter(code, message):
            return Reply(text=message, finish="filtered")
        if not isinstance(status, int) or status in MAY_PASS or not 400 <= status < 500:
            return None
        what = f"{self.client.address}: status {status}: {shorten(message, 300)}"
        refused = StatusError(what, status=status, message=message, code=str(code) if code else None)
        if self._concerns_one_row(refused):
            return Reply(text=message, finish="too_long")
        raise with_fix(refused, self.judge)


def request_name(body: Mapping[str, object], question: Question) -> str:
    """The custom_id of a request: the same for the same request, another for each attempt and judging."""
    request = {"body": body, "aspect": question.aspect, "attempt": question.attempt}
    if question.judging > 1:
        request["judging"] = question.judging
    return content_hash(request).removeprefix("sha256:")[:40]


def request_line(name: str, body: Mapping[str, object]) -> bytes:
    """A line of a request file."""
    request = {"custom_id": name, "method": "POST", "url": f"/v1{CHAT_PATH}", "body": body}
    # Not sorted: the order of a schema's properties is the order of the reply.
    return json.dumps(request).encode("ascii") + b"\n"
