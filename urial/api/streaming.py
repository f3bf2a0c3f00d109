"""One answer that a server of OpenAI's protocol sends piece by piece, as server-sent events."""

import re
from collections.abc import Generator, Mapping

from urial.api.completions import first_choice
from urial.api.connection import open_streaming_client
from urial.api.errors import StatusError, error_text, status_error
from urial.api.servers import Server
from urial.core.errors import UrialError, shorten

_FIX = "name a server of OpenAI's protocol"


class StreamingServer:
    """A server that is asked for one answer at a time; a fault that may pass is tried twice."""

    def __init__(self, url: str, key_variable: str, name: str, timeout: float) -> None:
        """``name`` is what messages call the address; ``timeout`` are the longest seconds without a piece.

        Raises UrialError for what is no address or no key.
        """
        self.server = Server(url, key_variable, name)
        self.timeout = timeout
        self._client = open_streaming_client(self.server, timeout)

    def pieces(self, path: str, body: Mapping[str, object]) -> Generator[tuple[str, str | None], None, None]:
        """The text of each piece, and the finish reason with the last one.

        Raises StatusError, and UrialError for what is no stream of completions.
        """
        import openai

        chunks: openai.Stream[object]
        try:
            chunks = self._client.post(
                path, cast_to=object, body={**body, "stream": True}, stream=True, stream_cls=openai.Stream[object]
            )
            with chunks:
                for chunk in chunks:
                    yield self._read(chunk)
        except (openai.OpenAIError, ValueError) as error:
            raise self._explained(error) from None

    def error(self, what: str, fix: str | None = None) -> UrialError:
        """An error of this server."""
        return UrialError(what, path=self.server.address, fix=fix)

    def quoted(self, value: object) -> str:
        """What the server said, short, on one line, and without the key, which some servers repeat."""
        return shorten(self.server.redacted(str(value)), 200)

    def _read(self, chunk: object) -> tuple[str, str | None]:
        body = chunk if isinstance(chunk, dict) else {}
        if body.get("choices") == []:  # only numbers about the request
            return "", None
        choice = first_choice(body)
        problem = self.error(f"sent what is no completion: {self.quoted(chunk)}", fix=_FIX)
        if choice is None:
            raise problem
        delta = choice.get("delta")
        text = (delta.get("content") if isinstance(delta, dict) else choice.get("text")) or ""
        reason = choice.get("finish_reason") or None
        # Half of a character cannot be shown.
        if not isinstance(text, str) or not isinstance(reason, str | None) or re.search("[\ud800-\udfff]", text):
            raise problem
        return text, reason

    def _explained(self, error: Exception) -> UrialError:
        import openai

        if isinstance(error, openai.APITimeoutError):
            return self.error(f"nothing came for {self.timeout:g} s", fix="is the model still loading? Try again")
        if isinstance(error, openai.APIConnectionError):
            return self.error(f"no connection: {self.quoted(error.__cause__ or error)}", fix="does the server run?")
        if isinstance(error, openai.APIStatusError):
            response = error.response
            return status_error(self.server, response.status_code, response.content, response.headers.get("location"))
        if not isinstance(error, openai.APIError):
            return self.error(f"sent what is no JSON: {self.quoted(error)}", fix=_FIX)
        message = self.server.clean(error_text(error.body) or error.message)
        # An error within the stream has no status of its own.
        return StatusError(f"{self.server.address}: an error: {message}", status=400, message=message)
