"""A server on loopback that answers as a test tells it to, and that writes down what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STREAM = "text/event-stream"


@dataclass
class Asked:
    """One request."""

    path: str
    # By their names in small letters.
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class FakeServer:
    """What the server answers: ``reply`` is called with each handler and request."""

    reply: Callable[[BaseHTTPRequestHandler, Asked], None]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Its address, as --server takes it."""
        return f"http://127.0.0.1:{self.port}/v1"


@contextmanager
def serving(reply: Callable[[BaseHTTPRequestHandler, Asked], None]) -> Iterator[FakeServer]:
    """A running server."""
    fake = FakeServer(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            headers = {name.lower(): value for name, value in self.headers.items()}
            fake.asked.append(Asked(self.path, headers, body))
            fake.reply(self, fake.asked[-1])
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, data: bytes, status: int = 200, kind: str = STREAM) -> None:
    """A whole answer; its end is the end of the connection."""
    handler.send_response(status)
    handler.send_header("Content-Type", kind)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(data)


def says(data: bytes, status: int = 200, kind: str = STREAM) -> Callable[[BaseHTTPRequestHandler, Asked], None]:
    """A reply that is always the same."""
    return lambda handler, _: send(handler, data, status, kind)


def fails(status: int, body: Any) -> Callable[[BaseHTTPRequestHandler, Asked], None]:
    """A reply that is an error with a JSON body."""
    return says(json.dumps(body).encode(), status, "application/json")


def events(*chunks: Any) -> bytes:
    """A stream of JSON values, without its end."""
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def completion(*texts: str, reason: str | None = "stop", chat: bool = False) -> bytes:
    """A stream of pieces, as /completions or /chat/completions send it; without a reason, it breaks off."""
    pieces = [({"delta": {"content": text}} if chat else {"text": text}) for text in texts]
    chunks = [{"choices": [{"index": 0, "finish_reason": None, **piece}]} for piece in pieces]
    if reason is None:
        return events(*chunks)
    last: dict[str, Any] = {"delta": {}} if chat else {"text": ""}
    return events(*chunks, {"choices": [{"index": 0, "finish_reason": reason, **last}]}) + b"data: [DONE]\n\n"
