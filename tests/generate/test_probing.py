"""A server that ignores what it is told is found out before the first answer, by a handful of requests."""

import json
from typing import Any

import pytest

from tests.fake_model import FakeModel
from tests.faulty_server import Asked, answers, fails, serving_faulty
from tests.tiny_models import decoding
from urial.api.completions import STORY
from urial.core.errors import UrialError
from urial.generate.engine import NoAnswer, Request
from urial.generate.server_batch import OpenAIEngine
from urial.records.completion import Answer
from urial.records.model import ServerReference
from urial.records.params.file import Decoding

TEXT = Request("Say something.", True, ("\n```",), 7)
CHAT = Request(json.dumps([{"role": "user", "content": "Say something."}]), False, (), 7, "messages")
SAMPLED = decoding(temperature=0.8, top_p=0.9)
MOST_REQUESTS = 8


def asked_for(
    script: Any, settings: Decoding, request: Request = TEXT
) -> tuple[Answer | NoAnswer | str, list[Asked], str]:
    """The answer, or the error without the server's address; all requests; and the address."""
    with serving_faulty(script) as server:
        engine = OpenAIEngine(ServerReference(server=server.url, model="m"))
        try:
            [(_, answer)] = engine.complete([request], [0], settings)
        except UrialError as error:
            return str(error).removeprefix(f"{server.url}: "), server.asked, server.url
        return answer, server.asked, server.url


def refusal(what: str, fix: str) -> str:
    return (
        f"the server does not obey the decoding parameters: {what}"
        f"\n  expected: answers that the decoding parameters decide\n  fix: {fix}"
    )


@pytest.mark.parametrize("request_made", [TEXT, CHAT])
@pytest.mark.parametrize(
    "settings", [decoding(), decoding(repetition_penalty=1.3), SAMPLED, decoding(temperature=1, repetition_penalty=1.3)]
)
def test_a_server_that_obeys_is_asked_a_handful_of_times_and_nothing_is_said(
    request_made: Request, settings: Decoding, capsys: pytest.CaptureFixture[str]
) -> None:
    answer, asked, _ = asked_for(FakeModel().reply, settings, request_made)
    assert isinstance(answer, Answer)
    assert len(answer.text.split()) == settings.max_new_tokens
    assert len(asked) <= MOST_REQUESTS + 1
    assert all(STORY in item.text for item in asked[:-1])
    assert STORY not in asked[-1].text
    assert capsys.readouterr().err == ""


IGNORED: list[tuple[str, Decoding, str, str]] = [
    ("max_tokens", decoding(), "max_tokens (decoding.max_new_tokens) is ignored", "use another server"),
    ("temperature", decoding(), "two answers at temperature 0 differ", "use another server"),
    ("temperature", SAMPLED.model_copy(update={"top_p": 1.0}),
     "temperature is ignored: what is sampled is the greedy answer", "use another server"),
    ("top_p", SAMPLED, "top_p is ignored: with 1e-06 the answer is not the greedy one",
     "set decoding.top_p to 1.0, or use another server"),
    ("seed", SAMPLED, "seed is ignored: two answers with the same seed differ",
     "set decoding.temperature to 0, which needs no seed, or use another server"),
    ("repetition_penalty", decoding(repetition_penalty=1.1), "repetition_penalty is ignored: it changes no answer",
     "set decoding.repetition_penalty to 1, or use another server"),
]  # fmt: skip


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("request_made", [TEXT, CHAT])
@pytest.mark.parametrize("case", IGNORED)
def test_an_ignored_parameter_is_named_with_the_way_out(
    counts: bool, request_made: Request, case: tuple[str, Decoding, str, str]
) -> None:
    name, settings, what, fix = case
    # A server that always samples, or never does.
    own = {"temperature": 0 if settings.temperature else 1} if name == "temperature" else {}
    model = FakeModel(ignores=frozenset({name}), own=own, counts=counts)
    message, asked, _ = asked_for(model.reply, settings, request_made)
    assert message == refusal(what, fix)
    assert all(STORY in item.text for item in asked), "no row was asked for"


@pytest.mark.parametrize(
    ("name", "settings", "fix"),
    [
        ("repetition_penalty", decoding(repetition_penalty=1.1), "set decoding.repetition_penalty to 1, or use another server"),
        ("top_p", SAMPLED, "set decoding.top_p to 1.0, or use another server"),
        ("seed", SAMPLED, "set decoding.temperature to 0, which needs no seed, or use another server"),
        ("max_tokens", decoding(), "change decoding.max_new_tokens, or use another server"),
        ("temperature", decoding(), "change decoding.temperature, or use another server"),
    ],
)  # fmt: skip
def test_a_refused_parameter_is_named_too(name: str, settings: Decoding, fix: str) -> None:
    message, _, _ = asked_for(FakeModel(refuses=frozenset({name})).reply, settings)
    assert message == refusal(f"{name} is refused: Unrecognized request argument supplied: {name}", fix)


def test_all_that_is_ignored_is_named_at_once() -> None:
    ignores = frozenset({"seed", "top_p", "repetition_penalty"})
    message, _, _ = asked_for(FakeModel(ignores=ignores).reply, SAMPLED.model_copy(update={"repetition_penalty": 1.2}))
    assert message == refusal(
        "seed is ignored: two answers with the same seed differ; "
        "top_p is ignored: with 1e-06 the answer is not the greedy one; "
        "repetition_penalty is ignored: it changes no answer",
        "set decoding.temperature to 0, which needs no seed, or use another server; "
        "set decoding.top_p to 1.0, or use another server; "
        "set decoding.repetition_penalty to 1, or use another server",
    )


def test_a_server_that_does_not_know_what_is_not_set_is_as_good_as_any() -> None:
    unknown = frozenset({"repetition_penalty", "frequency_penalty", "top_p", "seed"})
    for model in (FakeModel(refuses=unknown), FakeModel(ignores=unknown)):
        answer, asked, _ = asked_for(model.reply, decoding())
        assert isinstance(answer, Answer)
        assert not unknown & asked[-1].body.keys()


@pytest.mark.parametrize("refuses", [frozenset[str](), frozenset({"repetition_penalty"})])
def test_a_penalty_of_the_server_s_own_is_found(refuses: frozenset[str]) -> None:
    name = "frequency_penalty" if refuses else "repetition_penalty"
    model = FakeModel(refuses=refuses, own={name: 1.5 if name == "repetition_penalty" else 0.5})
    message, _, _ = asked_for(model.reply, decoding())
    assert message == refusal(
        "it penalizes repetition though none is asked for (decoding.repetition_penalty)",
        "start the server without defaults of its own (vLLM: --generation-config vllm), or use another server",
    )


def test_ignored_stop_strings_are_said_and_change_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    word = FakeModel().words("Say something.", {"temperature": 0, "max_tokens": 12})[0][5]
    stopping = Request(TEXT.text, True, (f" {word}",), 7)
    obeyed, _, _ = asked_for(FakeModel().reply, decoding(), stopping)
    assert capsys.readouterr().err == ""
    ignored, _, url = asked_for(FakeModel(ignores=frozenset({"stop"})).reply, decoding(), stopping)
    assert isinstance(ignored, Answer)
    assert isinstance(obeyed, Answer)
    assert ignored.text == obeyed.text
    # The one server cut the answer and did not say why; the other's answer was cut here.
    assert (obeyed.finish, ignored.finish) == ("stop", "stop_string")
    assert capsys.readouterr().err == (
        f"{url}: it ignores stop strings; answers are cut at them here, but each is paid for up to its end\n"
    )


def test_a_model_that_says_nothing_is_no_failure_and_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    answer, asked, url = asked_for(FakeModel(ends_after=0).reply, decoding())
    assert answer == Answer(text="", token_ids=None, finish="stop")
    assert len(asked) == 3
    assert capsys.readouterr().err == (
        f"{url}: whether it obeys the decoding parameters is not known: to a probe, it says nothing\n"
    )


def test_a_model_of_few_words_leaves_open_what_stops_it(capsys: pytest.CaptureFixture[str]) -> None:
    answer, _, url = asked_for(FakeModel(ends_after=1).reply, decoding())
    assert isinstance(answer, Answer)
    assert capsys.readouterr().err.splitlines()[:1] == [
        f"{url}: whether it obeys max_tokens is not known: to a probe, it says less than that"
    ]


def test_other_refusals_of_a_probe_are_the_server_s_own_words() -> None:
    message, asked, _ = asked_for([fails(404, "The model `m` does not exist.")], decoding())
    assert message == (
        "status 404: The model `m` does not exist."
        "\n  fix: check the model's name and the server's address, which usually ends in /v1"
    )
    assert len(asked) == 1


def test_what_is_no_completion_ends_the_first_probe() -> None:
    message, asked, _ = asked_for([answers({"hello": "world"})], decoding())
    assert message == (
        "the server sent no completion: no choices\n  fix: look into the server's log; its address usually ends in /v1"
    )
    assert len(asked) == 1


def test_one_engine_tries_its_server_once() -> None:
    with serving_faulty(FakeModel().reply) as server:
        engine = OpenAIEngine(ServerReference(server=server.url, model="m"))
        assert dict(engine.complete([TEXT], [], decoding())) == {}
        assert server.asked == []
        dict(engine.complete([TEXT], [0], decoding()))
        before = len(server.asked)
        dict(engine.complete([TEXT, TEXT], [0, 1], decoding()))
        assert len(server.asked) == before + 2
