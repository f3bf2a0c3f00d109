"""What real servers obey, ignore in silence and refuse: the rows of the table in docs/servers.md, each asked of the server.

Nothing of the project is in between. A test that fails says that a server has changed, and that the table has to.
"""

import json
from typing import Any

import httpx2
import pytest

from tests.real.conftest import LLAMA, VLLM
from tests.real.servers import RealServer

pytestmark = pytest.mark.real
COMPLETIONS, CHAT = "/v1/completions", "/v1/chat/completions"
TEXT = "The capital of France is Paris, and the capital of Spain is"
on_vllm = pytest.mark.parametrize("server", [VLLM], indirect=True, ids="-".join)
on_llama = pytest.mark.parametrize("server", [LLAMA], indirect=True, ids="-".join)
on_both = pytest.mark.parametrize("server", [VLLM, LLAMA], indirect=True, ids="-".join)


def ask(server: RealServer, path: str, **fields: Any) -> tuple[int, Any]:
    """Status and body; nothing is sent but the model, and for texts a prompt and greedy decoding of 8 tokens."""
    body: dict[str, Any] = {"model": server.name, "temperature": 0, "max_tokens": 8, **fields}
    if path == CHAT:
        body.setdefault("messages", [{"role": "user", "content": "Say hello."}])
    elif path == COMPLETIONS:
        body.setdefault("prompt", TEXT)
    sent = body if path in (COMPLETIONS, CHAT) else None
    address = server.url.removesuffix("/v1") + path
    # A proxy that the environment names is for other machines.
    reply = httpx2.request("POST" if sent else "GET", address, timeout=600, trust_env=False, json=sent)
    return reply.status_code, reply.json()


def said(server: RealServer, path: str = COMPLETIONS, **fields: Any) -> str:
    """The text of a good reply."""
    status, body = ask(server, path, **fields)
    assert status == 200, body
    choice = body["choices"][0]
    return str(choice["text"] if path == COMPLETIONS else choice["message"]["content"])


def message(body: Any) -> str:
    """The words of a refusal."""
    return str(body["error"]["message"])


# Log-probabilities of a prompt's tokens


@on_vllm
def test_vllm_prompt_logprobs(server: RealServer) -> None:
    status, body = ask(server, COMPLETIONS, max_tokens=1, prompt_logprobs=5)
    first, *rest = body["choices"][0]["prompt_logprobs"]
    assert (status, first) == (200, None)
    for position in rest:
        assert len(position) in (5, 6)
        for name, token in position.items():
            assert name.isdecimal()
            assert token.keys() == {"logprob", "rank", "decoded_token"}


@on_vllm
def test_vllm_gives_twenty_candidates(server: RealServer) -> None:
    assert ask(server, COMPLETIONS, max_tokens=1, prompt_logprobs=20)[0] == 200
    status, body = ask(server, COMPLETIONS, max_tokens=1, prompt_logprobs=21)
    assert status == 400
    assert "21" in message(body)


@on_vllm
def test_vllm_generates_at_least_one_token_but_for_an_echo(server: RealServer) -> None:
    status, body = ask(server, COMPLETIONS, max_tokens=0, prompt_logprobs=1)
    assert status == 400
    assert "max_tokens must be at least 1, got 0" in message(body)
    status, body = ask(server, COMPLETIONS, max_tokens=0, echo=True, logprobs=5)
    choice = body["choices"][0]
    assert (status, choice["text"]) == (200, TEXT)
    assert choice["logprobs"]["token_logprobs"][0] is None
    assert all(number <= 0 for number in choice["logprobs"]["token_logprobs"][1:])


@on_llama
def test_llama_cpp_ignores_echo_and_generates_at_least_one_token(server: RealServer) -> None:
    status, body = ask(server, COMPLETIONS, max_tokens=0, echo=True, logprobs=5, prompt_logprobs=5)
    assert status == 200
    assert not body["choices"][0]["text"].startswith("The capital")
    assert "prompt_logprobs" not in body["choices"][0]
    assert body["usage"]["completion_tokens"] == 1


# Token ids


@on_both
def test_both_take_a_prompt_of_token_ids(server: RealServer) -> None:
    if server.engine == "vllm":
        _, body = ask(server, COMPLETIONS, return_token_ids=True)
        ids = body["choices"][0]["prompt_token_ids"]
    else:
        # Special tokens at the beginning as well, as before a text.
        given = {"content": TEXT, "add_special": True}
        address = server.url.removesuffix("/v1") + "/tokenize"
        ids = httpx2.post(address, json=given, timeout=60, trust_env=False).json()["tokens"]
    assert said(server, prompt=ids) == said(server)


# Stop strings


@on_vllm
def test_vllm_takes_four_stop_strings_and_names_the_one_that_ended_an_answer(server: RealServer) -> None:
    assert ask(server, COMPLETIONS, stop=["a1", "a2", "a3", "a4"])[0] == 200
    status, body = ask(server, COMPLETIONS, stop=["a1", "a2", "a3", "a4", "a5"])
    assert status == 400
    assert "at most 4" in message(body)
    piece = said(server)[2:5]
    _, body = ask(server, COMPLETIONS, stop=[piece])
    assert body["choices"][0]["stop_reason"] == piece
    assert piece not in body["choices"][0]["text"]


@on_llama
def test_llama_cpp_takes_more_than_four_stop_strings(server: RealServer) -> None:
    piece = said(server)[2:5]
    assert piece not in said(server, stop=["a1", "a2", "a3", "a4", "a5", piece])


# Penalties


@on_vllm
def test_vllm_obeys_repetition_penalty(server: RealServer) -> None:
    assert said(server, max_tokens=32, repetition_penalty=1.8) != said(server, max_tokens=32)


@on_llama
def test_llama_cpp_ignores_repetition_penalty_and_obeys_repeat_penalty_over_so_many_tokens(server: RealServer) -> None:
    plain = said(server, max_tokens=32)
    assert said(server, max_tokens=32, repetition_penalty=1.8) == plain
    assert said(server, max_tokens=32, repeat_penalty=1.8, repeat_last_n=2048) != plain
    status, body = ask(server, COMPLETIONS, repeat_penalty=1.8, repeat_last_n=-1)
    assert status == 400, "before, -1 was the whole context"
    assert "repeat_last_n" in message(body)


# Parameters that nobody knows


@on_both
def test_both_take_an_unknown_parameter_in_silence(server: RealServer) -> None:
    assert said(server, no_such_parameter=1) == said(server)


# The model's name


@on_vllm
def test_vllm_answers_for_its_own_names_alone(server: RealServer) -> None:
    status, body = ask(server, COMPLETIONS, model="another/model")
    assert status == 404
    assert "another/model" in message(body)


@on_llama
def test_llama_cpp_answers_for_any_name(server: RealServer) -> None:
    status, body = ask(server, COMPLETIONS, model="another/model")
    assert status == 200
    print(f"it calls itself {body['model']}")


# The end of the context


def prompt_of(server: RealServer, tokens: int) -> list[int]:
    """Token ids of every model here."""
    return [1, *[284 + number % 50 for number in range(tokens - 1)]]


@on_both
def test_both_cut_an_answer_in_silence_where_the_context_ends(server: RealServer) -> None:
    status, body = ask(server, COMPLETIONS, prompt=prompt_of(server, server.context - 5), max_tokens=100)
    assert status == 200, body
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] <= 6


@on_vllm
def test_vllm_says_of_a_full_context_that_no_tokens_were_asked_for(server: RealServer) -> None:
    status, body = ask(server, COMPLETIONS, prompt=prompt_of(server, server.context), max_tokens=50)
    assert status == 400
    assert "max_tokens must be at least 1, got 0" in message(body)
    status, body = ask(server, COMPLETIONS, prompt=prompt_of(server, server.context + 1), max_tokens=50)
    assert status == 400
    assert f"at least {server.context + 1} input tokens" in message(body)


@on_llama
def test_llama_cpp_says_that_a_full_context_is_exceeded(server: RealServer) -> None:
    for length in (server.context, server.context + 1):
        status, body = ask(server, COMPLETIONS, prompt=prompt_of(server, length), max_tokens=50)
        assert status == 400
        assert body["error"]["type"] == "exceed_context_size_error"
        assert (body["error"]["n_prompt_tokens"], body["error"]["n_ctx"]) == (length, server.context)


@on_both
def test_both_tell_their_context(server: RealServer) -> None:
    [listed] = ask(server, "/v1/models")[1]["data"]
    if server.engine == "vllm":
        assert (listed["owned_by"], listed["max_model_len"]) == ("vllm", server.context)
    else:
        settings = ask(server, "/props")[1]["default_generation_settings"]
        assert (listed["owned_by"], settings["n_ctx"]) == ("llamacpp", server.context)


# Structured output


def schema(**field: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": {"field": field}, "required": ["field"], "additionalProperties": False,
    }  # fmt: skip


def form(**field: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema(**field)}}


@on_both
def test_both_obey_a_schema_in_chat(server: RealServer) -> None:
    reply = said(server, CHAT, max_tokens=64, response_format=form(type="string", enum=["yes", "no"]))
    assert json.loads(reply)["field"] in ("yes", "no")


@on_both
def test_both_obey_json_mode_in_chat(server: RealServer) -> None:
    reply = said(server, CHAT, max_tokens=64, response_format={"type": "json_object"})
    assert reply.lstrip().startswith("{")


@on_vllm
def test_vllm_refuses_a_keyword_that_no_grammar_has(server: RealServer) -> None:
    wanted = form(type="array", items={"type": "integer"}, uniqueItems=True)
    status, body = ask(server, CHAT, max_tokens=64, response_format=wanted)
    assert status == 400
    assert "uniqueItems" in message(body)


@on_llama
def test_llama_cpp_drops_a_keyword_that_its_grammar_lacks(server: RealServer) -> None:
    assert ask(server, CHAT, response_format=form(type="integer", multipleOf=7))[0] == 200


@on_llama
def test_llama_cpp_ignores_response_format_where_it_continues_a_text(server: RealServer) -> None:
    wanted = form(type="string", enum=["yes", "no"])
    assert said(server, response_format=wanted) == said(server)
    reply = said(server, max_tokens=64, json_schema=wanted["json_schema"]["schema"])
    assert json.loads(reply)["field"] in ("yes", "no")


# Counts and seeds


@on_both
def test_both_count_tokens(server: RealServer) -> None:
    for path in (COMPLETIONS, CHAT):
        usage = ask(server, path)[1]["usage"]
        assert usage["prompt_tokens"] > 5
        assert 0 < usage["completion_tokens"] <= 8


@on_both
def test_both_obey_a_seed(server: RealServer) -> None:
    first, again, other = (said(server, temperature=1.5, max_tokens=32, seed=seed) for seed in (5, 5, 6))
    assert first == again != other
