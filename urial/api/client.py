"""Many requests to one server at a time, from plain code: no async, no threads, and memory that does not grow.

>>> client = ApiClient("http://127.0.0.1:8000/v1", "OPENAI_API_KEY", Limits(concurrency=64))
>>> client.address
'http://127.0.0.1:8000/v1'
"""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Generator, Hashable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import JsonValue

from urial.api.concurrency import Concurrency
from urial.api.errors import NoReplyError, NotReachedError, StatusError, read_object
from urial.api.private_loop import PrivateLoop
from urial.api.retrying import Call, Learned, Reply, Sender
from urial.api.servers import Server
from urial.core.errors import UrialError, shorten
from urial.records.model import Limits

if TYPE_CHECKING:
    from openai import AsyncOpenAI

# After so many failed rows, no new one is started: the server may be dead, and each waits for all of its attempts.
MAX_FAILURES = 10
__all__ = ["ApiClient", "Job", "NoReplyError", "Outcome", "StatusError"]

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Job(Generic[Key]):
    """One request to be answered."""

    # The caller's own name for it.
    key: Key
    # Below the server's address, as in /chat/completions.
    path: str
    # JSON.
    body: Mapping[str, object]
    # Input and largest possible output, for tokens_per_minute.
    tokens: int = 0


@dataclass(frozen=True)
class Outcome(Generic[Key]):
    """What became of a job: either the reply's JSON object, or why there is none."""

    key: Key
    body: dict[str, JsonValue] | None
    error: StatusError | NoReplyError | None


class ApiClient:
    """A server of OpenAI's protocol, asked as hard as it can take and the limits allow."""

    def __init__(
        self, server: str, key_variable: str, limits: Limits, key: str | None = None, start: int | None = None
    ) -> None:
        """``server`` is a base URL; unless one is given, the key is read from the environment now, and none is fine.

        ``start``: how many requests it gets at a time at first; None: it is not known how many it can take. Raises UrialError
        for what is no address or no key.
        """
        self._server = Server(server, key_variable, key=key)
        self.limits = limits
        self._concurrency = Concurrency(limits.concurrency, start)
        self._learned = Learned()
        # Without user, password and query.
        self.address = self._server.address
        # What the server sent, with ``***`` in place of the key and of all else that is secret.
        self.redacted = self._server.redacted

    def run(
        self, jobs: Iterable[Job[Key]], row_error: Callable[[StatusError], bool] = lambda error: False
    ) -> Generator[Outcome[Key], None, None]:
        """An outcome for every job, each as soon as it is there.

        Jobs are taken one at a time, each when fewer than ``limits.concurrency`` are without an outcome that was
        yielded; so the run ends soon after ``jobs`` does. A StatusError for which ``row_error`` is true is an outcome,
        and so is a NoReplyError of a server that was reached before. Any other is raised: what is under way is given up, and
        what has been answered is yielded before. It has the job's key. A body that cannot be sent is a UrialError. Close the
        generator to stop early.
        """
        waiting, more = iter(jobs), True
        tasks: set[asyncio.Task[Outcome[Key]]] = set()
        done: asyncio.Queue[asyncio.Task[Outcome[Key]]] = asyncio.Queue()
        with self._sender(self._concurrency) as (loop, sender):
            while True:
                while more and len(tasks) < self.limits.concurrency:
                    job = next(waiting, None)
                    more = job is not None
                    if job is not None:
                        task = loop.start(_outcome(sender, job.key, _post(job)))
                        task.add_done_callback(done.put_nowait)
                        tasks.add(task)
                        loop.run(_steps())
                    if not done.empty():
                        break
                if not tasks:
                    return
                task = loop.run(done.get())
                tasks.remove(task)
                outcome = task.result()
                if error := _stops(outcome, row_error):
                    loop.cancel(tasks)
                    landed = (done.get_nowait() for _ in range(done.qsize()))
                    outcomes = [task.result() for task in landed if not task.cancelled()]
                    yield from (item for item in outcomes if not _stops(item, row_error))
                    raise error.but(key=outcome.key)
                yield outcome

    def ask(self, path: str, body: Mapping[str, object]) -> dict[str, JsonValue]:
        """The reply to one request. Raises StatusError and NoReplyError."""
        return self._one(_post(Job(path, path, body)))

    def get(self, path: str, query: Mapping[str, str] | None = None, is_needed: bool = True) -> dict[str, JsonValue]:
        """The JSON object at a path. Raises StatusError and NoReplyError; where it is not needed, nothing else tells of faults."""
        return self._one(replace(_get(path, read_object, query), is_needed=is_needed))

    def upload(self, name: str, data: bytes, purpose: str) -> dict[str, JsonValue]:
        """The record of a new file of the Files API. Raises StatusError and NoReplyError."""
        import httpx2

        def send(client: "AsyncOpenAI") -> "Awaitable[httpx2.Response]":
            return client.post(
                "/files",
                cast_to=httpx2.Response,
                body={"purpose": purpose},
                files=[("file", (name, data))],
                options={"headers": {"Content-Type": "multipart/form-data"}},
            )

        return self._one(Call(send, read_object))

    def download(self, path: str) -> bytes:
        """The bytes at a path, as in /files/ID/content. Raises StatusError and NoReplyError."""
        return self._one(_get(path, bytes))

    def _one(self, call: Call[Reply]) -> Reply:
        with self._sender(Concurrency(1)) as (loop, sender):
            return loop.run(sender.send(call))

    @contextmanager
    def _sender(self, concurrency: Concurrency) -> Iterator[tuple[PrivateLoop, Sender]]:
        with closing(PrivateLoop()) as loop:
            sender = loop.run(_opened(self._server, self.limits, self._learned, concurrency))
            try:
                yield loop, sender
            finally:
                if not sys.is_finalizing():
                    loop.cancel()
                    loop.run(sender.close())


def _stops(outcome: Outcome[Key], row_error: Callable[[StatusError], bool]) -> StatusError | NotReachedError | None:
    """The error that ends the run, if the outcome is one."""
    error = outcome.error
    if isinstance(error, StatusError):
        return None if row_error(error) else error
    return error if isinstance(error, NotReachedError) else None


async def _opened(server: Server, limits: Limits, learned: Learned, concurrency: Concurrency) -> Sender:
    return Sender(server, limits, learned, concurrency)


async def _steps() -> None:
    """Lets the jobs under way go on for a moment, so that they do not wait until slow code has made all the others."""
    for _ in range(10):
        await asyncio.sleep(0)


async def _outcome(sender: Sender, key: Key, call: Call[dict[str, JsonValue]]) -> Outcome[Key]:
    try:
        body = await sender.send(call)
    except (StatusError, NoReplyError) as error:
        return Outcome(key, None, error)
    return Outcome(key, body, None)


def _post(job: Job[Key]) -> Call[dict[str, JsonValue]]:
    import httpx2

    try:
        text = json.dumps(dict(job.body), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        content = text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise UrialError(f"the request {shorten(job.key)} cannot be sent as JSON: {shorten(str(error), 200)}") from None
    path = _below(job.path)
    return Call(lambda client: client.post(path, cast_to=httpx2.Response, content=content), read_object, job.tokens)


def _get(path: str, read: Callable[[bytes], Reply], query: Mapping[str, str] | None = None) -> Call[Reply]:
    import httpx2

    params = dict(query or {})
    return Call(lambda client: client.get(_below(path), cast_to=httpx2.Response, options={"params": params}), read)


def _below(path: str) -> str:
    # A whole address would be asked in place of the server's, with its key.
    if not re.fullmatch("/[!-~]*", path):
        raise UrialError(f"{shorten(path)} is no path below a server's address", expected="/ and printable ASCII")
    return path
