"""A server of sites for the browser on this machine: it reads their files, and nothing else is asked of it or sent by it.

Whoever can open a page in the browser here can try to ask this server, so: it listens on loopback; a request must name it as
Host, since a name of a stranger can lead here (DNS rebinding); pages of other origins get nothing, not even data files as
scripts; an address is a list of plain names, looked up in the sites' folders alone.
"""

import re
import sys
from collections.abc import Sequence
from functools import cached_property
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

from urial import report
from urial.core.errors import UrialError
from urial.provenance.view.listing import listing_page, switcher
from urial.provenance.view.sites import Site
from urial.run.files import real_path

LOOPBACK = "127.0.0.1"
TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".png": "image/png", ".pdf": "application/pdf", ".json": "application/json",
}  # fmt: skip
# A site's own policy is stricter; pages of earlier commits have their styles in themselves.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
STYLE = "frame.css"
# No name begins with a dot, and nothing is decoded: what needs that is no file of a site.
_NAME = r"[A-Za-z0-9_][A-Za-z0-9._-]*"
_ADDRESS = re.compile(rf"/({_NAME})/((?:{_NAME}/)*{_NAME})?")
# Where browsers tell the page of another origin that asks.
_STRANGERS = ("cross-site", "same-site")
IDLE_SECONDS = 60


class SiteServer(ThreadingHTTPServer):
    """Serves sites; port 0 is any free one. Raises UrialError for a port that is not to be had."""

    daemon_threads = True

    def __init__(self, sites: Sequence[Site], port: int = 0) -> None:
        self.sites = {site.slug: site for site in sites}
        try:
            super().__init__((LOOPBACK, port), Handler)
        except OSError as error:
            raise UrialError(
                f"port {port}: {error.strerror}",
                expected="a port that no other program listens on",
                fix="leave --port out: any free one is taken",
            ) from error

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    @cached_property
    def hosts(self) -> frozenset[str]:
        """What a request can name as Host; browsers leave the port of HTTP out."""
        names = (LOOPBACK, "localhost")
        return frozenset(f"{name}:{self.server_port}" for name in names) | (
            frozenset(names) if self.server_port == 80 else frozenset()
        )

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves in the middle is no error."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "urial", ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        """A file of a site, the list of sites, or why not."""
        if self.headers.get_all("Host") is None or set(self.headers.get_all("Host", [])) - self._server.hosts:
            self._refuse(HTTPStatus.MISDIRECTED_REQUEST, f"this server is {self._server.address}")
        elif self.headers.get("Sec-Fetch-Site") in _STRANGERS and self.headers.get("Sec-Fetch-Mode") != "navigate":
            self._refuse(HTTPStatus.FORBIDDEN, "pages of other origins get nothing")
        else:
            self._find(self.path.partition("?")[0])

    do_HEAD = do_GET  # noqa: N815

    def _find(self, path: str) -> None:
        sites = list(self._server.sites.values())
        if path == "/" and len(sites) == 1:
            self._send(HTTPStatus.FOUND, "text/plain", b"", Location=f"/{sites[0].slug}/")
        elif path == "/":
            self._send(HTTPStatus.OK, TYPES[".html"], listing_page(sites, STYLE))
        elif path == f"/{STYLE}":
            self._send(HTTPStatus.OK, TYPES[".css"], _style())
        elif (match := _ADDRESS.fullmatch(path)) and (site := self._server.sites.get(match[1])):
            self._file(site, match[2] or "index.html")
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "no such page")

    def _file(self, site: Site, name: str) -> None:
        real, kind = real_path(site.folder / name), TYPES.get(Path(name).suffix)
        if kind is None or not real.is_file() or not any(real.is_relative_to(home) for home in site.homes):
            self._refuse(HTTPStatus.NOT_FOUND, f"no such file in the site of {site.slug}")
            return
        data = real.read_bytes()
        if kind == TYPES[".html"] and len(self._server.sites) > 1:
            data = switcher(data, site, name, list(self._server.sites.values()))
        self._send(HTTPStatus.OK, kind, data)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{status.value} {status.phrase}: {why}\n".encode())

    def _send(self, status: HTTPStatus, kind: str, data: bytes, **more: str) -> None:
        self.send_response(status)
        for header, value in {**HEADERS, **more, "Content-Type": kind, "Content-Length": str(len(data))}.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What is no request, or neither GET nor HEAD. Nothing of it is repeated in the answer."""
        self.close_connection = True
        self.command = getattr(self, "command", None) or "GET"
        self._send(HTTPStatus(code), "text/plain; charset=utf-8", b"not a request for a page\n", Connection="close")

    def log_message(self, *_arguments: object) -> None:
        """The terminal is the user's."""

    @property
    def _server(self) -> SiteServer:
        return cast(SiteServer, self.server)


def _style() -> bytes:
    return (Path(report.__file__).parent / "site/assets/frame.css").read_bytes()
