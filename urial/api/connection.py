"""The openai client, as it is used here: no redirects, no words in any log."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from urial.api.servers import Server
from urial.core.errors import UrialError
from urial.records.model import Limits

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

_LIBRARIES = {"openai", "httpx2", "httpcore2"}


def open_client(server: Server, limits: Limits) -> "AsyncOpenAI":
    """A client for one event loop; the caller closes it. Raises UrialError for an address that has no such form."""
    import httpx2
    import openai

    connections = httpx2.Limits(max_connections=limits.concurrency, max_keepalive_connections=limits.concurrency)
    http = openai.DefaultAsyncHttpxClient(limits=connections, follow_redirects=False)
    with _configured(server) as options:
        # Each attempt is timed as a whole, by the sender.
        return openai.AsyncOpenAI(**options, max_retries=0, timeout=None, http_client=http)


def open_streaming_client(server: Server, timeout: float) -> "OpenAI":
    """A client for answers that arrive in pieces, each within ``timeout`` seconds. Raises UrialError as open_client."""
    import openai

    http = openai.DefaultHttpxClient(follow_redirects=False)
    limit = openai.Timeout(timeout, connect=min(timeout, 10.0))
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
    _silence()


def _silence() -> None:
    """Below warnings, the libraries log whole addresses and the headers of replies, which may repeat a key."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _LIBRARIES:
            logging.getLogger(name).addFilter(_is_warning)


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING
