"""A server that is started here comes up or says why, and never outlives whoever started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from urial.api.managed_server import MEMORY_FIX, START_FIX, serving
from urial.core.errors import UrialError

# Serves /health, with two children, one in a session of its own, that ignore every polite request to end; writes down
# the ids of all three.
SERVER = """
import http.server, os, signal, subprocess, sys
from pathlib import Path
port, pids = int(sys.argv[1]), Path(sys.argv[2])
child = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (signal.SIGTERM, signal.SIGINT)]; time.sleep(600)"
workers = [subprocess.Popen([sys.executable, "-c", child], start_new_session=new) for new in (False, True)]
pids.write_text(" ".join(str(pid) for pid in [os.getpid(), *(worker.pid for worker in workers)]))
print("a worker is up", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""
OWNER = """
import sys, time
from pathlib import Path
from urial.api.managed_server import serving
server, pids, log = sys.argv[1:]
with serving("the server", lambda port: [sys.executable, "-c", server, str(port), pids], Path(log)):
    print("up", flush=True)
    time.sleep(600)
"""


def command(pids: Path) -> Callable[[int], list[str]]:
    return lambda port: [sys.executable, "-c", SERVER, str(port), str(pids)]


def running(pids: Path) -> list[int]:
    return [pid for pid in map(int, pids.read_text().split()) if exists(pid)]


def exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def require_all_ended(pids: Path, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while running(pids) and time.monotonic() < end:
        time.sleep(0.1)
    assert running(pids) == []


def test_a_server_is_there_in_the_block_and_gone_after_it_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with serving("the server", command(pids), tmp_path / "logs/server.log") as server:
        assert server.address.startswith("http://127.0.0.1:")
        assert httpx2.get(f"{server.address}/health", trust_env=False).status_code == 200
        assert len(running(pids)) == 3
    require_all_ended(pids)
    assert "a worker is up" in (tmp_path / "logs/server.log").read_text()


def test_an_error_in_the_block_stops_the_server(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(ZeroDivisionError), serving("the server", command(pids), tmp_path / "log"):
        raise ZeroDivisionError
    require_all_ended(pids)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_server_ends_with_its_owner_however_that_ends(tmp_path: Path, number: int) -> None:
    pids = tmp_path / "pids"
    words = [sys.executable, "-c", OWNER, SERVER, str(pids), str(tmp_path / "log")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"up\n"
        assert len(running(pids)) == 3
        os.kill(owner.pid, number)
        owner.wait()
    require_all_ended(pids)


def test_a_server_that_ends_at_once_shows_its_last_lines(tmp_path: Path) -> None:
    broken = "import sys; print('loading'); print('no room for \\x1b[31mthe weights', file=sys.stderr); sys.exit(3)"
    log = tmp_path / "server.log"
    with (
        pytest.raises(UrialError) as caught,
        serving("vLLM", lambda port: [sys.executable, "-u", "-c", broken], log),
    ):
        pytest.fail("it never served")
    assert str(caught.value) == (
        f"{log}: vLLM ended with status 3 before it served; it printed last:\n    loading\n"
        "    no room for ␛[31mthe weights\n"
        "  fix: correct what these lines name, by the engine's arguments in params.yaml or by other parameters; or serve "
        "the model yourself and use its address: {server: URL, model: NAME}"
    )


def test_a_server_that_never_answers_is_stopped(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    silent = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    with (
        pytest.raises(UrialError, match=r"vLLM does not serve after 2 s; it printed last: nothing"),
        serving("vLLM", lambda port: [sys.executable, "-c", silent, str(pids)], tmp_path / "log", most_seconds=2),
    ):
        pytest.fail("it never served")
    require_all_ended(pids)


def test_a_server_that_ends_while_it_is_asked_is_an_error_with_its_last_lines(tmp_path: Path) -> None:
    pids, log = tmp_path / "pids", tmp_path / "log"
    message = rf"^{log}: vLLM ended with status 9 while it was asked; it printed last:\n    a worker"
    with serving("vLLM", command(pids), log) as server:
        os.kill(int(pids.read_text().split()[0]), signal.SIGKILL)
        with pytest.raises(UrialError, match=message):
            server.require_running()
    require_all_ended(pids)


def test_a_server_that_runs_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urial.api.managed_server.SECONDS_TO_END", 0.1)
    with serving("vLLM", command(tmp_path / "pids"), tmp_path / "log") as server:
        server.require_running()


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(UrialError, match=r"no-such-server: No such file or directory"),
        serving("vLLM", lambda port: ["no-such-server"], tmp_path / "log"),
    ):
        pytest.fail("it never served")


# As vLLM 0.32 prints it, in two processes, with what follows for as long as it does.
CRASH = """(APIServer pid=1) WARNING 11-30 09:27:15 [system_utils.py:255] This can cause fd limit errors like `OSError: [Errno 24]`.
(Worker pid=3) ERROR 11-30 09:27:31 [multiproc_executor.py:1063] Traceback (most recent call last):
(Worker pid=3) ERROR 11-30 09:27:31 [multiproc_executor.py:1063]     raise ValueError(
(Worker pid=3) ERROR 11-30 09:27:31 [multiproc_executor.py:1063] {cause}
(EngineCore pid=2) ERROR 11-30 09:27:31 [core.py:1510] RuntimeError: Worker failed, see above
"""
FOLLOWING = "".join(f'  File "engine.py", line {number}, in run\n' for number in range(20))
KV_CACHE = "ValueError: Available memory on node 0 is less than requested memory for kv (500.0 GiB)."


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        (KV_CACHE, MEMORY_FIX),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 9 GiB", MEMORY_FIX),
        ("pydantic_core.ValidationError: 1 validation error for ModelConfig", START_FIX),
        ("huggingface_hub.errors.HFValidationError: Repo id must be in the form", START_FIX),
    ],
)
def test_the_cause_is_shown_that_lies_above_the_last_lines(cause: str, fix: str, tmp_path: Path) -> None:
    (tmp_path / "said").write_text(
        CRASH.format(cause=cause) + FOLLOWING + "RuntimeError: Engine core initialization failed.\n"
    )
    crash = f"import sys; print(open({str(tmp_path / 'said')!r}).read(), end=''); sys.exit(1)"
    with (
        pytest.raises(UrialError) as caught,
        serving("vLLM", lambda _: [sys.executable, "-c", crash], tmp_path / "log"),
    ):
        pass
    assert f"vLLM ended with status 1 before it served: {cause}; it printed last:\n      File" in str(caught.value)
    assert str(caught.value).endswith(f"    RuntimeError: Engine core initialization failed.\n  fix: {fix}")
