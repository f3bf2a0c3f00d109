"""A hub of data sets and models on this machine, so that the real clients can be tested without a network.

Speaks the part of the Hugging Face Hub's HTTP interface that huggingface_hub and datasets use to find and read files.
"""

import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

COMMIT = "0123456789abcdef0123456789abcdef01234567"
Files = Mapping[str, bytes]
# Repository -> file -> content, of main; a repository without files is gated.
Repositories = Mapping[str, Files]


@dataclass(frozen=True)
class Ref:
    """A branch or tag beside main."""

    files: Files
    tag: bool = False
    # One commit can have several names.
    commit: str | None = None


# Repository -> name of a branch or tag. What is removed from it is gone from the hub.
Refs = Mapping[str, Mapping[str, Ref]]


def commit_of(name: str, ref: Ref) -> str:
    """The commit that a ref leads to."""
    return ref.commit or hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def small_hub(repositories: Repositories, refs: Refs | None = None) -> Iterator[str]:
    """Serves the repositories, each with main and its refs; yields the address for HF_ENDPOINT."""
    handler = type("Handler", (_Handler,), {"repositories": repositories, "refs": refs or {}})
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
    refs: Refs

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        found = re.match(
            r"(?:(?:/api)?/datasets|/api/models|)/([^/]+/[^/]+)(?:/(revision|tree|resolve)/([^/]+)|/(refs)$)?(?:/(.*))?$", path
        )  # fmt: skip
        repository, what, revision, refs, inside = found.groups() if found else (None, None, None, None, None)
        versions = self._versions(repository or "")
        commit, files = versions.get(unquote(revision or "main"), ("", {}))
        if not commit:
            self._reply(404, {"X-Error-Code": "RevisionNotFound" if versions else "RepoNotFound"})
        elif not files:
            self._reply(403, {"X-Error-Code": "GatedRepo"})
        elif refs:
            self._json(self._refs(repository or ""))
        elif what == "resolve":
            self._file(files.get(inside or ""), commit)
        elif what == "tree":
            self._json(_listing(files, inside or "", "recursive=true" in query.lower()))
        else:
            self._json({"id": repository, "sha": commit, "siblings": [{"rfilename": name} for name in files]})

    def _versions(self, repository: str) -> dict[str, tuple[str, Files]]:
        """What a repository has by each name and each commit."""
        if repository not in self.repositories:
            return {}
        main = (COMMIT, self.repositories[repository])
        named = {name: (commit_of(name, ref), ref.files) for name, ref in self.refs.get(repository, {}).items()}
        return {commit: (commit, files) for commit, files in named.values()} | named | {COMMIT: main, "main": main}

    def _refs(self, repository: str) -> dict[str, Any]:
        own = self.refs.get(repository, {})
        tags = [_ref("tags", name, commit_of(name, ref)) for name, ref in own.items() if ref.tag]
        branches = [_ref("heads", name, commit_of(name, ref)) for name, ref in own.items() if not ref.tag]
        return {"branches": [_ref("heads", "main", COMMIT), *branches], "tags": tags, "converts": []}

    do_HEAD = do_GET  # noqa: N815  the base class looks for it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        """Requests are not logged."""

    def _file(self, content: bytes | None, commit: str) -> None:
        if content is None:
            self._reply(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        else:
            self._reply(200, {"ETag": f'"{_name_of(content)}"', "X-Repo-Commit": commit}, content)

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


def _ref(kind: str, name: str, commit: str) -> dict[str, str]:
    return {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit}


def _name_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:40]
