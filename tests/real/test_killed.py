"""A real server that is killed in the middle of a run, and one that comes back as another model."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import make_query
from tests.real.conftest import LLAMA, VLLM
from tests.real.equal import TIES, differences
from tests.real.in_process import PATIENT, Case, InProcess, served
from tests.real.servers import RealServer
from urial.core.errors import UrialError

pytestmark = pytest.mark.real
COUNTRIES = ("France", "Spain", "Italy", "Norway", "Japan", "Kenya", "Peru", "Cuba", "Chad", "Iran", "Laos", "Mali")
QUESTIONS = tuple(make_query(f"q-{name}", turns=(f"What is the capital of {name}?",)) for name in COUNTRIES)
CASE = Case("base", instructions=QUESTIONS)
PATH = "/v1/completions"
NAME = "model"
# The most requests that find out whether a server obeys.
PROBES = 8
ENGINES = pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)


@pytest.fixture
def mortal(server: RealServer) -> Iterator[RealServer]:
    """The server, which runs again afterwards as it did before."""
    yield server
    if server.name != NAME or not server.serves():
        server.kill()
        server.name = NAME
        server.start()


def kill_after(server: RealServer, replies: int, name: str) -> threading.Thread:
    """Kills the server when it has given so many good replies, and starts it again with this name for its model."""
    before = server.answered(PATH)

    def watch() -> None:
        while server.answered(PATH) < before + replies:
            time.sleep(0.01)
        server.kill()
        server.name = name
        server.start()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@ENGINES
def test_a_run_outlives_its_server(mortal: RealServer, in_process: InProcess, tmp_path: Path) -> None:
    before = mortal.answered(PATH)
    # A few small requests try the server out, before the first row.
    watching = kill_after(mortal, 12, NAME)
    rows = served(CASE, mortal, tmp_path)
    watching.join()
    given = mortal.answered(PATH)
    assert differences(rows, in_process, mortal.model, CASE, tie=TIES[mortal.engine]) == []
    print(f"{given - before} replies for {len(rows)} rows")
    # What was under way when it was killed is the most that it can have answered in vain.
    assert given - before <= len(rows) + PROBES + PATIENT.concurrency
    assert served(CASE, mortal, tmp_path) == rows
    assert mortal.answered(PATH) == given, "what is kept is not asked again"


@ENGINES
def test_a_server_that_comes_back_as_another_model_answers_no_further_row(
    mortal: RealServer, in_process: InProcess, tmp_path: Path
) -> None:
    watching = kill_after(mortal, 12, "another")
    with pytest.raises(UrialError) as caught:
        served(CASE, mortal, tmp_path)
    watching.join()
    print(caught.value)
    assert "system 'base-urial', instruction 'q-" in str(caught.value)
    assert NAME in str(caught.value)
    mortal.kill()
    mortal.name = NAME
    mortal.start()
    before = mortal.answered(PATH)
    rows = served(CASE, mortal, tmp_path)
    assert differences(rows, in_process, mortal.model, CASE, tie=TIES[mortal.engine]) == []
    assert mortal.answered(PATH) - before < len(rows) + PROBES, "what was answered before is kept"
