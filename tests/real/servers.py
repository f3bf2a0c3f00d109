"""A real inference server on loopback: vLLM or llama.cpp, which can be killed and started again at the same address."""

import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.real.environments import NotInstalledError

Engine = Literal["vllm", "llama.cpp"]
# Tokens of a prompt and its answer together.
CONTEXT = 2048
SECONDS_TO_START = 1_800
SHOWN_LINES = 40
# A line of each server's log about one good reply; llama.cpp tells no path.
ANSWERED = {"vllm": '"POST {path} HTTP/1.1" 200', "llama.cpp": "stop processing: n_tokens"}


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class RealServer:
    """A server, and what it is started with."""

    engine: Engine
    # As tests call it.
    model: str
    # python of vLLM's environment, or llama.cpp's server.
    program: Path
    # A transformers folder for vLLM, a GGUF file for llama.cpp.
    weights: Path
    log: Path
    name: str = "model"
    context: int = CONTEXT
    # Of vLLM: nothing is compiled, so that it starts quickly, and answers slowly.
    eager: bool = False
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def words(self) -> list[str]:
        """Its command line."""
        where = ["--host", "127.0.0.1", "--port", str(self.port)]
        if self.engine == "vllm":
            return [
                str(self.program), "-m", "vllm.entrypoints.openai.api_server", "--model", str(self.weights),
                "--served-model-name", self.name, "--dtype", "float32", "--max-model-len", str(self.context),
                "--enable-prefix-caching", "--generation-config", "vllm", *(["--enforce-eager"] if self.eager else []),
                *where,
            ]  # fmt: skip
        slots = 4
        return [
            str(self.program), "--model", str(self.weights), "--alias", self.name, "--parallel", str(slots),
            "--ctx-size", str(slots * self.context), "--cache-type-k", "f32", "--cache-type-v", "f32",
            "--flash-attn", "off", "--jinja", *where,
        ]  # fmt: skip

    def start(self) -> None:
        """Returns when it serves. Raises NotInstalledError, with the end of its log, when it ends before."""
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.words(), stdout=log, stderr=log, env=environment, start_new_session=True
            )
        deadline = time.monotonic() + SECONDS_TO_START
        while not self.serves():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                last = "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-SHOWN_LINES:])
                raise NotInstalledError(f"{self.engine} did not start:\n{last}")
            time.sleep(0.5)

    def stop(self) -> None:
        """Asks it to end, and kills what has not ended then."""
        self._end(signal.SIGTERM, 30)
        self.kill()

    def kill(self) -> None:
        """Ends it and its processes at once, as when a machine fails."""
        self._end(signal.SIGKILL, 60)

    def answered(self, path: str) -> int:
        """The good replies that its log tells of, those of earlier starts included."""
        return self.log.read_text("utf-8", "replace").count(ANSWERED[self.engine].format(path=path))

    def serves(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as reply:
                return int(reply.status) == 200
        except OSError:
            return False

    def _end(self, number: int, seconds: float) -> None:
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)


@contextmanager
def running(server: RealServer) -> Iterator[RealServer]:
    """The server, from its start to its end."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
