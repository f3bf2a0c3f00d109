"""The batch API: the same requests at a lower price, answered within a day.

A batch is found again after a restart: the row cache holds its id for every request in it, and the server holds the
hash of its request file. So nothing is paid for twice, whenever the process is killed.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from urial.api.errors import FILTER_CODES
from urial.errors import UrialError, shorten
from urial.hashing import bytes_hash, content_hash
from urial.judges.facts import PATH
from urial.judges.model_judge import Question
from urial.judges.openai_judge import OpenAIBackend, Room
from urial.judgment_records import Reply
from urial.records import Hash, Record

# What OpenAI takes in one batch.
MAX_REQUESTS = 50_000
MAX_BYTES = 190_000_000
POLL_SECONDS = 30.0
# A request that so many batches did not answer is given up.
MAX_BATCHES = 3
WINDOW = "24h"
ENDED = ("completed", "failed", "expired", "cancelled")
# What our own batches are found by in the server's list.
LABEL = "urial_requests"


class BatchTicket(Record):
    """Where the answer to a request is to be fetched."""

    batch: str = Field(min_length=1, description="id of the batch that the request is in")


class BatchBackend:
    """The judge of an OpenAIBackend, asked in batches. Replies are the same rows either way."""

    def __init__(self, direct: OpenAIBackend) -> None:
        self.direct = direct
        self.client = direct.client
        self.cache = direct.cache
        self._submitted_now: set[str] = set()

    @property
    def identity(self) -> str:
        """See Backend.identity."""
        return self.direct.identity

    def replies(self, questions: Sequence[Question]) -> Iterator[tuple[int, Reply]]:
        """See Backend.replies."""
        room = Room(self.direct.ledger, self.direct.judge.max_tokens)
        names = [request_name(self.direct.body(question), question) for question in questions]
        waiting = dict(zip(names, range(len(names)), strict=True))
        reasons: dict[str, str] = {}
        for attempt in range(MAX_BATCHES):
            for batch in self._batches(questions, waiting, fresh=attempt > 0, room=room):
                for name, line in self._results(batch):
                    if name not in waiting:
                        continue
                    reply = self._reply(line)
                    if reply is None:
                        reasons[name] = _reason(line)
                        continue
                    index = waiting.pop(name)
                    room.settle(index, reply)
                    yield index, reply
            if not waiting:
                return
        for name, index in waiting.items():
            why = f"{MAX_BATCHES} batches gave no reply: {reasons.get(name, 'the request is in no result')}"
            if self.direct.judge.failures == "error":
                raise UrialError(f"{self.client.address}: {why}", fix="run again; finished rows are in the row cache")
            yield index, Reply(text=why, finish="failed")

    def request_lines(self, questions: Sequence[Question]) -> Iterator[bytes]:
        """The request file, line by line."""
        for question in questions:
            body = self.direct.body(question)
            yield request_line(request_name(body, question), body)

    def _batches(
        self, questions: Sequence[Question], waiting: Mapping[str, int], fresh: bool, room: Room
    ) -> Iterator[str]:
        """Ids of the batches that answer what is waited for: those on record, and new ones for the rest."""
        tickets = {} if fresh else self.cache.get(map(self._ticket_key, waiting), BatchTicket)
        known = {name: tickets[self._ticket_key(name)].batch for name in waiting if self._ticket_key(name) in tickets}
        new = {name: index for name, index in waiting.items() if name not in known}
        submitted = [self._submit(part) for part in self._files(questions, new, room)]
        yield from dict.fromkeys([*known.values(), *submitted])

    def _files(self, questions: Sequence[Question], new: Mapping[str, int], room: Room) -> Iterator[dict[str, bytes]]:
        """Request lines by name, as many in each file as one batch takes. Raises UrialError without a budget for all."""
        for index in new.values():
            # A request of an earlier batch that gave no reply has its share set aside already.
            if index not in room.under_way and not room.take(index, questions[index]):
                raise UrialError(
                    f"the budget of {room.ledger.budget:g} may not be enough for a batch of {len(new):,} requests",
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

    def _submit(self, part: Mapping[str, bytes]) -> str:
        data = b"".join(part.values())
        digest = bytes_hash(data)
        batch = self._listed(digest)
        if batch is None:
            file = self.client.upload("requests.jsonl", data, "batch")
            made = self.client.ask(
                "/batches",
                {
                    "input_file_id": file.get("id"),
                    "endpoint": f"/v1{PATH}",
                    "completion_window": WINDOW,
                    "metadata": {LABEL: digest},
                },
            )
            batch = self._id(made)
            print(f"{self.client.address}: batch {batch} of {len(part):,} requests submitted", flush=True)
        # All or none: a batch without tickets is found again by its requests.
        self.cache.put_all({self._ticket_key(name): BatchTicket(batch=batch) for name in (*part, batch)})
        self._submitted_now.add(batch)
        return batch

    def _listed(self, digest: Hash) -> str | None:
        """A batch of exactly these requests whose id could not be kept because the process was killed."""
        listed = self.client.get("/batches", {"limit": "100"}).get("data")
        for batch in listed if isinstance(listed, list) else []:
            metadata = batch.get("metadata") if isinstance(batch, dict) else None
            if isinstance(metadata, dict) and metadata.get(LABEL) == digest:
                found = self._id(batch)
                if not self.cache.get([self._ticket_key(found)], BatchTicket):
                    return found
        return None

    def _ticket_key(self, name: str) -> Hash:
        return content_hash({"row": "batch", "server": self.client.address, "name": name})

    def _results(self, batch: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Name and result of every request in an ended batch, in whatever order."""
        ended = self._ended(batch)
        for field in ("output_file_id", "error_file_id"):
            if isinstance(ended.get(field), str) and ended[field]:
                for line in self.client.download(f"/files/{ended[field]}/content").splitlines():
                    yield from self._named(line)
        if ended.get("status") == "failed" and batch in self._submitted_now:
            raise UrialError(
                f"{self.client.address}: batch {batch} failed: {shorten(json.dumps(ended.get('errors')), 300)}",
                fix="correct judges.NAME in params.yaml, then run again",
            )

    def _ended(self, batch: str) -> dict[str, Any]:
        said = None
        while True:
            found: dict[str, Any] = self.client.get(f"/batches/{batch}")
            if found.get("status") in ENDED:
                return found
            state = f"batch {batch}: {shorten(str(found.get('status')))}, {_progress_of(found)}"
            if state != said:
                print(f"{self.client.address}: {state}", flush=True)
                said = state
            time.sleep(POLL_SECONDS)

    def _named(self, line: bytes) -> Iterator[tuple[str, Mapping[str, Any]]]:
        try:
            value = json.loads(line)
        except ValueError:
            # Its request is then among those without a result, and is asked again.
            return
        if isinstance(value, dict) and isinstance(value.get("custom_id"), str):
            yield value["custom_id"], value

    def _reply(self, line: Mapping[str, Any]) -> Reply | None:
        """The reply in a line of results; None where the request has to be made again."""
        response = line.get("response")
        body = response.get("body") if isinstance(response, dict) else None
        if not isinstance(response, dict) or not isinstance(body, dict):
            return None
        if response.get("status_code") == 200:
            return self.direct.read(body)
        error = body.get("error")
        if isinstance(error, dict) and error.get("code") in FILTER_CODES:
            return Reply(text=str(error.get("message") or ""), finish="filtered")
        return None

    def _id(self, batch: Mapping[str, Any]) -> str:
        found = batch.get("id")
        if not isinstance(found, str) or not found:
            raise UrialError(f"{self.client.address}: the server named no batch", fix="does it have a batch API?")
        return found


def request_name(body: Mapping[str, Any], question: Question) -> str:
    """The custom_id of a request: the same for the same request, another for each attempt."""
    told = {"body": body, "aspect": question.aspect, "attempt": question.attempt}
    return content_hash(told).removeprefix("sha256:")[:40]


def request_line(name: str, body: Mapping[str, Any]) -> bytes:
    """A line of a request file."""
    request = {"custom_id": name, "method": "POST", "url": f"/v1{PATH}", "body": body}
    # Not sorted: the order of a schema's properties is the order of the reply.
    return json.dumps(request).encode("ascii") + b"\n"


def _reason(line: Mapping[str, Any]) -> str:
    return shorten(json.dumps({name: line.get(name) for name in ("error", "response")}, sort_keys=True), 300)


def _progress_of(batch: Mapping[str, Any]) -> str:
    counts = batch.get("request_counts")
    if not isinstance(counts, dict):
        return "progress unknown"
    return f"{counts.get('completed')} of {counts.get('total')} done, {counts.get('failed')} failed"
