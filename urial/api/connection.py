"""The openai client, as it is used here: no retries of its own, no redirects, no words in any log."""

import logging
from typing import TYPE_CHECKING

from urial.api.servers import Server
from urial.core.errors import UrialError
from urial.records.params.limits import Limits

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_LIBRARIES = {"openai", "httpx2", "httpcore2"}


def open_client(server: Server, limits: Limits) -> "AsyncOpenAI":
    """A client for one event loop; the caller closes it. Raises UrialError for an address that has no such form."""
    import httpx2
    import openai

    connections = httpx2.Limits(max_connections=limits.concurrency, max_keepalive_connections=limits.concurrency)
    try:
        client = openai.AsyncOpenAI(
            base_url=server.base_url,
            default_query=server.query,
            default_headers=server.headers,
            api_key=server.key,
            max_retries=0,
            # Each attempt is timed as a whole, by the sender.
            timeout=None,
            http_client=openai.DefaultAsyncHttpxClient(limits=connections, follow_redirects=False),
        )
    except httpx2.InvalidURL:
        raise UrialError(f"{server.address}: no address that can be asked", fix="correct the address") from None
    _silence()
    return client


def _silence() -> None:
    """Below warnings, the libraries log whole addresses and the headers of replies, which may repeat a key."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _LIBRARIES:
            logging.getLogger(name).addFilter(_is_warning)


def _is_warning(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.WARNING
