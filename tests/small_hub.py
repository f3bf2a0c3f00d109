"""A hub of data sets and models on this machine, so that the real clients can be tested without a network.

Speaks the part of the Hugging Face Hub's HTTP interface that huggingface_hub and datasets use to find and read files.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
# Repository -> file -> content; a repository without files is gated.
Repositories = Mapping[str, Mapping[str, bytes]]


@contextmanager
def small_hub(repositories: Repositories) -> Iterator[str]:
    """Serves the repositories, each at one commit; yields the address for HF_ENDPOINT."""
    handler = type("Handler", (_Handler,), {"repositories": repositories})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    repositories: Repositories

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        found = re.match(
            r"(?:(?:/api)?/datasets|/api/models|)/([^/]+/[^/]+)(?:/(revision|tree|resolve)/([^/]+))?(?:/(.*))?$", path
        )
        repository, what, revision, inside = found.groups() if found else (None, None, None, None)
        files = self.repositories.get(repository or "")
        if files is None or revision not in (None, "main", COMMIT):
            self._reply(404, {"X-Error-Code": "RepoNotFound" if files is None else "RevisionNotFound"})
        elif not files:
            self._reply(403, {"X-Error-Code": "GatedRepo"})
        elif what == "resolve":
            self._file(files.get(inside or ""))
        elif what == "tree":
            self._json(_listing(files, inside or "", "recursive=true" in query.lower()))
        else:
            self._json({"id": repository, "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]})

    do_HEAD = do_GET  # noqa: N815  the base class looks for it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Requests are not logged."""

    def _file(self, content: bytes | None) -> None:
        if content is None:
            self._reply(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        else:
            self._reply(200, {"ETag": f'"{_name_of(content)}"', "X-Repo-Commit": COMMIT}, content)

    def _json(self, value: Any) -> None:
        self._reply(200, {"Content-Type": "application/json"}, json.dumps(value).encode("utf-8"))

    def _reply(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _listing(files: Mapping[str, bytes], folder: str, recursive: bool) -> list[dict[str, Any]]:
    prefix = f"{folder}/" if folder else ""
    inside = {name: content for name, content in files.items() if name.startswith(prefix)}
    entries: dict[str, dict[str, Any]] = {}
    for name, content in inside.items():
        step, _, rest = name.removeprefix(prefix).partition("/")
        if rest and not recursive:
            entries[prefix + step] = {"type": "directory", "path": prefix + step, "oid": COMMIT}
        else:
            entries[name] = {"type": "file", "path": name, "size": len(content), "oid": _name_of(content)}
    return list(entries.values())


def _name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:40]
