"""Answers through a server that the stage starts: those of the in-process engine, and no process left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.api.test_managed_server import require_all_ended, running
from tests.conftest import ROOT, make_query
from tests.engine_program import VERSION, engine_program
from tests.tiny_models import decoding, save_folder, tiny_folder, tiny_model
from urial.api.managed_server import own_cores
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.core.store import write_json, write_jsonl
from urial.generate.engine_programs import PROGRAMS, Start
from urial.generate.keys import completion_key
from urial.generate.run import generate
from urial.prompts.versions.assembly import assemble
from urial.prompts.versions.library import load_prompt
from urial.records.completion import Answer, Completion
from urial.records.engine import EngineName, EngineSettings
from urial.records.environment import EngineVersion, environment
from urial.records.instruction import Instruction
from urial.records.model import Loading, read_manifest
from urial.records.params.file import Generation
from urial.records.plans import SystemPlan
from urial.run.paths import COMPLETIONS, INSTRUCTIONS, PROMPTS, SYSTEM_PLAN

QUERIES = [make_query(f"q{number}", turns=(f"Tell me about {number}.",)) for number in range(6)]
ROW_TOKENS = 20


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "cache") as opened:
        yield opened


def plan_of(program: str | None, kind: EngineName = "vllm", **changes: Any) -> SystemPlan:
    values = {
        "system": "base-urial", "model": "base", "prompt_name": "microworld/urial-k0", "prompt": load_prompt("microworld/urial-k0"),
        "prompt_hash": None, "decoding": decoding(max_new_tokens=ROW_TOKENS), "threads": 1,
        "generation": Generation(batch_size=4, on_context_overflow="record"),
        "server": EngineSettings(kind=kind, program=program) if program else None,
    }  # fmt: skip
    return SystemPlan.model_validate({**values, **changes})


def answers(
    plan: SystemPlan, cache: RowCache, folder: Path | None = None, queries: Sequence[Instruction] = QUERIES
) -> list[Completion]:
    model = folder or tiny_folder("llama")
    return generate(plan, queries, assemble(plan, queries, model), model, cache)


def without_keys(rows: Sequence[Completion]) -> list[Completion]:
    return [
        row.model_copy(update={"key": None, "later_turns": tuple(t.model_copy(update={"key": None}) for t in row.later_turns)})
        for row in rows
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["vllm", "llama.cpp"])
def test_answers_have_the_text_the_tokens_and_the_end_of_the_in_process_ones(
    kind: EngineName, cache: RowCache, tmp_path: Path
) -> None:
    # Of two turns; the second is longer than what the server was first started for.
    queries = [*QUERIES, make_query("q", turns=("Why?", "And then? " * 40))]
    how: dict[str, Any] = {"decoding": decoding(max_new_tokens=ROW_TOKENS, repetition_penalty=1.2)}
    program = engine_program(tmp_path, loads=True)
    rows = answers(plan_of(program, kind, **how), cache, queries=queries)
    here = answers(plan_of(None, **how), cache, queries=queries)
    assert without_keys(rows) == without_keys(here)
    assert all(row.key != other.key for row, other in zip(rows, here, strict=True))
    assert environment().engine == EngineVersion(name={"vllm": "vLLM"}.get(kind, kind), version=VERSION)
    require_all_ended(tmp_path / "pids")
    assert list((tmp_path / "cache/engines").iterdir()) == []
    # All rows are in the cache: no server is started, and none need be there.
    assert answers(plan_of("/no/such/program", kind, **how), cache, queries=queries) == rows


def test_chats_end_at_the_model_s_end_tokens(cache: RowCache, tmp_path: Path) -> None:
    model = tiny_model("llama")
    # So that an end comes soon, and is one that only the generation configuration names.
    model.generation_config.eos_token_id = list(range(100, 400))
    folder = save_folder(tmp_path / "model", model, "aligned")
    chat: dict[str, Any] = {"system": "aligned", "model": "aligned", "prompt_name": None, "prompt": None}
    rows = answers(plan_of(engine_program(tmp_path, loads=True), **chat), cache, folder)
    assert without_keys(rows) == without_keys(answers(plan_of(None, **chat), cache, folder))
    assert "end_token" in {row.answer.finish for row in rows if row.answer}


def test_neither_a_proxy_nor_another_server_s_key_is_in_its_way(
    cache: RowCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("OPENAI_API_KEY", "VLLM_API_KEY"):
        monkeypatch.setenv(name, "sk-of-another-server")
    rows = answers(plan_of(engine_program(tmp_path)), cache)
    assert [row.status for row in rows] == ["ok"] * 6


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        ("broken", r"vLLM ended with status 1 before it served; it printed last:\n    error: no room for the weights\n  fix: "),
        ("another", r"it is not the server that was started for .*, or not as it was started\n  fix: run again"),
        ("dies", r"vLLM ended with status 9 while it was asked; it printed last:\n    serving .*\n    out of memory\n  fix: "),
        ("early", r"instruction 'q0': vLLM sent no completion: an answer that nothing ends after 3 tokens \(and 5 more so\)"),
        ("textual", r"vLLM sent no completion: no ids of the emitted tokens, which newer versions of the program send\n  fix: look"),
        ("penalty", r"vLLM: the server does not obey the decoding parameters: repetition_penalty is ignored"),
    ],
)  # fmt: skip
def test_a_server_that_cannot_do_it_is_an_error_and_ends(
    flaw: str, message: str, cache: RowCache, tmp_path: Path
) -> None:
    how = decoding(max_new_tokens=ROW_TOKENS, repetition_penalty=1.1)
    with pytest.raises(UrialError, match=message):
        answers(plan_of(engine_program(tmp_path, flaw), decoding=how), cache)
    if flaw != "broken":
        require_all_ended(tmp_path / "pids")
    (log,) = (tmp_path / "cache/engines").iterdir()
    assert log.name == f"base-urial-{os.getpid()}.log"


def test_rows_from_before_the_server_ended_are_kept(cache: RowCache, tmp_path: Path) -> None:
    one_by_one = Generation(batch_size=1, on_context_overflow="record")
    with pytest.raises(UrialError, match="ended with status 9"):
        answers(plan_of(engine_program(tmp_path, "dies"), "llama.cpp", generation=one_by_one), cache)
    plan = plan_of(engine_program(tmp_path), "llama.cpp", generation=one_by_one)
    keys = [completion_key(read_manifest(tiny_folder("llama")), row, plan) for row in assemble(plan, QUERIES, tiny_folder("llama"))]  # fmt: skip
    assert len(cache.get(keys, Answer)) == 3
    assert [row.status for row in answers(plan, cache)] == ["ok"] * 6


def test_what_says_where_and_how_fast_is_in_no_key() -> None:
    manifest, prompt = (
        read_manifest(tiny_folder("llama")),
        assemble(plan_of(None), QUERIES[:1], tiny_folder("llama"))[0],
    )

    def key(**settings: Any) -> str:
        return completion_key(manifest, prompt, plan_of(None, server=EngineSettings(kind="vllm", **settings)))

    plain = key()
    assert plain == key(
        program="/opt/vllm", arguments={"tensor-parallel-size": 4, "distributed-executor-backend": "ray"}
    )
    assert plain != key(arguments={"kv-cache-dtype": "fp8"})
    assert plain != completion_key(manifest, prompt, plan_of(None))


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stage_that_is_interrupted_leaves_no_server(number: int, tmp_path: Path) -> None:
    run, model = tmp_path / "run", tiny_folder("llama")
    plan = plan_of(engine_program(tmp_path, "hangs"))
    (run / "data/models").mkdir(parents=True)
    (run / "data/models/base").symlink_to(model)
    write_json(run / SYSTEM_PLAN.path("base-urial"), plan)
    write_jsonl(run / INSTRUCTIONS.path(), QUERIES)
    write_jsonl(run / PROMPTS.path("base-urial"), assemble(plan, QUERIES, model))
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "URIAL_CACHE_DIR": str(tmp_path / "rows")}
    words = [sys.executable, "-m", "stages.generate", "base-urial"]
    with subprocess.Popen(words, cwd=run, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as stage:
        pids, deadline = tmp_path / "pids", time.monotonic() + 120
        while not (pids.exists() and len(running(pids)) == 1) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(running(pids)) == 1
        stage.send_signal(number)
    assert stage.returncode != 0
    require_all_ended(pids)
    assert not (run / COMPLETIONS.path("base-urial")).exists()


@pytest.mark.parametrize(
    ("threads", "arguments", "cores"),
    [(1, {}, 1), (10_000, {}, None), (None, {}, 0), (2, {"tensor-parallel-size": 2}, 0)],
)
def test_vllm_has_the_cores_of_the_stage(threads: int | None, arguments: dict[str, Any], cores: int | None) -> None:
    settings = EngineSettings(kind="vllm", arguments=arguments)
    start = Start(settings, Path("m"), "m", Loading(), 10, 1, threads)
    bound = PROGRAMS["vllm"].environment(start).get("VLLM_CPU_OMP_THREADS_BIND", "")
    own = own_cores()
    assert bound == ",".join(map(str, own[: len(own) if cores is None else cores]))


@pytest.mark.parametrize("own", ["0", None])
def test_cores_that_the_user_names_stay(
    own: str | None, cache: RowCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VLLM_CPU_OMP_THREADS_BIND", raising=False)
    if own:
        monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", own)
    program = Path(engine_program(tmp_path))
    told = tmp_path / "told"
    program.write_text(
        program.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\necho $VLLM_CPU_OMP_THREADS_BIND > {told}\n")
    )
    answers(plan_of(str(program)), cache)
    assert told.read_text().strip() == (own or str(own_cores()[0]))
