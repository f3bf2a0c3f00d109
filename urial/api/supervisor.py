"""Runs a server until its own standard input ends, and then stops it with all its processes.

python supervisor.py COMMAND...

Whoever starts it holds the other end of the input, which the operating system closes however that process ends, by
SIGKILL as well: so nothing is left running. The standard library only, to be there at once.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

SECONDS_TO_STOP = 20
# Of Linux' prctl: orphans among a process's descendants become its own children.
PR_SET_CHILD_SUBREAPER = 36


def main(command: list[str]) -> int:
    """Exit status of the server, which is never 0; 0 when its owner stopped it, 143 when another did."""
    # The terminal's Ctrl-C is for whoever asked for the server; a session of its own keeps it from the server as well.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    stopped, owned = threading.Event(), threading.Event()

    def stop(*_: object) -> None:
        stopped.set()
        _signal_all(server.pid, signal.SIGTERM)

    def wait_for_owner() -> None:
        os.read(sys.stdin.fileno(), 1)
        owned.set()
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
    _kill_orphans()
    return 0 if owned.is_set() else 128 + signal.SIGTERM if stopped.is_set() else abs(server.returncode) or 1


def _signal_all(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def _kill_orphans() -> None:
    """Ends what left the server's process group; as a parent ends, its children come here. Only where Linux lists them."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    while listed.exists() and (children := listed.read_text(encoding="ascii").split()):
        for child in map(int, children):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
