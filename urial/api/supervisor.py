"""Runs a server until its own standard input ends, and then stops it with all its processes.

python -m urial.api.supervisor COMMAND...

Whoever starts it holds the other end of the input, which the operating system closes however that process ends, by
SIGKILL as well: so nothing is left running. The standard library only, to be there at once.
"""

import os
import signal
import subprocess
import sys
import threading

SECONDS_TO_STOP = 20


def main(command: list[str]) -> int:
    """Exit status of the server, or 0 when it was stopped."""
    # The terminal's Ctrl-C is for whoever asked for the server; a session of its own keeps it from the server as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    stopped = threading.Event()

    def stop(*_: object) -> None:
        stopped.set()
        _signal_all(server.pid, signal.SIGTERM)

    def wait_for_owner() -> None:
        os.read(sys.stdin.fileno(), 1)
        stop()

    signal.signal(signal.SIGTERM, stop)
    threading.Thread(target=wait_for_owner, daemon=True).start()
    while True:
        try:
            server.wait(timeout=SECONDS_TO_STOP if stopped.is_set() else 1)
            break
        except subprocess.TimeoutExpired:
            if stopped.is_set():
                break
    # Processes that the server started and that outlive it, or will not end.
    _signal_all(server.pid, signal.SIGKILL)
    server.wait()
    return 0 if stopped.is_set() else abs(server.returncode) or 1


def _signal_all(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
