"""A clear message for whatever a server sends instead of an answer, and the key in none of them."""

import json
import socket
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.cli.chat.test_server_stream import Reply, request, streamed
from tests.fake_server import Asked, completion, events, fails, says, send, serving
from tests.tiny_models import decoding
from urial.cli.chat.server_stream import KEY, ServerEngine
from urial.cli.chat.stream_text import PromptTooLongError
from urial.core.errors import UrialError

CANARY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)


def error_of(reply: Reply, timeout: float = 10) -> str:
    """The message, less the server's address, which it begins with."""
    with serving(reply) as server:
        with pytest.raises(UrialError) as caught:
            streamed(ServerEngine(server.url, "m", timeout=timeout), request(), decoding())
        assert str(caught.value).startswith(f"{server.url}: ")
        return str(caught.value).removeprefix(f"{server.url}: ")


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, {"error": {"message": "Incorrect key"}},
         "status 401: Incorrect key\n  fix: set OPENAI_API_KEY in the environment"),
        (403, {"detail": "no"}, "status 403: no\n  fix: set OPENAI_API_KEY in the environment"),
        (404, {"detail": "Not Found"},
         "status 404: Not Found\n  fix: check the model's name and the server's address, which usually ends in /v1"),
        (422, {"detail": "Unexpected fields: {'repetition_penalty'}"},
         "status 422: Unexpected fields: {'repetition_penalty'}\n  fix: --repetition-penalty 1"),
        (500, {"error": "out of memory"}, "status 500: out of memory"),
        (500, {}, "status 500"),
        (400, [1, 2], "status 400: [1, 2]"),
        (400, {"error": {"message": "a\x1b[2J\nb" + "x" * 1000}}, "status 400: a\\x1b[2J\\nb" + "x" * 288 + "…"),
    ],
)  # fmt: skip
def test_an_error_of_the_server_says_what_it_said(status: int, body: Any, message: str) -> None:
    assert error_of(fails(status, body)) == message


def test_a_server_that_sends_on_is_not_followed_with_the_key() -> None:
    def sends_on(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(307)
        handler.send_header("Location", "http://127.0.0.2:1/v1/completions?key=secret")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    assert error_of(sends_on) == (
        "status 307: it sends on to http://127.0.0.2:1/v1/completions"
        "\n  fix: name the address that answers itself; the key is not sent on"
    )


def test_an_error_page_is_not_quoted() -> None:
    assert error_of(says(b"<!doctype html><h1>502</h1>", 502, "text/html")) == "status 502: an HTML page"


def test_a_fault_that_may_pass_is_tried_twice() -> None:
    def first_busy(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        if len(server.asked) == 1:
            send(handler, b"{}", 503, "application/json")
        else:
            send(handler, completion("Karmost"))

    with serving(first_busy) as server:
        assert streamed(ServerEngine(server.url, "m"), request(), decoding())[1].text == "Karmost"
    with serving(fails(503, {"error": "busy"})) as server, pytest.raises(UrialError):
        streamed(ServerEngine(server.url, "m"), request(), decoding())
    assert len(server.asked) == 2


NO_STREAM = (
    "no answer came, or none that is a stream of events"
    "\n  fix: look into the server's log; its address usually ends in /v1"
)


@pytest.mark.parametrize(
    ("sent", "kind", "message"),
    [
        (b"<html><body>Welcome</body></html>", "text/html", NO_STREAM),
        (b'{"choices": [{"text": "whole"}]}', "application/json", NO_STREAM),
        (b"", "text/event-stream", NO_STREAM),
        (events({"choices": [{}]}), "text/event-stream", NO_STREAM),
        (completion("Kar", reason=None), "text/event-stream",
         "the answer broke off\n  fix: look into the server's log; its address usually ends in /v1"),
        (completion("Kar", reason="content_filter"), "text/event-stream",
         "the answer was ended for the reason 'content_filter'"),
        (events({"error": "no memory"}), "text/event-stream", "an error: no memory"),
        (events({"error": {"message": "bad"}}), "text/event-stream", "an error: bad"),
        (b"data: {broken\n\n", "text/event-stream",
         "sent what is no JSON: 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'"
         "\n  fix: name a server of OpenAI's protocol"),
        (b"data: \xff\xfe\n\n", "text/event-stream",
         "sent what is no JSON: \"'utf-8' codec can't decode byte 0xff in position 6: invalid start byte\""
         "\n  fix: name a server of OpenAI's protocol"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_an_error(sent: bytes, kind: str, message: str) -> None:
    assert error_of(says(sent, kind=kind)) == message


@pytest.mark.parametrize(
    "chunk",
    [{"foo": 1}, [1, 2], "text", 3, {"choices": [{"text": 5, "finish_reason": None}]},
     {"choices": "x"}, {"choices": [{"text": "\ud800", "finish_reason": None}]}],
)  # fmt: skip
def test_a_chunk_of_another_shape_is_an_error(chunk: Any) -> None:
    message = error_of(says(events(chunk)))
    assert message.startswith("sent what is no completion: ")
    assert message.endswith("\n  fix: name a server of OpenAI's protocol")
    assert len(message) < 300


def test_a_server_that_is_not_there_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UrialError) as caught:
        streamed(ServerEngine(f"http://127.0.0.1:{port}/v1", "m"), request(), decoding())
    assert str(caught.value) == (
        f"http://127.0.0.1:{port}/v1: no connection: '[Errno 111] Connection refused'\n  fix: check that the server is running"
    )


def test_a_connection_that_breaks_in_the_middle_is_an_error() -> None:
    def cut_off(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        handler.wfile.write(completion("Kar", reason=None))

    assert error_of(cut_off).startswith("no connection: 'peer closed connection without sending complete message body")


def test_a_silent_server_is_not_waited_for_forever() -> None:
    def slow(handler: BaseHTTPRequestHandler, _: Asked) -> None:
        send(handler, completion("Kar", reason=None))
        handler.wfile.flush()
        time.sleep(1.5)

    assert error_of(slow, timeout=0.3) == "nothing came for 0.3 s\n  fix: is the model still loading? Try again"


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 512 tokens. However, you requested 600 tokens",
        "the request exceeds the available context size, try increasing it",
        "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
        "The input (600 tokens) is longer than the model's context length (512 tokens).",
        "The decoder prompt (length 600) is longer than the maximum model length of 512.",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 512.",
    ],
)
def test_a_prompt_that_is_too_long_for_the_server_is_known_by_its_words(message: str) -> None:
    with serving(fails(400, {"error": {"message": message}})) as server, pytest.raises(PromptTooLongError) as caught:
        streamed(ServerEngine(server.url, "m"), request(), decoding())
    assert str(caught.value).startswith(f"{server.url}: ")
    assert len(server.asked) == 1


def test_the_key_is_sent_and_is_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, f" {CANARY}\n")

    def repeats(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        body = {"error": {"message": f"Incorrect API key: {asked.headers['authorization']}"}}
        send(handler, json.dumps(body).encode(), 401, "application/json")

    assert error_of(repeats) == (
        "status 401: Incorrect API key: Bearer ***\n  fix: correct OPENAI_API_KEY in the environment: the server refuses the "
        "key in it"
    )
    with serving(says(completion("x"))) as server:
        streamed(ServerEngine(server.url, "m"), request(), decoding())
    assert server.asked[0].headers["authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize(
    "sent", [events({"error": CANARY}), events({"choices": [CANARY]}), b"data: " + CANARY.encode()]
)
def test_a_stream_that_repeats_the_key_does_not_bring_it_into_a_message(
    monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setenv(KEY, CANARY)
    assert CANARY not in error_of(says(sent + b"\n\n"))


@pytest.mark.parametrize("key", ["a\nb", "é", "a b", "\x00"[:0] + "a\x7f"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv(KEY, key)
    with pytest.raises(UrialError) as caught:
        ServerEngine("http://127.0.0.1/v1", "m")
    assert str(caught.value) == "OPENAI_API_KEY has characters that no key has\n  fix: correct the environment"
