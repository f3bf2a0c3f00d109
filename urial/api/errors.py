"""How a request ends without a reply, in words that are fit to be shown."""

from http import HTTPStatus
from urllib.parse import urljoin

from urial.api.responses import read_error
from urial.api.servers import Server, public_address
from urial.core.errors import UrialError

QUOTA_CODE = "insufficient_quota"
# Words of servers for what a content filter, and not the model, declined.
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation"})
# OpenAI's reasoning models say so of prompts against its policy, and of others that are malformed.
_PROMPT_CODE = "invalid_prompt"
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

    @property
    def filtered(self) -> bool:
        """Whether a content filter declined this one request."""
        return is_filter(self.code, self.message)


class NoReplyError(UrialError):
    """All attempts or all the time are used up; ``cause`` is why the last attempt failed, without numbers of seconds
    or attempts that would differ from run to run."""

    def __init__(self, what: str, *, cause: str, fix: str | None = None) -> None:
        super().__init__(what, fix=fix)
        self.cause = cause


def status_error(server: Server, status: int, body: bytes, location: str | None = None) -> StatusError:
    """The error for a reply with this status, body and Location header."""
    message, code = read_error(body)
    message = server.clean(_redirection(server, location) if 300 <= status < 400 else message)
    code = code if code and server.redacted(code) == code else None
    what = f"{server.address}: status {status}: {message}" if message else f"{server.address}: status {status}"
    return StatusError(what, status=status, message=message, code=code, fix=_fix(server, status, code))


def is_filter(code: object, message: str) -> bool:
    """Whether a server's error is the word of its content filter."""
    return code in _FILTER_CODES or (code == _PROMPT_CODE and "policy" in message.lower())


def may_pass(error: StatusError) -> bool:
    """Whether the same request may be answered later on."""
    if error.status in _NEVER_PASS:
        return False
    return error.status >= 500 or (error.status in (408, 409, 429) and error.code != QUOTA_CODE)


def no_reply(server: Server, attempts: int, seconds: float, cause: str, wait: float | None = None) -> NoReplyError:
    """The error after so many attempts in so many seconds; ``wait``: the seconds that the server asks to wait."""
    times = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    asks = "" if wait is None else f", and it asks to wait {wait:.0f} s"
    return NoReplyError(
        f"{server.address}: no reply after {times} in {seconds:.1f} s, the last: {cause}{asks}",
        cause=cause,
        fix="check that the server runs and bears this load, or raise retries, timeout_seconds or total_seconds",
    )


def _redirection(server: Server, location: str | None) -> str:
    try:
        # Without its query, which may be secret.
        return f"it sends on to {public_address(urljoin(server.base_url, location or ''))}"
    except (UrialError, ValueError):
        return "it sends on to another address"


def _fix(server: Server, status: int, code: str | None) -> str | None:
    if code == QUOTA_CODE:
        return "look into the account's plan and payments; trying again does not help"
    if 300 <= status < 400:
        return "name the address that answers itself; the key is not sent on"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"set {server.key_variable} in the environment"
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        return "check the model's name and the server's address, which usually ends in /v1"
    return None
