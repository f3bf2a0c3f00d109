"""Answers from servers of OpenAI's protocol, and a clear message for whatever else a server sends."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given

from tests.cli.chat.test_pieces import CHUNKS, STOPS, cut
from tests.fake_server import Asked, completion, events, says, send, serving
from tests.tiny_models import decoding
from urial.api.servers import public_address
from urial.cli.chat.server_stream import KEY, Chunk, ServerEngine
from urial.cli.chat.stream_text import Ending, PromptTooLongError, cut_off
from urial.core.errors import UrialError
from urial.generate.engine import Request
from urial.records.params.file import Decoding

Reply = Callable[[BaseHTTPRequestHandler, Asked], None]
FENCE = ("\n```", "```", "# Query")


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY, raising=False)


def request(text: str = "P", stop: tuple[str, ...] = FENCE) -> Request:
    return Request(text, True, stop, 0)


def streamed(engine: ServerEngine, asked: Request, how: Decoding) -> tuple[list[str], Ending]:
    *pieces, ending = engine.stream(asked, how)
    assert isinstance(ending, Ending)
    return [piece for piece in pieces if isinstance(piece, str)], ending


def answer_to(reply: Reply, stop: tuple[str, ...] = FENCE, timeout: float = 10) -> tuple[str, str]:
    """Answer and finish."""
    with serving(reply) as server:
        pieces, ending = streamed(ServerEngine(server.url, "m", timeout=timeout), request("P", stop), decoding())
    assert "".join(pieces) == ending.text
    assert ending.token_ids is None
    return ending.text, ending.finish


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (completion("Kar", "most", "."), ("Karmost.", "stop")),
        (completion("Kar", "most", reason="length"), ("Karmost", "length")),
        (completion("Karmost", reason="eos_token"), ("Karmost", "end_token")),
        (completion("Karmost", reason="stop_sequence"), ("Karmost", "stop_string")),
        (completion(), ("", "stop")),
        (completion("Karmost.", "\n`", "``\n\n# Qu", "ery:"), ("Karmost.", "stop_string")),
        # A server that never ends: nothing after the stop string is waited for.
        (completion("Karmost.\n```", reason=None), ("Karmost.", "stop_string")),
        (events({"choices": [], "usage": {}}) + completion("a", "🙂"), ("a🙂", "stop")),
        (b": a comment\n\n" + completion("a"), ("a", "stop")),
        (events({"choices": [{"text": None, "finish_reason": None}]}) + completion("a"), ("a", "stop")),
    ],
)  # fmt: skip
def test_an_answer_arrives_whole_and_without_its_stop_string(sent: bytes, answer: tuple[str, str]) -> None:
    assert answer_to(says(sent)) == answer


@given(CHUNKS, STOPS)
def test_pieces_of_any_size_join_to_the_answer_before_its_first_stop_string(chunks: list[str], stop: list[str]) -> None:
    engine = object.__new__(ServerEngine)
    sent = [*(Chunk(chunk, None, None) for chunk in chunks), Chunk("", "stop", None)]
    *pieces, ending = engine._pieces(iter(sent), tuple(stop))
    assert isinstance(ending, Ending)
    assert "".join(map(str, pieces)) == ending.text == cut(chunks, stop)


def test_a_base_model_is_sent_the_exact_prompt_and_what_the_protocol_allows() -> None:
    text, stop = "é\n\t```\r\n🙂 ", ("a", "b", "c", "d", "e")
    with serving(says(completion("x", "e", "y"))) as server:
        pieces, _ = streamed(ServerEngine(server.url, "some/model"), request(text, stop), decoding())
    assert pieces == ["x", ""]
    [asked] = server.asked
    assert asked.path == "/v1/completions"
    assert asked.body == {
        "model": "some/model", "prompt": text, "max_tokens": 12, "temperature": 0.0, "stop": ["a", "b", "c", "d"],
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip


def test_sampling_and_penalty_are_sent_where_they_do_something() -> None:
    how = decoding(temperature=0.7, top_p=0.9, repetition_penalty=1.1, seed=7)
    with serving(says(completion("x"))) as server:
        streamed(ServerEngine(server.url, "m"), Request("P", True, (), how.seed), how)
    assert server.asked[0].body == {
        "model": "m", "prompt": "P", "max_tokens": 12, "temperature": 0.7, "top_p": 0.9, "seed": 7,
        "repetition_penalty": 1.1, "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip


def test_an_aligned_model_is_asked_through_its_own_template() -> None:
    with serving(says(completion("Kar", "most", chat=True))) as server:
        *pieces, ending = ServerEngine(server.url, "m").converse("Why?", decoding())
    assert pieces == ["Kar", "most", ""]
    assert ending == Ending("Karmost", "stop")
    assert server.asked[0].path == "/v1/chat/completions"
    assert server.asked[0].body["messages"] == [{"role": "user", "content": "Why?"}]
    assert "stop" not in server.asked[0].body


def test_a_context_that_is_known_is_kept_to_by_estimate() -> None:
    with serving(says(completion("x"))) as server:
        engine = ServerEngine(server.url, "m", context=112)
        assert streamed(engine, request("x" * 300), decoding())[1].text == "x"
        with pytest.raises(PromptTooLongError) as caught:
            streamed(engine, request("x" * 303), decoding())
    assert str(caught.value) == (
        "the prompt has about 101 tokens (3 bytes each) and the answer may have 12, but the context has 112"
    )


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1"),
        ("https://user:secret@host.example/v1?key=secret#secret", "https://host.example/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
    ],
)
def test_an_address_is_shown_without_what_is_secret_in_it(url: str, address: str) -> None:
    assert public_address(url) == address


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://host", "http://", "http://[", "http://h:x", "/v1", "http://h:99999"])  # fmt: skip
def test_what_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(UrialError) as caught:
        ServerEngine(url, "m")
    assert str(caught.value) == "--server is no address\n  expected: http://HOST:PORT/v1, or with https"


def test_what_an_address_says_besides_reaches_the_server() -> None:
    with serving(says(completion("x"))) as server:
        url = server.url.replace("//", "//user:secret@") + "?api-version=1"
        streamed(ServerEngine(url, "m"), request(), decoding())
    assert server.asked[0].path == "/v1/completions?api-version=1"
    assert server.asked[0].headers["authorization"].startswith("Basic ")


LENGTH = completion("Kar", "most", reason="length").removesuffix(b"data: [DONE]\n\n")
DONE = b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    ("sent", "counted"),
    [
        (LENGTH + events({"choices": [], "usage": {"completion_tokens": 7}}) + DONE, 7),
        (LENGTH + events({"choices": [], "timings": {}}, {"choices": [], "usage": {"completion_tokens": 12}}), 12),
        (
            events({"choices": [{"text": "Karmost", "finish_reason": "length"}], "usage": {"completion_tokens": 3}}),
            3,
        ),
        (LENGTH + DONE, None),
        (LENGTH + events({"choices": [], "usage": {"completion_tokens": "many"}}) + DONE, None),
    ],
)
def test_the_tokens_of_an_answer_that_was_cut_off_are_the_server_s_count(sent: bytes, counted: int | None) -> None:
    with serving(says(sent)) as server:
        _, ending = streamed(ServerEngine(server.url, "m"), request(), decoding())
    assert ending == Ending("Karmost", "length", counted=counted)


def test_a_server_that_refuses_to_count_is_asked_without_from_then_on() -> None:
    def reply(handler: BaseHTTPRequestHandler, asked: Asked) -> None:
        if "stream_options" in asked.body:
            send(
                handler,
                b'{"error": {"message": "stream_options: extra fields not permitted"}}',
                422,
                "application/json",
            )
        else:
            send(handler, completion("Karmost."))

    with serving(reply) as server:
        engine = ServerEngine(server.url, "m")
        assert [streamed(engine, request(), decoding())[1].text for _ in range(2)] == ["Karmost."] * 2
        assert ["stream_options" in asked.body for asked in server.asked] == [True, False, False]


@pytest.mark.parametrize(
    ("counted", "note"),
    [
        (5, "cut off after 5 tokens by the server: its context, or a limit of its own, ends there"),
        (12, "cut off after 12 tokens; --max-new-tokens sets the limit"),
        (13, "cut off after 12 tokens; --max-new-tokens sets the limit"),
        (None, "cut off after 12 tokens, which --max-new-tokens sets, or before, where the server's context ends"),
    ],
)
def test_who_cut_an_answer_off_is_said(counted: int | None, note: str) -> None:
    assert cut_off(12, counted) == note
