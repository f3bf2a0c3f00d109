"""What a server can tell is found out before the first row, and never assumed."""

from typing import Any

import pytest

from tests.faulty_server import Asked, Reply, Script, answers, closes, fails, page, serving_faulty
from tests.scoring_server import BOTH, ECHO, ScoringModel, logits_of
from tests.served import served_model
from tests.token_shift.served.test_scoring_server import IDS, TEXTS, by_text, require_exact
from urial.api import retrying
from urial.core.errors import UrialError
from urial.records.model import Limits
from urial.token_shift.served.answer_logprobs import ScoreRequest, Scores
from urial.token_shift.served.logprob_probe import CannotScoreError
from urial.token_shift.served.logprob_server import ScoringServer

NOTHING: frozenset[str] = frozenset()
KEY = "URIAL_TEST_KEY"
CANARY = "sk-canary-0123456789"


@pytest.fixture(autouse=True)
def no_time_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrying, "BACKOFF_SECONDS", 0.001)


def asked_for(script: Script, request: ScoreRequest = IDS[1], top_k: int = 5) -> tuple[Any, list[Asked]]:
    """The scores, or the error's words without the server's address, and what the server was asked."""
    with serving_faulty(script) as server:
        model = served_model(server.url, key_variable=KEY, limits=Limits(retries=1))
        try:
            [(_, found)] = ScoringServer(model, top_k, None).score([request])
        except UrialError as error:
            return str(error).replace(server.url, "URL"), server.asked
        return found, server.asked


def cannot(prompt_logprobs: str, echo: str) -> str:
    return (
        f"URL: the server does not give the log-probabilities of a prompt's tokens (prompt_logprobs: {prompt_logprobs}; "
        f"echo: {echo})\n"
        "  expected: log-probability and 3 candidates or more of each token of a prompt, from /completions\n"
        "  fix: serve the base model with vLLM, which gives them as it is, or with SGLang or llama-cpp-python "
        "(logits_all=True), which give them on echo; llama.cpp's own server, Ollama and `transformers serve` do not"
    )


IGNORED = "the reply has no prompt_logprobs"
LACKING: list[tuple[ScoringModel, str, str, int]] = [
    # It takes both and ignores them; it gives numbers of what it generates.
    (ScoringModel(knows=NOTHING), IGNORED, "the number of tokens in logprobs is 1, and 16 were sent", 3),
    (ScoringModel(knows=NOTHING, refuses_unknown=True),
     "status 400: Unrecognized request argument supplied: prompt_logprobs",
     "status 400: Unrecognized request argument supplied: echo", 3),
    (ScoringModel(knows=ECHO, only_generated=True), IGNORED,
     "the number of tokens in logprobs is 1, and 16 were sent", 3),
    (ScoringModel(knows=ECHO, forgets_numbers=True), IGNORED,
     "the reply has log-probabilities of 0 of the prompt's 16 tokens", 3),
    (ScoringModel(most=2), "status 400: Requested prompt logprobs of 5, which is greater than max allowed: 2",
     "status 400: Requested prompt logprobs of 6, which is greater than max allowed: 2", 3),
    (ScoringModel(most=2, refuses_more=False),
     "the reply has 2 candidates a token, and 5 were asked for", "the reply has 2 candidates a token, and 6 were asked for",
     3),
    (ScoringModel(knows=ECHO, most=3, refuses_more=False), IGNORED,
     "the reply has 3 candidates a token, and 6 were asked for", 3),
    # It puts its own token of beginning in front.
    (ScoringModel(adds_begin=True), "prompt_logprobs has 17 entries, and the prompt has 16 tokens",
     "the number of tokens in logprobs is 18, and 16 were sent", 3),
    (ScoringModel(adds_begin=True, counts=False), "prompt_logprobs has 17 entries, and the prompt has 16 tokens",
     "the number of tokens in logprobs is 18, and 16 were sent", 3),
]  # fmt: skip


@pytest.mark.parametrize(("model", "prompt_logprobs", "echo", "asked"), LACKING)
def test_a_server_that_does_not_tell_is_found_out(
    model: ScoringModel, prompt_logprobs: str, echo: str, asked: int
) -> None:
    found, requests = asked_for(model.reply)
    assert found == cannot(prompt_logprobs, echo)
    assert len(requests) == asked
    assert all(len(item.body["prompt"]) == 16 for item in requests)


def test_of_a_text_too() -> None:
    found, _ = asked_for(ScoringModel(knows=ECHO, only_generated=True).reply, by_text(TEXTS[0]))
    assert found == cannot(IGNORED, "the reply's tokens are not those of the prompt")
    found, _ = asked_for(ScoringModel(tells_ids=False, writes="other").reply, by_text(TEXTS[0]))
    assert found == cannot(
        "the reply has no prompt_token_ids, which say what the prompt's tokens are",
        "the reply's tokens are not those of the prompt",
    )


def test_the_error_is_one_of_its_own() -> None:
    with serving_faulty(ScoringModel(knows=NOTHING).reply) as server, pytest.raises(CannotScoreError):
        list(ScoringServer(served_model(server.url), 3, None).score([IDS[1]]))


@pytest.mark.parametrize(
    ("model", "given", "notes", "asked"),
    [
        (ScoringModel(most=4), 4, "it gives 4 candidates a token, not 5", 3),
        (ScoringModel(most=3, refuses_more=False), 3, "it gives 3 candidates a token, not 5", 2),
        (ScoringModel(knows=ECHO, most=5), 5, f"ranks up to 4 are all that is known (prompt_logprobs: {IGNORED})",
         4),
        (ScoringModel(knows=ECHO, most=3, refuses_more=False, lists=True), 3,
         f"it gives 3 candidates a token, not 5; ranks up to 3 are all that is known (prompt_logprobs: {IGNORED})", 3),
        (ScoringModel(knows=ECHO, most=4, refuses_more=False), 4,
         f"it gives 4 candidates a token, not 5; ranks up to 3 are all that is known (prompt_logprobs: {IGNORED})",
         3),
    ],
)  # fmt: skip
def test_fewer_candidates_are_taken_and_said(
    model: ScoringModel, given: int, notes: str, asked: int, capsys: pytest.CaptureFixture[str]
) -> None:
    found, requests = asked_for(model.reply, IDS[0])
    assert isinstance(found, Scores)
    assert {len(token.top_texts) for token in found.tokens} == {given}
    assert capsys.readouterr().err.partition("/v1: ")[2] == f"{notes}\n"
    assert len(requests) == asked
    ids, first = tuple(map(int, IDS[0].sent)), len(IDS[0].prompt)
    for token in found.tokens:
        assert token.place is not None
        row = logits_of(ids)[first + token.place - 1].double().log_softmax(-1)
        require_exact(token, row, ids[first + token.place], given, given - 1)


def test_zero_tokens_are_asked_for_first_and_one_where_that_is_refused() -> None:
    found, requests = asked_for(ScoringModel(knows=ECHO, refuses_zero=True).reply)
    assert [item.body["max_tokens"] for item in requests] == [1, 0, 1, 1]
    assert isinstance(found, Scores)
    assert len(found.tokens) == len(IDS[1].answer)


def test_a_protocol_that_breaks_the_server_is_left_for_the_other() -> None:
    def script(asked: Asked) -> Reply:
        return fails(500, "list index out of range") if "prompt_logprobs" in asked.body else ScoringModel().reply(asked)

    found, requests = asked_for(script)
    assert isinstance(found, Scores)
    assert ["prompt_logprobs" in item.body for item in requests] == [True, True, False, False]


STATUS = "URL: status 404: The model `some/model` does not exist.\n  fix: check the model's name and the server's address, which usually ends in /v1"


@pytest.mark.parametrize(
    ("script", "message", "asked"),
    [
        ([fails(401, "You shall not pass.")],
         f"URL: status 401: You shall not pass.\n  fix: set {KEY} in the environment", 1),
        ([fails(404, "The model `some/model` does not exist.")], STATUS, 1),
        ([page()], None, 2),
        ([closes()], None, 2),
    ],
)  # fmt: skip
def test_what_every_request_would_meet_is_said_at_once(script: Script, message: str | None, asked: int) -> None:
    found, requests = asked_for(script)
    if message is None:
        assert found.startswith("URL: no reply after 2 attempts in ")
    else:
        assert found == message
    assert len(requests) == asked


def test_a_server_that_fails_by_everything_says_how() -> None:
    found, requests = asked_for([fails(500, "out of luck")])
    assert found == cannot("status 500: out of luck", "status 500: out of luck")
    assert len(requests) == 4


def test_no_key_is_in_what_a_server_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, CANARY)

    def repeats(asked: Asked) -> Reply:
        assert asked.headers["authorization"] == f"Bearer {CANARY}"
        said = f"no {CANARY}"
        if "echo" in asked.body:
            return answers({"choices": [{"logprobs": {"tokens": [CANARY], "token_logprobs": [CANARY], CANARY: 1}}]})
        return fails(400, said)

    found, _ = asked_for(repeats)
    assert found == cannot("status 400: no ***", "the reply has no top_logprobs")


def test_each_form_is_tried_out_once() -> None:
    requests = [IDS[1], by_text(TEXTS[1]), IDS[2], by_text("The")]
    with serving_faulty(ScoringModel(knows=BOTH).reply) as server:
        scoring = ScoringServer(served_model(server.url), 5, None)
        assert len(dict(scoring.score(requests))) == 4
        assert len(server.asked) == 6
        assert len(dict(scoring.score([by_text("Thing"), IDS[3]]))) == 2
        assert len(server.asked) == 8
