"""Whether the servers of a run answer, asked once at its beginning, and not for long.

A server that is down now may be up when its stage is reached, and rows in the row cache need none: this stops nobody.
"""

import threading
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit

from urial.api.servers import LOOPBACK, Server
from urial.core.errors import UrialError, reason_of
from urial.plan.left_out import compared_systems
from urial.records.model import ServerReference
from urial.records.params.file import ParamsFile
from urial.records.params.judges import OpenAIJudge

# A server that is up says which models it has at once.
SECONDS = 3.0
_NO_KEY = 401


class _Asked(Protocol):
    """A model on a server, of a study or a judge."""

    @property
    def server(self) -> str: ...
    @property
    def key_variable(self) -> str: ...


def server_remarks(params: ParamsFile) -> list[str]:
    """A line for every server of this run that would not answer now, in the order of params.yaml.

    What is no address or no key is among them.
    """
    asked, problems = {}, {}
    for name, item in _asked(params):
        try:
            asked[name] = Server(item.server, item.key_variable, f"{name}.server"), item.key_variable
        except UrialError as error:
            problems[name] = f"{name}: {error.what}"
    threads = [
        # A name that nobody resolves can take long; whoever waits for it must not keep the process.
        threading.Thread(target=lambda name=name, parts=parts: problems.update(_problem(name, *parts)), daemon=True)
        for name, parts in asked.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 1)
    late = {
        name: f"{name}: {server.address} does not answer within {SECONDS:.0f} s"
        for (name, (server, _)), thread in zip(asked.items(), threads, strict=True)
        if thread.is_alive()
    }
    return [problem for name, _ in _asked(params) if (problem := late.get(name) or problems.get(name))]


def _asked(params: ParamsFile) -> Iterator[tuple[str, _Asked]]:
    """The servers that stages of this run ask, by where params.yaml names them."""
    study = params.studies.get(params.run.study)
    for role in dict.fromkeys(system.model for system in params.systems.values()):
        model = getattr(study, role, None)
        if isinstance(model, ServerReference):
            yield f"studies.{params.run.study}.{role}", model
    compares = [params.preferences.judge] if compared_systems(params) else []
    for name in dict.fromkeys([params.run.judge, *compares]):
        judge = params.judges.get(name) if name else None
        if isinstance(judge, OpenAIJudge):
            yield f"judges.{name}", judge


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A key goes to the server that params.yaml names, and to no other."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _problem(name: str, server: Server, key_variable: str) -> dict[str, str]:
    """What is wrong with a server, in words; empty: it answers."""
    query = f"?{urlencode(server.query)}" if server.query else ""
    request = urllib.request.Request(  # noqa: S310 (Server refuses other schemes)
        f"{server.base_url.rstrip('/')}/models{query}", headers={**server.headers, "User-Agent": "urial"}
    )
    # A proxy that the environment names is for other machines.
    local = [urllib.request.ProxyHandler({})] if urlsplit(server.base_url).hostname in LOOPBACK else []
    no_key = f"{key_variable} is not set" if server.key == "none" else None
    try:
        with urllib.request.build_opener(_NoRedirect, *local).open(request, timeout=SECONDS):
            return {}
    except HTTPError as error:
        error.close()
        if error.code != _NO_KEY:
            return {}
        refused = no_key or f"the key in {key_variable} is refused"
        return {name: f"{name}: {refused} ({server.address}, status {error.code}); export it before its stage begins"}
    except (OSError, HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) and isinstance(error.reason, Exception) else error
        also = f"; {no_key}" if no_key and not local else ""
        said = server.clean(reason_of(reason, 100))
        return {name: f"{name}: {server.address} does not answer ({said}){also}; start it before its stage begins"}
