"""A server that speaks OpenAI's protocol (vLLM, SGLang, llama.cpp, `transformers serve`), one answer at a time.

Base models are continued at ``/completions``, aligned models asked at ``/chat/completions`` through their own template.
The key is OPENAI_API_KEY from the environment, if it is set, and is in no message.
"""

import json
from collections.abc import Iterable
from contextlib import closing

from urial.api.errors import StatusError
from urial.api.streaming import StreamingServer
from urial.cli.chat.stream_text import Ending, Pieces, PromptTooLongError, Stream
from urial.generate.engine import Request
from urial.generate.protocol import FINISHES, path_of, request_body
from urial.records.params.file import Decoding

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
        self.streaming = StreamingServer(url, KEY, "--server", timeout)
        self.address = self.streaming.server.address
        self.model = model
        self.context = context

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
        body = request_body(self.model, request, decoding)
        try:
            with closing(self.streaming.pieces(path_of(request), body)) as pieces:
                yield from self._pieces(pieces, request.stop)
        except StatusError as error:
            if error.exceeds_context:
                raise PromptTooLongError(error.what) from error
            if "repetition_penalty" not in error.message:
                raise
            # No part of OpenAI's protocol, and refused by some servers.
            raise error.but(fix="--repetition-penalty 1") from error

    def _pieces(self, arriving: Iterable[tuple[str, str | None]], stop: tuple[str, ...]) -> Stream:
        text, reason, pieces = "", None, Pieces(stop)
        for new, reason in arriving:
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
            raise self.streaming.error(what, fix="look into the server's log; its address usually ends in /v1")
        if reason not in FINISHES:
            raise self.streaming.error(f"the answer was ended for the reason {self.streaming.quoted(reason)}")
        yield pieces.rest(text)
        yield Ending(text, FINISHES[reason])
