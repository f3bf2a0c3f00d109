"""A server on loopback that does what a healthy one never does, as a script of replies tells it to.

A reply is a function of the request; a script is a sequence of replies, of which the last one goes on for ever, or a
function that chooses the reply to each request, such as `lambda asked: resets() if asked.number % 3 else answers({})`:

    with serving_faulty([too_many("0.1"), resets(), answers(chat("Karmost."))]) as server:  # .url, .asked, .most_at_once
"""

import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JSON = "application/json"
ABOUT = ("/v1/models", "/props")


@dataclass(frozen=True)
class Asked:
    """One request: ``number`` counts from 0, ``at`` is time.monotonic() of its arrival."""

    number: int
    at: float
    method: str
    path: str
    # By their names in small letters.
    headers: dict[str, str]
    data: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.data.decode("utf-8", "replace")

    @property
    def body(self) -> Any:
        """The body as JSON."""
        return json.loads(self.data)


Reply = Callable[["Handler", Asked], None]
Script = Sequence[Reply] | Callable[[Asked], Reply]


class FaultyServer(ThreadingHTTPServer):
    """What was asked, and how hard."""

    daemon_threads = False
    request_queue_size = 1024

    def __init__(self, script: Script, about: Mapping[str, Any] | None = None, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.script = script
        # What it says of itself, by path.
        self.about = about or {}
        self.asked: list[Asked] = []
        # The most requests that were under way at the same time.
        self.most_at_once = 0
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self._under_way = 0
        # All that there were.
        self.connections: list[socket.socket] = []

    @property
    def url(self) -> str:
        """Its address, as a base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @contextmanager
    def counted(self, method: str, path: str, headers: Mapping[str, str], data: bytes) -> Iterator[Asked]:
        """Writes a request down, which is under way inside."""
        with self.lock:
            names = {name.lower(): value for name, value in headers.items()}
            asked = Asked(len(self.asked), time.monotonic(), method, path, names, data)
            self.asked.append(asked)
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            yield asked
        finally:
            with self.lock:
                self._under_way -= 1

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Remembers the connection, to end it when the test does."""
        self.connections.append(request)
        return True

    def handle_error(self, *_: Any) -> None:
        """A client that is gone is no news."""

    def stop(self) -> None:
        """Ends replies and connections that are under way."""
        self.stopping.set()
        self.shutdown()
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection, kept alive as HTTP/1.1 wants it."""

    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def do_POST(self) -> None:
        """Any path."""
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path in ABOUT:
            known = self.path in self.server.about
            said = self.server.about[self.path] if known else {"error": {"message": "Not Found"}}
            answers(said, 200 if known else 404)(self, Asked(-1, 0, self.command, self.path, {}, data))
            return
        with self.server.counted(self.command, self.path, dict(self.headers.items()), data) as asked:
            script = self.server.script
            reply = script(asked) if callable(script) else script[min(asked.number, len(script) - 1)]
            reply(self, asked)

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


@contextmanager
def serving_faulty(script: Script, about: Mapping[str, Any] | None = None) -> Iterator[FaultyServer]:
    """A running server; ``about`` has what it says of itself by path, of ABOUT, which is no part of ``asked``."""
    server = FaultyServer(script, about)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()


def vllm(context: int | None, model: str = "some/model") -> dict[str, Any]:
    """What vLLM says of itself, as ``about``."""
    entry = {
        "id": model,
        "object": "model",
        "owned_by": "vllm",
        "root": model,
        "parent": None,
        "max_model_len": context,
    }
    return {"/v1/models": {"object": "list", "data": [entry]}}


def llama_cpp(context: int, model: str = "model.gguf") -> dict[str, Any]:
    """What llama.cpp's server says of itself; its list has the length that the model was trained with."""
    entry = {"id": model, "object": "model", "owned_by": "llamacpp", "meta": {"n_ctx_train": 8192}}
    settings = {"id": 0, "n_ctx": context, "params": {"n_predict": -1}}
    return {
        "/v1/models": {"object": "list", "data": [entry]},
        "/props": {"default_generation_settings": settings, "total_slots": 4},
    }


def chat(text: str, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """The body of a good reply of /chat/completions; ``message`` adds to or replaces the message's fields."""
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    return {"id": "c1", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}


def sends(data: bytes, status: int = 200, kind: str = JSON, headers: Mapping[str, str] | None = None) -> Reply:
    """Exactly these bytes."""

    def reply(handler: Handler, _: Asked) -> None:
        _head(handler, status, kind, len(data), headers or {})
        handler.wfile.write(data)

    return reply


def answers(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON value, also one of the wrong shape, or the body of an error."""
    return sends(json.dumps(body).encode(), status, JSON, headers)


def fails(status: int, message: str = "no", code: str | None = None) -> Reply:
    """An error as OpenAI writes it, such as 401, or 400 with the code content_filter."""
    return answers({"error": {"message": message, "type": "error", "param": None, "code": code}}, status)


def too_many(retry_after: str | None = None, status: int = 429) -> Reply:
    """Too many requests; ``retry_after`` is the header's value."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return answers({"error": {"message": "slow down"}}, status, headers)


def http_date(seconds: float) -> str:
    """The date so many seconds from now, for Retry-After; dates have no fractions."""
    return formatdate(time.time() + seconds, usegmt=True)


def page(status: int = 200) -> Reply:
    """An HTML page, as proxies send it."""
    return sends(b"\n<!doctype html><html><body><h1>Bad gateway</h1></body></html>", status, "text/html")


def cut_off(body: Any, sent: int = 20) -> Reply:
    """The first bytes of a JSON reply, then the end of the connection before the length that was promised."""

    def reply(handler: Handler, _: Asked) -> None:
        data = json.dumps(body).encode()
        _head(handler, 200, JSON, len(data), {})
        handler.wfile.write(data[:sent])
        handler.close_connection = True

    return reply


def truncated(body: Any, sent: int = 20) -> Reply:
    """The first bytes of a JSON reply as if they were all."""
    return sends(json.dumps(body).encode()[:sent])


def closes() -> Reply:
    """The end of the connection instead of a reply."""

    def reply(handler: Handler, _: Asked) -> None:
        handler.close_connection = True

    return reply


def resets() -> Reply:
    """A reset of the connection (RST) instead of a reply."""

    def reply(handler: Handler, _: Asked) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(handler.connection.detach())
        handler.close_connection = True

    return reply


def drips(body: Any, seconds: float = 0.02) -> Reply:
    """A good reply, a byte every so many seconds, until the client or the test ends."""

    def reply(handler: Handler, _: Asked) -> None:
        data = json.dumps(body).encode()
        _head(handler, 200, JSON, len(data), {})
        for byte in data:
            handler.wfile.write(bytes([byte]))
            if handler.server.stopping.wait(seconds):
                break

    return reply


def late(seconds: float, then: Reply) -> Reply:
    """A reply after so many seconds."""

    def reply(handler: Handler, asked: Asked) -> None:
        if not handler.server.stopping.wait(seconds):
            then(handler, asked)

    return reply


def _head(handler: Handler, status: int, kind: str, length: int, headers: Mapping[str, str]) -> None:
    handler.send_response(status)
    for name, value in {"Content-Type": kind, "Content-Length": str(length), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
