"""Answers from a server: the same cache, records and refusals as from a model in this process."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.fake_model import FakeModel
from tests.faulty_server import Asked, FaultyServer, Reply, answers, fails, serving_faulty
from tests.served import aligned_plan, base_plan, served_folders, served_model
from tests.tiny_models import decoding
from urial.api.completions import STORY
from urial.core.errors import UrialError
from urial.core.hashing import content_hash
from urial.core.row_cache import RowCache
from urial.generate.keys import completion_key
from urial.generate.run import generate
from urial.prompts.versions.assembly import assemble
from urial.records.completion import Answer, AssembledPrompt, Completion
from urial.records.instruction import Instruction
from urial.records.model import HubWeights, Limits, Loading, ModelManifest, ServerModel, read_manifest
from urial.records.params.file import Generation
from urial.records.plans import SystemPlan

CANARY = "sk-canary-0123456789"
QUERIES = [make_query(f"q{number}", turns=(f"Tell me about {number}.",)) for number in range(6)]
STOP = Generation(batch_size=1, on_context_overflow="error")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RowCache]:
    with RowCache(tmp_path / "cache") as opened:
        yield opened


def completions_of(
    plan: SystemPlan, folder: Path, cache: RowCache, queries: Sequence[Instruction] = QUERIES
) -> list[Completion]:
    return generate(plan, queries, assemble(plan, queries, folder), folder, cache)


def folder_of(server: FaultyServer, tmp_path: Path, role: str = "base") -> Path:
    model = served_model(server.url)
    return served_folders(model, model, tmp_path / "models") / role


def rows_asked(server: FaultyServer) -> list[str]:
    return [item.text for item in server.asked if STORY not in item.text]


def only(query: str, reply: Reply) -> Any:
    """A server that always replies so to one query."""
    return lambda asked: reply if query in asked.text else FakeModel().reply(asked)


def test_every_instruction_has_its_answer_and_the_next_run_asks_for_nothing(
    cache: RowCache, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving_faulty(FakeModel().reply) as server:
        plan, folder = base_plan(served_model(server.url)), folder_of(server, tmp_path)
        rows = completions_of(plan, folder, cache)
        assert len(rows_asked(server)) == len(QUERIES)
        before = len(server.asked)
        again = completions_of(plan.model_copy(update={"threads": 2}), folder, cache)
        assert len(server.asked) == before, "not even a probe"
    assert again == rows
    assert [(row.instruction_id, row.system, row.status) for row in rows] == [
        (query.id, "base-urial", "ok") for query in QUERIES
    ]
    for row, prompt in zip(rows, assemble(plan, QUERIES, folder), strict=True):
        words, _ = FakeModel().words(prompt.text, {"temperature": 0.0, "max_tokens": 12})
        assert row.answer == Answer(text=" ".join(words), token_ids=None, finish="length")
    assert [line for line in capsys.readouterr().out.splitlines() if "row cache" in line] == [
        "base-urial: 0 answers from the row cache, 6 to compute",
        "base-urial: 6 answers from the row cache, 0 to compute",
    ]


def test_a_later_turn_of_a_chat_shows_the_server_its_own_earlier_answer(cache: RowCache, tmp_path: Path) -> None:
    query = make_query("q", turns=("Why?", "And then?"))
    with serving_faulty(FakeModel().reply) as server:
        folder = folder_of(server, tmp_path, "aligned")
        (row,) = completions_of(aligned_plan(served_model(server.url)), folder, cache, [query])
        bodies = [json.loads(text) for text in rows_asked(server)]
        assert {item.path for item in server.asked} == {"/v1/chat/completions"}
    (later,) = row.later_turns
    assert row.answer is not None
    assert later.prompt is not None
    first = [{"role": "user", "content": "Why?"}]
    second = [*first, {"role": "assistant", "content": row.answer.text}, {"role": "user", "content": "And then?"}]
    assert [body["messages"] for body in bodies] == [first, second]
    assert json.loads(later.prompt.text) == second
    assert (later.status, later.prompt.form, later.prompt.n_tokens) == ("ok", "messages", None)


WORDS = "This model's maximum context length is 512 tokens."


def test_a_prompt_that_the_server_finds_too_long_is_recorded_with_its_words(cache: RowCache, tmp_path: Path) -> None:
    with serving_faulty(only("about 2.", fails(400, WORDS))) as server:
        rows = completions_of(base_plan(served_model(server.url)), folder_of(server, tmp_path), cache)
        reason = f"{server.url}: status 400: {WORDS}"
    assert [row.status for row in rows] == ["ok", "ok", "too_long", "ok", "ok", "ok"]
    assert rows[2] == Completion(
        instruction_id="q2", system="base-urial", status="too_long", reason=reason, answer=None, key=None
    )


REFUSALS = [
    (fails(400, WORDS), f"URL: status 400: {WORDS}",
     "lower decoding.max_new_tokens, choose a shorter prompt, or set generation.on_context_overflow to record"),
    (answers({"hello": 1}), "URL: the server sent no completion: no choices",
     "look into the server's log; its address usually ends in /v1"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "what", "fix"), REFUSALS)
def test_a_row_that_stops_the_run_is_named_and_finished_rows_are_kept(
    reply: Reply, what: str, fix: str, cache: RowCache, tmp_path: Path
) -> None:
    with serving_faulty(only("about 5.", reply)) as server:
        # One after the other, so that all others come before.
        model = served_model(server.url, limits=Limits(concurrency=1, retries=0))
        plan, folder = base_plan(model, generation=STOP), folder_of(server, tmp_path)
        with pytest.raises(UrialError) as caught:
            completions_of(plan, folder, cache)
        assert str(caught.value).replace(server.url, "URL") == (
            f"system 'base-urial', instruction 'q5': {what}\n  fix: {fix}"
        )
        server.script = FakeModel().reply
        server.asked.clear()
        assert [row.status for row in completions_of(plan, folder, cache)] == ["ok"] * 6
        assert len(rows_asked(server)) == 1


def test_filtered_rows_stop_the_run_after_all_others_are_answered(cache: RowCache, tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        filtered = "about 0." in asked.text or "about 3." in asked.text
        return fails(400, "Filtered.", "content_filter") if filtered else FakeModel().reply(asked)

    with serving_faulty(script) as server:
        plan, folder = base_plan(served_model(server.url, limits=Limits(concurrency=1))), folder_of(server, tmp_path)
        with pytest.raises(UrialError) as caught:
            completions_of(plan, folder, cache)
        assert len(rows_asked(server)) == 6
        assert str(caught.value).replace(server.url, "URL") == (
            "system 'base-urial', instruction 'q0': a content filter declined the prompt: URL: status 400: Filtered. "
            "(and 1 more so)\n  fix: leave these instructions out, or use a server without a filter; "
            "all other answers are in the row cache"
        )
        kept = completions_of(plan, folder, cache, [QUERIES[number] for number in (1, 2, 4, 5)])
        assert [row.status for row in kept] == ["ok"] * 4
        assert len(rows_asked(server)) == 6


def test_the_key_is_in_no_row_no_file_and_no_line(
    cache: RowCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    with serving_faulty(FakeModel().reply) as server:
        model = served_model(server.url, key_variable="MY_KEY")
        rows = completions_of(base_plan(model), folder_of(server, tmp_path), cache)
        assert {item.headers["authorization"] for item in server.asked} == {f"Bearer {CANARY}"}
        server.script = [fails(401, f"Incorrect key: Bearer {CANARY}")]
        with pytest.raises(UrialError) as caught:
            completions_of(base_plan(model, decoding=decoding(max_new_tokens=3)), folder_of(server, tmp_path), cache)
        assert str(caught.value) == (
            f"system 'base-urial': {server.url}: status 401: Incorrect key: Bearer ***\n"
            "  fix: correct MY_KEY in the environment: the server refuses the key in it"
        )
    said = capfd.readouterr()
    files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"some/model" in files
    for text in (repr(rows).encode(), files, said.out.encode(), said.err.encode(), repr(caught.value).encode()):
        assert CANARY.encode() not in text


PROMPT = AssembledPrompt(
    instruction_id="q", system="s", text="t", adds_special_tokens=True, stop=("x",), n_tokens=None
)  # fmt: skip
SERVED = ModelManifest(role="base", source=ServerModel(server="http://h/v1", model="m"))


def served(**changes: str) -> ModelManifest:
    return SERVED.model_copy(update={"source": SERVED.model.model_copy(update=changes)})


def key_of(manifest: ModelManifest = SERVED, prompt: AssembledPrompt = PROMPT, **changes: Any) -> str:
    model = {key: changes.pop(key) for key in ("context_window", "limits", "key_variable") if key in changes}
    return completion_key(manifest, prompt, base_plan(served_model("http://h/v1", **model), **changes))


def test_a_key_holds_the_server_and_the_model_s_name_there_and_nothing_of_how_it_is_asked() -> None:
    same = [
        key_of(limits=Limits(concurrency=1)), key_of(key_variable="MY_KEY"), key_of(threads=7), key_of(system="other"),
        key_of(SERVED.model_copy(update={"role": "aligned"})),
    ]  # fmt: skip
    others = [
        key_of(served(server="http://h:1/v1")), key_of(served(model="n")),
        key_of(prompt=PROMPT.model_copy(update={"form": "messages"})), key_of(context_window=512),
        key_of(decoding=decoding(max_new_tokens=13)), key_of(prompt=PROMPT.model_copy(update={"stop": ()})),
    ]  # fmt: skip
    assert {*same, key_of()} == {key_of()}
    assert len({*others, key_of()}) == len(others) + 1


def test_an_answer_from_before_the_end_of_a_context_was_looked_for_is_not_taken_from_the_cache() -> None:
    decided = {"max_new_tokens": 12, "repetition_penalty": 1.0, "seed": 0, "temperature": 0.0, "top_p": 1.0}
    fields = {
        "row": "answer", "server": "http://h/v1", "model": "m", "context": None, "form": "text", "prompt": "t",
        "adds_special_tokens": True, "stop": ("x",), "decoding": decided,
    }  # fmt: skip
    assert key_of() == content_hash({**fields, "algorithm": 3})


def test_the_key_of_a_model_that_is_loaded_here_is_what_it_always_was() -> None:
    files = {"model.safetensors": "sha256:" + "0" * 64}
    loaded = ModelManifest(role="base", source=HubWeights(hub="m", revision="main", loading=Loading(), files=files))
    plan = base_plan(served_model("http://h/v1")).model_copy(update={"server": None})
    decided = {"max_new_tokens": 12, "repetition_penalty": 1.0, "seed": 0, "temperature": 0.0, "top_p": 1.0}
    assert completion_key(loaded, PROMPT, plan) == content_hash(
        {
            "row": "answer", "algorithm": 2, "model": files, "dtype": "float32", "quantization": None, "prompt": "t",
            "adds_special_tokens": True, "stop": ("x",), "decoding": decided,
        }
    )  # fmt: skip


def test_the_manifest_of_a_served_model_says_that_its_weights_are_not_known(tmp_path: Path) -> None:
    with serving_faulty([fails(500)]) as server:
        found = read_manifest(folder_of(server, tmp_path))
        assert server.asked == [], "its being up is nobody's business yet"
        assert found.source == ServerModel(server=server.url, model="some/model")
