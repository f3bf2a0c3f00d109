"""What a server sends: an object, or an error in one of many shapes, in words that are fit to be shown."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from pydantic import JsonValue

from urial.api.servers import LOOPBACK, Server, public_address
from urial.core.errors import UrialError
from urial.core.strict_json import strict_json

HTML_PAGE = "an HTML page"
_KINDS = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,100}")
QUOTA_CODE = "insufficient_quota"
# Words of servers for what a content filter, and not the model, declined.
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
# OpenAI's reasoning models say so of prompts against its policy, and of others that are malformed.
_PROMPT_CODE = "invalid_prompt"
# What a request with a parameter that the server refuses ends with.
REFUSED = (400, 422)
_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error"})
# In the words of vLLM, SGLang, llama.cpp, TGI, OpenAI, Anthropic and Gemini. Each has to name the context or the prompt:
# refused parameters exceed something as well.
_TOO_LONG = re.compile(
    r"context.?(length|size|window|limit)"
    r"|max(imum)?.(model|sequence|input|prompt).len"
    r"|\b(prompt|inputs?|messages)\b[^:;.,`'\"]{0,60}(too (long|large)|exceed|longer)"
    r"|reduce the length of the (prompt|input|messages)"
    r"|`inputs`( tokens \+ `max_new_tokens`)? must (be <=|have less than)",
    re.I,
)
# In these, the server has subtracted the prompt from its context, and names what is left as if it had been asked for so
# much: vLLM's "max_tokens must be at least 1, got 0". It is a refusal of the number itself only where that was sent.
_NOTHING_LEFT = re.compile(
    r"\b(max(imum)?_(new_|completion_|output_)?tokens|n_predict|num_predict)\b[^.;]{0,80}?"
    r"\b(got|given|gave|received|found|was|is|value|input_value)\b[\s:='\"`]*(0|-\d+)(?![\d.]*\d)"
    r"|\b(no|not enough|insufficient|zero|0) (more )?(room|space|tokens?|context)\b[^.;]{0,30}"
    r"\b(left|remain(s|ing)?|available|to generate|for (the |an )?(answer|output|completion|generation|response|reply))\b"
    r"|\binput length of .{0,60}\bmax(imum)?.length\b",
    re.I,
)
_NEVER_PASS = (HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)


class StatusError(UrialError):
    """A status that trying again does not change; ``message`` is the server's own, on one line and without secrets."""

    def __init__(
        self, what: str, *, status: int, message: str, code: str | None = None, fix: str | None = None
    ) -> None:
        super().__init__(what, fix=fix)
        self.status = status
        self.message = message
        # The server's own word for it, such as content_filter.
        self.code = code
        # The caller's name of the request, where there were several.
        self.key: object = None

    @property
    def filtered(self) -> bool:
        """Whether a content filter declined this one request."""
        return is_filter(self.code, self.message)

    def leaves_no_room(self, max_tokens: int) -> bool:
        """Whether the prompt leaves no room for an answer, by the status, or by the server's code or words.

        ``max_tokens`` is the longest answer that was asked for.
        """
        if self.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return True
        if self.status not in REFUSED:
            return False
        words = [_TOO_LONG, _NOTHING_LEFT] if max_tokens > 0 else [_TOO_LONG]
        return self.code in _TOO_LONG_CODES or any(pattern.search(self.message) for pattern in words)


class NoReplyError(UrialError):
    """All attempts or all the time are used up; ``cause`` is why the last attempt failed, without numbers of seconds
    or attempts that would differ from run to run, and ``status`` what the server sent then, if it sent any."""

    def __init__(self, what: str, *, cause: str, status: int | None = None, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.cause = cause
        self.status = status


class NotReachedError(NoReplyError):
    """There was no connection, and there never was one before: nothing is waited for."""

    # The caller's name of the request, where there were several.
    key: object = None


def status_error(server: Server, status: int, body: bytes, location: str | None = None) -> StatusError:
    """The error for a reply with this status, body and Location header."""
    message, code = read_error(body)
    fix = None
    if 300 <= status < 400:
        try:
            # Without its query, which may be secret.
            message = f"it sends on to {public_address(urljoin(server.base_url, location or ''))}"
        except (UrialError, ValueError):
            message = "it sends on to another address"
        fix = "name the address that answers itself; the key is not sent on"
    elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        fix = f"set {server.key_variable} in the environment"
        if server.has_key:
            fix = f"correct {server.key_variable} in the environment: the server refuses the key in it"
    elif status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        fix = "check the model's name and the server's address, which usually ends in /v1"
    message = server.clean(message)
    code = code if code and server.redacted(code) == code else None
    if code == QUOTA_CODE:
        fix = "look into the account's plan and payments; trying again does not help"
    what = f"{server.address}: status {status}: {message}" if message else f"{server.address}: status {status}"
    return StatusError(what, status=status, message=message, code=code, fix=fix)


def is_filter(code: object, message: str) -> bool:
    """Whether a server's error is the word of its content filter."""
    return code in _FILTER_CODES or (code == _PROMPT_CODE and "policy" in message.lower())


def may_pass(error: StatusError) -> bool:
    """Whether the same request may be answered later on."""
    busy = error.status >= 500 and error.status not in _NEVER_PASS
    return busy or (error.status in (408, 409, 429) and error.code != QUOTA_CODE)


@dataclass(frozen=True)
class Failure:
    """Why an attempt failed that may be made again."""

    cause: str
    # Seconds that the server asks to wait; None: it asks for none.
    wait: float | None = None
    # None: no reply came, or none that can be read.
    status: int | None = None
    # Whether it took longer than it may.
    timed_out: bool = False


def no_reply(server: Server, attempts: int, seconds: float, last: Failure) -> NoReplyError:
    """The error after so many attempts in so many seconds."""
    times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    asks = "" if last.wait is None else f", and it asks to wait {last.wait:.0f} s"
    return NoReplyError(
        f"{server.address}: no reply after {times} in {seconds:.1f} s, the last: {last.cause}{asks}",
        cause=last.cause,
        status=last.status,
        fix="check that the server is running and can handle this load; lower concurrency, or raise timeout_seconds, "
        "total_seconds or retries",
    )


def not_reached(server: Server, words: str) -> NotReachedError:
    """The error where a first request found no server, with the key that is missing, which would be the next error."""
    here = urlsplit(server.base_url).hostname in LOOPBACK
    fix = "start the server, or correct its address" if here else "check the network and the server's address"
    if not (here or server.has_key):
        fix += f"; {server.key_variable}, for its key, is not set in the environment either"
    return NotReachedError(
        f"{server.address}: no connection: {words}", cause=f"the connection failed: {words}", fix=fix
    )


def read_object(data: bytes) -> dict[str, JsonValue]:
    """The JSON object that a reply is. Raises ValueError, saying what it is instead."""
    if data.lstrip().startswith(b"<"):
        raise ValueError(HTML_PAGE)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"invalid UTF-8 at byte {error.start}") from None
    try:
        value = strict_json(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON at character {error.pos + 1}: {error.msg}") from None
    if not isinstance(value, dict):
        raise ValueError(_KINDS[type(value)])
    # Some routers send a failure behind them with status 200.
    if value.get("error") and not value.keys() & {"choices", "data", "id"}:
        raise ValueError(f"an error: {error_text(value)}")
    return value


def read_error(data: bytes) -> tuple[str, str | None]:
    """Message and code of an error, as the server wrote them; "" and None where it wrote none."""
    text = data.decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return HTML_PAGE, None
    try:
        body = json.loads(text)
        message = error_text(body)
    except (ValueError, RecursionError):
        return text, None
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    code, kind = (body.get("code"), body.get("type")) if isinstance(body, dict) else (None, None)
    if isinstance(code, str) and _CODE.fullmatch(code):
        return message, code
    # llama.cpp's code is the status, and its word is in the type, as is that of some providers.
    return message, kind if isinstance(kind, str) and kind in _TOO_LONG_CODES | _FILTER_CODES else None


def error_text(body: object) -> str:
    """The words for people in the many shapes of error bodies."""
    while isinstance(body, dict) or (isinstance(body, list) and len(body) == 1):
        if isinstance(body, list):
            body = body[0]
        else:
            body = next((body[name] for name in ("message", "detail", "error") if body.get(name)), "")
    return body if isinstance(body, str) else "" if body is None else str(body)
