"""Real servers with real models, one server at a time, and what the same models answer in this process."""

from collections.abc import Callable, Iterator

import pytest

from tests.real.environments import NotInstalledError, llama_server, vllm_python
from tests.real.in_process import InProcess
from tests.real.servers import RealServer, running
from tests.real.weights import float32_gguf, transformers_folder

# What a test asks for: the engine and the model. Tests that ask for the same come one after the other.
VLLM = ("vllm", "smollm2")
VLLM_GEMMA = ("vllm", "gemma")
LLAMA = ("llama.cpp", "smollm2")
LLAMA_GEMMA = ("llama.cpp", "gemma")


@pytest.fixture(scope="session")
def make_server(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RealServer]:
    """Makes a server of an engine and a model, which is not started; skips where it cannot be had."""

    def make(engine: str, model: str, **changes: object) -> RealServer:
        log = tmp_path_factory.mktemp("server") / "log"
        try:
            if engine == "vllm":
                program, weights = vllm_python(), transformers_folder(model)
            else:
                program, weights = llama_server(), float32_gguf(model)
        except NotInstalledError as error:
            pytest.skip(f"{engine} with {model} cannot be had here: {error}")
        return RealServer(engine, model, program, weights, log, **changes)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, make_server: Callable[..., RealServer]) -> Iterator[RealServer]:
    """The server that a test asks for, by an engine and a model. It runs."""
    # One is started as users do; the other is started several times.
    with running(make_server(*request.param, eager=request.param == VLLM)) as started:
        yield started


@pytest.fixture(scope="session")
def in_process(tmp_path_factory: pytest.TempPathFactory) -> InProcess:
    """The same models in this process; what they have answered they are not asked again."""
    return InProcess(tmp_path_factory.mktemp("in-process"))


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key of the user's is nothing for a server on loopback."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
