"""A server that the stage generate starts itself gives the tokens of this process, and is gone afterwards."""

import secrets
from contextlib import suppress
from pathlib import Path

import pytest

from tests.real.environments import NotInstalledError, cache_folder, llama_server, vllm_python
from tests.real.equal import TIES, differences
from tests.real.in_process import Case, InProcess, asked
from tests.real.weights import float32_gguf
from tests.served import served_model
from urial.core.hashing import file_hash
from urial.core.row_cache import RowCache
from urial.core.store import write_json
from urial.generate.run import generate
from urial.prompts.versions.assembly import assemble
from urial.records.engine import EngineSettings
from urial.records.model import MANIFEST, GgufWeights, Loading, ModelManifest

pytestmark = pytest.mark.real


def left_behind(mark: str) -> list[str]:
    """Processes whose environment has the mark, by their numbers."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def engine(kind: str) -> EngineSettings:
    """The engine of a study's model, with the program of an environment of its own; skips where it cannot be had."""
    try:
        program = vllm_python() if kind == "vllm" else llama_server()
    except NotInstalledError as error:
        pytest.skip(f"{kind} cannot be had here: {error}")
    arguments = {"enforce-eager": True, "kv-cache-memory-bytes": 1 << 30} if kind == "vllm" else {}
    return EngineSettings(kind=kind, program=str(program), arguments=arguments)  # type: ignore[arg-type]


def model_of(kind: str, case: Case, in_process: InProcess, folder: Path) -> Path:
    """The folder under data/models of SmolLM2: in transformers' form for vLLM, in a GGUF file for llama.cpp."""
    if kind == "vllm":
        return in_process.model("smollm2", case.role)
    file = float32_gguf("smollm2")
    source = GgufWeights(gguf=str(file), hash=file_hash(file), loading=Loading())
    write_json(folder / MANIFEST, ModelManifest(role=case.role, source=source))
    return folder


PENALIZED = Case("base", asked(repetition_penalty=1.1))


@pytest.mark.parametrize(
    ("kind", "case"), [("vllm", PENALIZED), ("llama.cpp", PENALIZED), ("llama.cpp", Case("aligned"))],
    ids=["vllm-base", "llama.cpp-base", "llama.cpp-aligned"],
)  # fmt: skip
def test_its_tokens_are_those_of_this_process(
    kind: str, case: Case, in_process: InProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = secrets.token_hex(16)
    monkeypatch.setenv("URIAL_TEST_MARK", mark)
    # Where a GGUF file is unpacked, once for all runs of these tests.
    monkeypatch.setenv("URIAL_CACHE_DIR", str(cache_folder() / "project"))
    plan = case.plan(served_model("http://127.0.0.1:9/v1")).model_copy(update={"server": engine(kind), "threads": 2})
    folder = model_of(kind, case, in_process, tmp_path / "model")
    with RowCache(tmp_path / "rows") as cache:
        prompts = assemble(plan, case.instructions, folder)
        rows = generate(plan, case.instructions, prompts, folder, cache)
    assert differences(rows, in_process, "smollm2", case, tie=TIES[kind]) == []
    if kind == "llama.cpp":
        assert left_behind(mark) == []
        return
    own = in_process.completions("smollm2", case)
    assert [row.answer and row.answer.token_ids for row in rows] == [row.answer and row.answer.token_ids for row in own]
    assert [row.answer for row in rows] == [row.answer for row in own]
    assert left_behind(mark) == []
