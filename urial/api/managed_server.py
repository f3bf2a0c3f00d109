"""A server that the pipeline starts itself, on a free port of this machine, and never leaves behind."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2

from urial.core.errors import UrialError
from urial.core.text import visible

SECONDS_BETWEEN_QUESTIONS = 0.2
SECONDS_BETWEEN_LINES = 15.0
# Loading tens of billions of weights from a network drive takes its time.
MOST_SECONDS_TO_START = 3_600.0
LAST_LINES = 15
LAST_BYTES = 65_536


@contextmanager
def serving(
    name: str, command: Callable[[int], Sequence[str]], log: Path, most_seconds: float = MOST_SECONDS_TO_START
) -> Iterator[str]:
    """Starts ``command`` of a port and yields the server's address, once ``/health`` there is well; stops it at the end.

    ``log`` gets all that the server prints. Raises UrialError with its last lines when it does not come up.
    """
    port = _free_port()
    words = [sys.executable, "-m", "urial.api.supervisor", *command(port)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        supervisor = subprocess.Popen(  # noqa: S603
            words, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(name, supervisor, f"http://127.0.0.1:{port}", log, most_seconds)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        if supervisor.stdin is not None:
            supervisor.stdin.close()
        supervisor.wait()


def _wait(name: str, supervisor: "subprocess.Popen[bytes]", address: str, log: Path, most_seconds: float) -> None:
    started = said = time.monotonic()
    while True:
        if supervisor.poll() is not None:
            raise _not_up(f"{name} ended with status {supervisor.returncode} before it served", log)
        # A proxy that the environment names is for other machines.
        try:
            if httpx2.get(f"{address}/health", timeout=5, trust_env=False).is_success:
                return
        except httpx2.HTTPError:
            pass
        now = time.monotonic()
        if now - started > most_seconds:
            raise _not_up(f"{name} does not serve after {most_seconds:.0f} s", log)
        if now - said > SECONDS_BETWEEN_LINES:
            said = now
            print(f"{name} is starting: {now - started:.0f} s, log {log}", file=sys.stderr, flush=True)
        time.sleep(SECONDS_BETWEEN_QUESTIONS)


def _not_up(problem: str, log: Path) -> UrialError:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LAST_BYTES))
        lines = file.read().decode(errors="replace").splitlines()[-LAST_LINES:]
    shown = "".join(f"\n    {visible(line[:300])}" for line in lines) or " nothing"
    return UrialError(
        f"{problem}; it printed last:{shown}",
        path=log,
        fix="correct what these lines name, or serve the model yourself and use its address: {server: URL, model: NAME}",
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
