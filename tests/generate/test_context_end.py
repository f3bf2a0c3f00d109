"""The end of a server's context: every row is whole, or it is too long, whatever the server says or keeps to itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_query
from tests.fake_model import FakeModel
from tests.faulty_server import Asked, Reply, answers, fails, llama_cpp, serving_faulty, vllm
from tests.generate.test_generation_server import STOP, cache, completions_of, folder_of
from tests.served import base_plan, served_model
from tests.tiny_models import decoding
from urial.api.completions import STORY
from urial.core.errors import UrialError
from urial.core.row_cache import RowCache
from urial.generate.engine import NoAnswer, Request
from urial.generate.server_batch import OpenAIEngine
from urial.records.completion import Answer
from urial.records.model import Limits, ServerReference

__all__ = ["cache"]
CONTEXT, MOST = 48, 12
# Words of the prompt, by what they leave for the answer.
LEAVES = {
    MOST + 5: "ok",
    MOST: "ok",
    MOST - 1: "too_long",
    1: "too_long",
    0: "too_long",
    -1: "too_long",
    -30: "too_long",
}
REQUESTS = [Request(" ".join(["word"] * (CONTEXT - left)), True, ("\n```",), 1) for left in LEAVES]


def rows_of(url: str, context_window: int | None = None, **changes: Any) -> list[Answer | NoAnswer]:
    limits = Limits(concurrency=2, retries=1)
    engine = OpenAIEngine(ServerReference(server=url, model="m", context_window=context_window, limits=limits))
    rows = dict(engine.complete(REQUESTS, range(len(REQUESTS)), decoding(max_new_tokens=MOST, **changes)))
    return [rows[index] for index in range(len(REQUESTS))]


def status(row: Answer | NoAnswer) -> str:
    return row.kind if isinstance(row, NoAnswer) else "ok"


ABOUT: dict[str, Mapping[str, Any]] = {
    "vLLM": vllm(CONTEXT, "m"),
    "llama.cpp": llama_cpp(CONTEXT),
    "OpenRouter": {
        "/v1/models": {"data": [{"id": "other", "context_length": 1}, {"id": "m", "context_length": CONTEXT}]}
    },
    "says nothing": {},
    "says what is no length": {"/v1/models": {"data": [{"id": "m", "max_model_len": "long", "context_window": True}]}},
    "no list": {"/v1/models": {"data": {"m": 1}}, "/props": {"default_generation_settings": []}},
    "more than it has": vllm(8 * CONTEXT, "m"),
    "llama.cpp without its settings": {**llama_cpp(CONTEXT), "/props": {}},
}


@pytest.mark.parametrize("speaks", ["vllm", "llama.cpp"])
@pytest.mark.parametrize("about", ABOUT.values(), ids=ABOUT)
def test_no_answer_that_the_context_cut_off_is_a_whole_one(about: Mapping[str, Any], speaks: Any) -> None:
    with serving_faulty(FakeModel(context=CONTEXT, speaks=speaks).reply, about) as server:
        rows = rows_of(server.url)
    assert [status(row) for row in rows] == list(LEAVES.values())
    assert all(len(row.text.split()) == MOST for row in rows if isinstance(row, Answer))


def test_the_reason_names_the_numbers_that_are_known() -> None:
    model = FakeModel(context=CONTEXT)
    with serving_faulty(model.reply, vllm(CONTEXT, "m")) as server:
        told = rows_of(server.url)[3]
    with serving_faulty(model.reply) as server:
        silent = rows_of(server.url)
    assert told == NoAnswer(
        "too_long", "the prompt has 47 tokens and the answer may have 12, but the model's context has 48"
    )
    assert silent[2] == NoAnswer(
        "too_long",
        "the server ended the answer after 11 of 12 tokens: its context, or a limit of its own, ends there",
    )
    assert silent[4] == NoAnswer(
        "too_long", f"{server.url}: status 400: max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)"
    )


def test_whether_a_row_is_too_long_does_not_depend_on_the_length_of_its_answer() -> None:
    """Else the short answers would be kept and the long ones dropped. Only a server that tells its context allows it."""
    with serving_faulty(FakeModel(context=CONTEXT, ends_after=1).reply, vllm(CONTEXT, "m")) as server:
        assert [status(row) for row in rows_of(server.url)] == list(LEAVES.values())
    with serving_faulty(FakeModel(context=CONTEXT, ends_after=1).reply) as server:
        assert [status(row) for row in rows_of(server.url)][2] == "ok", "it is whole"


def test_the_smaller_of_two_contexts_counts() -> None:
    with serving_faulty(FakeModel(context=CONTEXT).reply, vllm(CONTEXT, "m")) as server:
        assert [status(row) for row in rows_of(server.url, context_window=CONTEXT - 3)][1] == "too_long"
        assert [status(row) for row in rows_of(server.url, context_window=1000)][2] == "too_long"


def test_a_server_that_counts_nothing_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    with serving_faulty(FakeModel(context=CONTEXT, counts=False).reply, vllm(CONTEXT, "m")) as server:
        assert [status(row) for row in rows_of(server.url)] == ["ok"] * 4 + ["too_long"] * 3
    assert capsys.readouterr().err.splitlines() == [
        f"{server.url}: it counts no tokens: an answer that its context cuts off cannot be told from one of "
        "decoding.max_new_tokens"
    ]


def test_an_answer_that_ended_at_a_stop_string_is_whole_though_the_context_ended_behind_it() -> None:
    body = {
        "choices": [{"text": "Karmost.\n```\nmore", "finish_reason": "length"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 5},
    }

    def script(asked: Asked) -> Reply:
        return FakeModel().reply(asked) if STORY in asked.text else answers(body)

    with serving_faulty(script) as server:
        assert rows_of(server.url) == [Answer(text="Karmost.", token_ids=None, finish="stop_string")] * len(REQUESTS)


@pytest.mark.parametrize(
    ("about", "choice", "finish"),
    [
        (vllm(None, "m"), {"stop_reason": None}, "end_token"),
        (vllm(None, "m"), {"stop_reason": "\n```"}, "stop_string"),
        (vllm(None, "m"), {"stop_reason": 5}, "end_token"),
        (vllm(None, "m"), {}, "stop"),
        (llama_cpp(512), {"stop_reason": None}, "stop"),
        ({}, {"stop_reason": None}, "stop"),
    ],
)
def test_behind_vllm_an_end_without_a_stop_string_is_an_end_token(
    about: Mapping[str, Any], choice: dict[str, Any], finish: str
) -> None:
    def script(asked: Asked) -> Reply:
        if STORY in asked.text:
            return FakeModel().reply(asked)
        return answers({"choices": [{"text": "Karmost.", "finish_reason": "stop", **choice}]})

    with serving_faulty(script, about) as server:
        rows = rows_of(server.url)
    assert {row.finish for row in rows if isinstance(row, Answer)} == {finish}


def test_a_run_that_records_accounts_for_every_row_and_one_that_stops_names_the_row_and_the_way_out(
    cache: RowCache, tmp_path: Path
) -> None:
    asked = [make_query(f"q{number}", turns=("the " * number + "end?",)) for number in (1, 300)]
    words = 260
    with serving_faulty(FakeModel(context=words).reply, vllm(words)) as server:
        plan, folder = base_plan(served_model(server.url)), folder_of(server, tmp_path)
        rows = completions_of(plan, folder, cache, asked)
        assert [row.status for row in rows] == ["ok", "too_long"]
        with pytest.raises(UrialError) as caught:
            completions_of(plan.model_copy(update={"generation": STOP}), folder, cache, asked)
    assert str(caught.value).startswith("system 'base-urial', instruction 'q300': ")
    assert str(caught.value).endswith(
        "\n  fix: lower decoding.max_new_tokens, choose a shorter prompt, or set generation.on_context_overflow to record"
    )


@pytest.mark.parametrize(
    ("reply", "problem", "fix"),
    [
        (fails(400, "no such parameter"), "status 400: no such parameter",
         "correct what the server names, or use another server; finished answers are in the row cache"),
        (fails(401, "no"), "status 401: no", "set OPENAI_API_KEY in the environment"),
        (answers({"choices": []}), "the server sent no completion: no choices",
         "look into the server's log; its address usually ends in /v1"),
    ],
)  # fmt: skip
def test_whatever_stops_the_rows_names_the_system_the_instruction_and_the_way_out(
    reply: Reply, problem: str, fix: str, cache: RowCache, tmp_path: Path
) -> None:
    def script(asked: Asked) -> Reply:
        return reply if "about 2." in asked.text else FakeModel().reply(asked)

    with serving_faulty(script) as server:
        plan, folder = base_plan(served_model(server.url, limits=Limits(concurrency=1))), folder_of(server, tmp_path)
        with pytest.raises(UrialError) as caught:
            completions_of(plan, folder, cache)
    assert str(caught.value) == f"system 'base-urial', instruction 'q2': {server.url}: {problem}\n  fix: {fix}"
