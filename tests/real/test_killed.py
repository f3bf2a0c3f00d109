"""A real server that is killed in the middle of a run, and one that comes back as another model."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import make_query
from tests.real.equal import differences
from tests.real.in_process import Case, InProcess, served
from tests.real.servers import RealServer, running
from urial.core.errors import UrialError

pytestmark = pytest.mark.real
COUNTRIES = ("France", "Spain", "Italy", "Norway", "Japan", "Kenya", "Peru", "Cuba", "Chad", "Iran", "Laos", "Mali")
QUESTIONS = tuple(make_query(f"q-{name}", turns=(f"What is the capital of {name}?",)) for name in COUNTRIES)
CASE = Case("base", instructions=QUESTIONS)
PATH = "/v1/completions"
ENGINES = pytest.mark.parametrize("engine", ["vllm", "llama.cpp"])


def kill_after(server: RealServer, replies: int, then: Callable[[], None]) -> threading.Thread:
    """Kills the server when it has given so many good replies, and does the rest."""
    before = server.answered(PATH)

    def watch() -> None:
        while server.answered(PATH) < before + replies:
            time.sleep(0.01)
        server.kill()
        then()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


@ENGINES
def test_a_run_outlives_its_server(
    engine: str, make_server: Callable[..., RealServer], in_process: InProcess, tmp_path: Path
) -> None:
    with running(make_server(engine, "smollm2", eager=True)) as server:
        # Five small requests and more try the server out, before the first row.
        watching = kill_after(server, 12, then=server.start)
        rows = served(CASE, server, tmp_path)
        watching.join()
        given = server.answered(PATH)
        server.stop()
        # Of no row that was kept is anything asked again: there is nobody to ask.
        assert served(CASE, server, tmp_path) == rows
        assert server.answered(PATH) == given
    assert differences(rows, in_process, server.model, CASE) == []
    print(f"{given} replies for {len(rows)} rows")


@ENGINES
def test_a_server_that_comes_back_as_another_model_answers_no_further_row(
    engine: str, make_server: Callable[..., RealServer], in_process: InProcess, tmp_path: Path
) -> None:
    with running(make_server(engine, "smollm2", eager=True, name="first")) as server:

        def come_back() -> None:
            server.name = "second"
            server.start()

        watching = kill_after(server, 12, then=come_back)
        with pytest.raises(UrialError) as caught:
            served(CASE, server, tmp_path)
        watching.join()
        assert "first" in str(caught.value)
        print(caught.value)
        server.kill()
        server.name = "first"
        server.start()
        rows = served(CASE, server, tmp_path)
    assert differences(rows, in_process, server.model, CASE) == []
