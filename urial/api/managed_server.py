"""A server that the pipeline starts itself, on a free port of this machine, and never leaves behind."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2

from urial.api import supervisor
from urial.core.errors import UrialError
from urial.core.text import visible

SECONDS_BETWEEN_QUESTIONS = 0.2
SECONDS_BETWEEN_LINES = 15.0
# Loading hundreds of billions of weights from a network drive takes its time.
MOST_SECONDS_TO_START = 3_600.0
# How long one that fails to answer may take to end, until it counts as running.
SECONDS_TO_END = 10.0
LAST_LINES = 15
LAST_BYTES = 65_536
# As Python prints one, behind what vLLM begins lines of its processes with.
_EXCEPTION = re.compile(r"(?:\([^)]*\) )?(?:ERROR [\d: -]+\[[^]]*] )?((?:\w+\.)*[A-Z]\w*(?:Error|Exception): .+)")
_MEMORY = re.compile("memory|KV cache", re.IGNORECASE)


@dataclass
class ManagedServer:
    """A server that runs."""

    # As in vLLM, for messages.
    name: str
    # Its root, as in http://127.0.0.1:49152.
    address: str
    log: Path
    supervisor: "subprocess.Popen[bytes]"

    def require_running(self) -> None:
        """Raises UrialError with the last lines of the server that has ended, or that ends now."""
        with suppress(subprocess.TimeoutExpired):
            status = self.supervisor.wait(timeout=SECONDS_TO_END)
            raise self.error(f"{self.name} ended with status {status} while it was asked", RUN_AGAIN)

    def error(self, problem: str, fix: str) -> UrialError:
        """An error that shows why, as far as the log tells, what the server printed last, and where all of it is."""
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - LAST_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
        last = lines[-LAST_LINES:]
        shown = "".join(f"\n    {visible(line[:300])}" for line in last) or " nothing"
        # The first exception is the cause: those that follow it say that something failed, and are many lines.
        cause = next((found[1] for line in lines if (found := _EXCEPTION.match(line))), "")
        if cause and not any(cause in line for line in last):
            problem = f"{problem}: {visible(cause[:600])}"
        return UrialError(
            f"{problem}; it printed last:{shown}", path=self.log, fix=MEMORY_FIX if _MEMORY.search(cause) else fix
        )


MEMORY_FIX = (
    "set the size of the engine's cache among its arguments in params.yaml, as in arguments: {kv-cache-memory-bytes: "
    "2147483648} of vLLM, or free memory; all finished answers are in the row cache"
)
START_FIX = (
    "correct what these lines name, by the engine's arguments in params.yaml or by other parameters; or serve the model "
    "yourself and use its address: {server: URL, model: NAME}"
)
RUN_AGAIN = (
    "correct what these lines name (too little memory: by the engine's arguments) and run again; all finished answers are "
    "in the row cache"
)


@contextmanager
def serving(
    name: str,
    command: Callable[[int], Sequence[str]],
    log: Path,
    environment: Mapping[str, str] | None = None,
    most_seconds: float = MOST_SECONDS_TO_START,
) -> Iterator[ManagedServer]:
    """Starts ``command`` of a port and yields the server, once ``/health`` there is well; stops it at the end.

    ``log`` gets all that the server prints; ``environment`` is added to that of this process. Raises UrialError with its
    last lines when it does not come up.
    """
    port = _free_port()
    # By its file, isolated: no package has to be imported, and nothing of the environment is in its way.
    words = [sys.executable, "-I", supervisor.__file__, *command(port)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        started = subprocess.Popen(  # noqa: S603
            words,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(environment or {})},
        )
    server = ManagedServer(name, f"http://127.0.0.1:{port}", log, started)
    try:
        _wait(server, most_seconds)
        yield server
    finally:
        if started.stdin is not None:
            started.stdin.close()
        started.wait()


def own_cores() -> list[int]:
    """The numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def _wait(server: ManagedServer, most_seconds: float) -> None:
    """Until the server is well. Raises UrialError when it ends before, or takes too long."""
    started = said = time.monotonic()
    print(f"{server.name} starts; its log is {server.log}", file=sys.stderr, flush=True)
    while True:
        if (status := server.supervisor.poll()) is not None:
            raise server.error(f"{server.name} ended with status {status} before it served", START_FIX)
        # A proxy that the environment names is for other machines.
        with suppress(httpx2.HTTPError):
            if httpx2.get(f"{server.address}/health", timeout=5, trust_env=False).is_success:
                return
        now = time.monotonic()
        if now - started > most_seconds:
            raise server.error(f"{server.name} does not serve after {most_seconds:.0f} s", START_FIX)
        if now - said > SECONDS_BETWEEN_LINES:
            said = now
            print(f"{server.name} is starting: {now - started:.0f} s", file=sys.stderr, flush=True)
        time.sleep(SECONDS_BETWEEN_QUESTIONS)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
