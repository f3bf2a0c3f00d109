"""A server that speaks OpenAI's protocol (vLLM, SGLang, llama.cpp, `transformers serve`), one answer at a time.

Base models are continued at ``/completions``, aligned models asked at ``/chat/completions`` through their own template.
The key is OPENAI_API_KEY from the environment, if it is set, and is in no message.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from urial.api.completions import first_choice, token_count
from urial.api.errors import StatusError, error_text, status_error
from urial.api.servers import Server, open_streaming_client
from urial.cli.chat.stream_text import Ending, Pieces, PromptTooLongError, Stream
from urial.core.errors import UrialError, shorten
from urial.generate.engine import Request
from urial.generate.protocol import FINISHES, path_of, request_body
from urial.records.params.file import Decoding

KEY = "OPENAI_API_KEY"
# The longest pause between two pieces, the loading of a model before the first one included.
TIMEOUT_SECONDS = 600.0
# Less than the 4 or so of English text, since the server's tokenizer is unknown: rather a prompt too many is refused
# here. Text with still fewer is left to the server to refuse.
CAUTIOUS_BYTES_A_TOKEN = 3
FIX = "name a server of OpenAI's protocol"


class Chunk(NamedTuple):
    """A piece of an answer; the finish reason comes with the last one, and the count of tokens with it or after it."""

    text: str
    reason: str | None
    counted: int | None


class ServerEngine:
    """One model on a server; a fault that may pass is tried twice."""

    def __init__(self, url: str, model: str, context: int | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        """``context`` is the model's context length, if it is known. Raises UrialError for what is no address."""
        self.server = Server(url, KEY, "--server")
        self.model = model
        self.context = context
        self.timeout = timeout
        self._client = open_streaming_client(self.server, timeout)
        # Most count the tokens of a stream only where they are asked to; few refuse to be asked.
        self._asks_counts = True

    def stream(self, request: Request, decoding: Decoding, keep: bool = True) -> Stream:
        """The answer's pieces, then its ending; ``keep`` is the server's own affair.

        Raises PromptTooLongError before the first piece, and UrialError when no whole answer arrives.
        """
        about = len(request.text.encode()) // CAUTIOUS_BYTES_A_TOKEN
        if self.context is not None and about + decoding.max_new_tokens > self.context:
            raise PromptTooLongError(
                f"the prompt has about {about:,} tokens ({CAUTIOUS_BYTES_A_TOKEN} bytes each) and the answer may have "
                f"{decoding.max_new_tokens:,}, but the context has {self.context:,}"
            )
        return self._answer(request, decoding)

    def converse(self, query: str, decoding: Decoding) -> Stream:
        """The answer to one query through the model's chat template."""
        messages = json.dumps([{"role": "user", "content": query}])
        return self._answer(Request(messages, False, (), decoding.seed, "messages"), decoding)

    def _answer(self, request: Request, decoding: Decoding) -> Stream:
        import openai

        counts = {"stream_options": {"include_usage": True}} if self._asks_counts else {}
        body = {**request_body(self.model, request, decoding), "stream": True, **counts}
        chunks: openai.Stream[object]
        try:
            chunks = self._client.post(
                path_of(request), cast_to=object, body=body, stream=True, stream_cls=openai.Stream[object]
            )
            with chunks:
                yield from self._pieces(map(self._read, chunks), request.stop)
        except (openai.OpenAIError, ValueError) as error:
            problem = self._explained(error, decoding)
            if not (counts and isinstance(problem, StatusError) and "stream_options" in problem.message):
                raise problem from None
        else:
            return
        # Refused before anything was sent.
        self._asks_counts = False
        yield from self._answer(request, decoding)

    def _pieces(self, arriving: Iterator[Chunk], stop: tuple[str, ...]) -> Stream:
        text, reason, counted, pieces = "", None, None, Pieces(stop)
        for chunk in arriving:
            text, reason, counted = text + chunk.text, chunk.reason, chunk.counted
            before = pieces.before_stop(text)
            if before is not None:
                yield pieces.rest(before)
                yield Ending(before, "stop_string")
                return
            if reason is not None:
                break
            if piece := pieces.next(text):
                yield piece
        if reason is None:
            what = "the answer broke off" if text else "no answer came, or none that is a stream of events"
            raise self._error(what, "look into the server's log; its address usually ends in /v1")
        if reason not in FINISHES:
            raise self._error(f"the answer was ended for the reason {self._quoted(reason)}")
        yield pieces.rest(text)
        # The counts come last, and only of an answer that was cut off they say more than is known.
        if FINISHES[reason] == "length" and counted is None:
            counted = next((chunk.counted for chunk in arriving if chunk.counted is not None), None)
        yield Ending(text, FINISHES[reason], counted=counted)

    def _read(self, chunk: object) -> Chunk:
        """What a piece of a stream says. Raises UrialError for what is no completion."""
        body = chunk if isinstance(chunk, dict) else {}
        counted = token_count(body, "completion_tokens")
        if body.get("choices") == []:  # only numbers about the request
            return Chunk("", None, counted)
        choice = first_choice(body)
        problem = self._error(f"sent what is no completion: {self._quoted(chunk)}", FIX)
        if choice is None:
            raise problem
        delta = choice.get("delta")
        text = (delta.get("content") if isinstance(delta, dict) else choice.get("text")) or ""
        reason = choice.get("finish_reason") or None
        # Half of a character cannot be shown.
        if not isinstance(text, str) or not isinstance(reason, str | None) or re.search("[\ud800-\udfff]", text):
            raise problem
        return Chunk(text, reason, counted)

    def _explained(self, error: Exception, decoding: Decoding) -> UrialError:
        """What went wrong, without the library's errors, which know the key."""
        import openai

        if isinstance(error, openai.APITimeoutError):
            return self._error(f"nothing came for {self.timeout:g} s", "is the model still loading? Try again")
        if isinstance(error, openai.APIConnectionError):
            return self._error(
                f"no connection: {self._quoted(error.__cause__ or error)}", "check that the server is running"
            )
        if not isinstance(error, openai.APIError):
            return self._error(f"sent what is no JSON: {self._quoted(error)}", FIX)
        if isinstance(error, openai.APIStatusError):
            sent = error.response
            problem = status_error(self.server, sent.status_code, sent.content, sent.headers.get("location"))
        else:
            message = self.server.clean(error_text(error.body) or error.message)
            # An error within the stream has no status of its own.
            problem = StatusError(f"{self.server.address}: an error: {message}", status=400, message=message)
        if problem.leaves_no_room(decoding.max_new_tokens):
            return PromptTooLongError(problem.what)
        # No part of OpenAI's protocol, and refused by some servers.
        return problem.but(fix="--repetition-penalty 1") if "repetition_penalty" in problem.message else problem

    def _error(self, what: str, fix: str | None = None) -> UrialError:
        return UrialError(what, path=self.server.address, fix=fix)

    def _quoted(self, value: object) -> str:
        """What the server said, short, on one line, and without the key, which some servers repeat."""
        return shorten(self.server.redacted(str(value)), 200)
