"""Where a server is, what is sent to it as key, and how its words get into messages without what is secret.

The openai client, as it is used here: no redirects, no words in any log.
"""

import base64
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit, urlunsplit

from urial.core.errors import UrialError
from urial.records.model import Limits

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

MAX_MESSAGE = 300
# A server that is there accepts a connection at once, however long it takes to answer.
CONNECT_SECONDS = 10.0
# A shorter one is a placeholder such as "x", and part of too many words to be taken out of a message.
MIN_SECRET = 4
# Azure's own protocol: this parameter is in its addresses, and the key is in a header of its own.
AZURE_QUERY = "api-version"
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_LIBRARIES = {"openai", "httpx2", "httpcore2"}


class Server:
    """The address of a server and what is sent along with every request."""

    def __init__(self, url: str, key_variable: str, name: str = "the server", key: str | None = None) -> None:
        """``url`` may hold user, password and query; ``name`` is what messages call it. None: the key is read now.

        Raises UrialError for what is no address or no key.
        """
        self.address = public_address(url, name)
        self.key_variable = key_variable
        key = os.environ.get(key_variable, "").strip() if key is None else key
        if not re.fullmatch("[!-~]*", key):
            raise UrialError(f"{key_variable} has characters that no key has", fix="correct the environment")
        parts = urlsplit(url)
        user_info, _, host = parts.netloc.rpartition("@")
        self.base_url = urlunsplit((parts.scheme, host, parts.path, "", ""))
        self.query = dict(parse_qsl(parts.query))
        # A server that needs no key ignores this one.
        self.key = key or "none"
        self.has_key = bool(key or user_info)
        user, _, password = map(unquote, user_info.partition(":"))
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        # Said here, since the client would take another one from OPENAI_CUSTOM_HEADERS.
        self.headers = {"Authorization": f"Basic {basic}" if user_info else f"Bearer {self.key}"}
        if AZURE_QUERY in self.query:
            self.headers["api-key"] = self.key
        values = [key, user, password, *user_info.split(":", 1)]
        values += [basic] if user_info else []
        values += [value for name, value in self.query.items() if name != AZURE_QUERY]
        # Further headers that the openai client sends with every request.
        lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").splitlines()
        values += [line.partition(":")[2].strip() for line in lines]
        secrets = [value for value in values if value and len(value) >= MIN_SECRET]
        # How a secret may look when a server repeats it.
        forms = {
            form for text in secrets for form in (text, repr(text)[1:-1], json.dumps(text)[1:-1], quote(text, safe=""))
        }
        self._secrets = sorted(forms, key=len, reverse=True)

    def redacted(self, text: str) -> str:
        """The text with ``***`` in place of the key, the password and all else that is secret."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def clean(self, text: str, limit: int = MAX_MESSAGE) -> str:
        """What a server said, for a message: redacted, on one line, and at most ``limit`` characters."""
        text = self.redacted(text).strip()[: limit + 1]
        text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
        return text if len(text) <= limit else f"{text[: limit - 1]}…"


def public_address(url: str, name: str = "the server") -> str:
    """The address without user, password, query and fragment. Raises UrialError for what is none."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        (parts.hostname or "").encode("idna")
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in host:
        raise UrialError(f"{name} is no address", expected="http://HOST:PORT/v1, or with https")
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))


def written_address(url: str, name: str) -> str:
    """The public form of an address that params.yaml names, and that is written into files.

    Raises UrialError, without the address, when more may be secret in it than its public form shows.
    """
    address = public_address(url, name)
    parts = urlsplit(url)
    if "@" in parts.netloc or set(parse_qs(parts.query, keep_blank_values=True)) - {AZURE_QUERY}:
        raise UrialError(
            f"{name} has a user, a password or a query in it",
            where="params.yaml",
            expected="an address without secrets, since it is written into plans",
            fix="put the key into the environment variable that key_variable beside it names",
        )
    return address


def open_client(server: Server, limits: Limits) -> "AsyncOpenAI":
    """A client for one event loop; the caller closes it. Raises UrialError for an address that has no such form."""
    import httpx2
    import openai

    connections = httpx2.Limits(max_connections=limits.concurrency, max_keepalive_connections=limits.concurrency)
    # A proxy that the environment names is for other machines.
    trust = urlsplit(server.base_url).hostname not in LOOPBACK
    http = openai.DefaultAsyncHttpxClient(limits=connections, follow_redirects=False, trust_env=trust)
    with _configured(server) as options:
        # Each attempt is timed as a whole, by the sender.
        limit = openai.Timeout(None, connect=CONNECT_SECONDS)
        return openai.AsyncOpenAI(**options, max_retries=0, timeout=limit, http_client=http)


def open_streaming_client(server: Server, timeout: float) -> "OpenAI":
    """A client for answers that arrive in pieces, each within ``timeout`` seconds. Raises UrialError as open_client."""
    import openai

    http = openai.DefaultHttpxClient(follow_redirects=False)
    limit = openai.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS))
    with _configured(server) as options:
        return openai.OpenAI(**options, max_retries=1, timeout=limit, http_client=http)


class _Options(TypedDict):
    """What both of the openai clients are told about a server."""

    base_url: str
    default_query: Mapping[str, str]
    default_headers: Mapping[str, str]
    api_key: str


@contextmanager
def _configured(server: Server) -> Iterator[_Options]:
    import httpx2

    try:
        yield {
            "base_url": server.base_url,
            "default_query": server.query,
            "default_headers": server.headers,
            "api_key": server.key,
        }
    except httpx2.InvalidURL:
        raise UrialError("no address that can be asked", path=server.address, fix="correct the address") from None
    # Below warnings, the libraries log whole addresses and the headers of replies, which may repeat a key.
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _LIBRARIES:
            logging.getLogger(name).addFilter(_is_warning)


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING
