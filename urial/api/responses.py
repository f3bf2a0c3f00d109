"""What a server's replies say: objects, errors in their many shapes, and how long to wait."""

import json
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from urial.core.strict_json import strict_json

HTML_PAGE = "an HTML page"
_KINDS = {list: "an array", str: "a string", int: "a number", float: "a number", bool: "a boolean", type(None): "null"}
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def read_object(data: bytes) -> dict[str, Any]:
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
        return error_text(body), _code_of(body)
    except (ValueError, RecursionError):
        return text, None


def error_text(body: object) -> str:
    """The words for people in the many shapes of error bodies."""
    while isinstance(body, dict) or (isinstance(body, list) and len(body) == 1):
        if isinstance(body, list):
            body = body[0]
        else:
            body = next((body[name] for name in ("message", "detail", "error") if body.get(name)), "")
    return body if isinstance(body, str) else "" if body is None else str(body)


def _code_of(body: object) -> str | None:
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a reply asks to wait, None if it asks for none.

    ``now`` is the time in seconds since 1970, for a wait that is given as a date.
    """
    milliseconds, value = (headers.get(name, "").strip() for name in ("retry-after-ms", "retry-after"))
    if _SECONDS.fullmatch(milliseconds):
        wait = float(milliseconds) / 1000
    elif _SECONDS.fullmatch(value):
        wait = float(value)
    else:
        wait = _seconds_until(value, now)
    return wait if wait > 0 else None


def _seconds_until(date: str, now: float) -> float:
    try:
        then = parsedate_to_datetime(date)
        return (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return 0.0
