"""A server that speaks OpenAI's protocol (vLLM, SGLang, llama.cpp, `transformers serve`), one answer at a time.

Base models are continued at ``/completions``, aligned models asked at ``/chat/completions`` through their own template.
The key is OPENAI_API_KEY from the environment, if it is set, and is in no message.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from urial.api.errors import StatusError
from urial.api.responses import HTML_PAGE, error_text
from urial.api.servers import Server
from urial.cli.chat.stream_text import Ending, Pieces, PromptTooLongError, Stream
from urial.core.errors import UrialError, shorten
from urial.core.hashing import canonical_json
from urial.generate.engine import Request
from urial.generate.protocol import FINISHES, request_body
from urial.records.params.systems import Decoding

KEY = "OPENAI_API_KEY"
# The longest pause between two pieces, the loading of a model before the first one included.
TIMEOUT_SECONDS = 120.0
# Less than the 4 or so of English text, since the server's tokenizer is unknown: rather a prompt too many is refused
# here. Text with still fewer is left to the server to refuse.
CAUTIOUS_BYTES_A_TOKEN = 3


class ServerEngine:
    """One model on a server."""

    def __init__(self, url: str, model: str, context: int | None = None, timeout: float = TIMEOUT_SECONDS) -> None:
        """``context`` is the model's context length, if it is known. Raises UrialError for what is no address."""
        import openai

        self.server = Server(url, KEY, "--server")
        self.address = self.server.address
        self.model = model
        self.context = context
        self.timeout = timeout
        self.client = openai.OpenAI(
            base_url=self.server.base_url,
            default_query=self.server.query,
            default_headers=self.server.headers,
            api_key=self.server.key,
            max_retries=1,
            timeout=openai.Timeout(timeout, connect=min(timeout, 10.0)),
        )

    def stream(self, request: Request, decoding: Decoding, keep: bool = True) -> Stream:
        """The answer's pieces, then its ending; ``keep`` is the server's own affair.

        Raises PromptTooLongError before the first piece, and UrialError when no whole answer arrives.
        """
        self._require_room(request.text, decoding.max_new_tokens)
        yield from self._stream(request, decoding)

    def converse(self, query: str, decoding: Decoding) -> Stream:
        """The answer to one query through the model's chat template."""
        messages = canonical_json([{"role": "user", "content": query}]).decode("utf-8")
        yield from self._stream(Request(messages, False, (), decoding.seed, "messages"), decoding)

    def _stream(self, request: Request, decoding: Decoding) -> Stream:
        body = {**request_body(self.model, request, decoding), "stream": True}
        if "repetition_penalty" in body:
            body["extra_body"] = {"repetition_penalty": body.pop("repetition_penalty")}
        is_chat = request.form == "messages"
        create: Callable[..., Any] = self.client.chat.completions.create if is_chat else self.client.completions.create
        with closing(self._chunks(lambda: create(**body))) as chunks:
            yield from self._pieces((self._read(chunk, is_chat) for chunk in chunks), request.stop)

    def _require_room(self, text: str, max_new_tokens: int) -> None:
        about = len(text.encode()) // CAUTIOUS_BYTES_A_TOKEN
        if self.context is not None and about + max_new_tokens > self.context:
            raise PromptTooLongError(
                f"the prompt has about {about:,} tokens ({CAUTIOUS_BYTES_A_TOKEN} bytes each) and the answer may have "
                f"{max_new_tokens:,}, but the context has {self.context:,}"
            )

    def _chunks(self, ask: Callable[[], Any]) -> Generator[Any, None, None]:
        import openai

        try:
            with ask() as chunks:
                yield from chunks
        except (openai.OpenAIError, ValueError) as error:
            raise self._explained(error) from error

    def _read(self, chunk: Any, is_chat: bool) -> tuple[str, str | None]:
        """Text and finish reason of one chunk."""
        try:
            if chunk.choices == []:  # only numbers about the request
                return "", None
            choice = chunk.choices[0]
            text = (choice.delta.content if is_chat else choice.text) or ""
            reason = choice.finish_reason or None
            text.encode()
        except (AttributeError, TypeError, LookupError, UnicodeEncodeError) as error:
            raise self._error(
                f"sent what is no completion: {self._quoted(chunk)}", fix="name a server of OpenAI's protocol"
            ) from error
        return text, reason

    def _pieces(self, chunks: Iterator[tuple[str, str | None]], stop: tuple[str, ...]) -> Stream:
        text, reason, pieces = "", None, Pieces(stop)
        for new, reason in chunks:
            text += new
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
            raise self._error(what, fix="look into the server's log; its address usually ends in /v1")
        if reason not in FINISHES:
            raise self._error(f"the answer was ended for the reason {self._quoted(reason)}")
        yield pieces.rest(text)
        yield Ending(text, FINISHES[reason])

    def _explained(self, error: Exception) -> UrialError:
        import openai

        if isinstance(error, openai.APITimeoutError):
            return self._error(f"nothing came for {self.timeout:g} s", fix="is the model still loading? Try again")
        if isinstance(error, openai.APIConnectionError):
            return self._error(f"no connection: {self._quoted(error.__cause__ or error)}", fix="does the server run?")
        if not isinstance(error, openai.APIError):
            return self._error(f"sent what is no JSON: {self._quoted(error)}", fix="name a server of OpenAI's protocol")
        message = error_text(error.body) or error.message
        if (
            StatusError(message, status=400, message=message).exceeds_context
            and getattr(error, "status_code", 400) < 500
        ):
            return PromptTooLongError(f"{self.address}: {self._quoted(message)}")
        status = getattr(error, "status_code", None)
        shown = HTML_PAGE if message.lstrip().startswith("<") else self._quoted(message)
        return self._error(f"status {status}: {shown}" if status else f"an error: {shown}", fix=_fix(status, message))

    def _error(self, what: str, fix: str | None = None) -> UrialError:
        return UrialError(f"{self.address}: {what}", fix=fix)

    def _quoted(self, value: object) -> str:
        """What the server said, short, on one line, and without the key, which some servers repeat."""
        return shorten(self.server.redacted(str(value)), 200)


def _fix(status: int | None, message: str) -> str | None:
    if "repetition_penalty" in message:
        return "--repetition-penalty 1"
    if status in (401, 403):
        return f"set {KEY} in the environment"
    if status == 404:
        return "check the model's name and --server, which usually ends in /v1"
    return None
