"""Replies about a prompt's tokens that are refused: one clear sentence each, without a word that a server wrote."""

import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.token_shift.served.test_prompt_scores import IDS, echo, entry, reply
from urial.token_shift.served.prompt_logprobs import PromptToken, rank_and_ties, read_prompt_logprobs
from urial.token_shift.served.prompt_logprobs import read_echo as read_any_echo

CANARY = "sk-canary-0123456789"
ROW = reply()["choices"][0]["prompt_logprobs"]


def read_echo(body: Any, ids: Any) -> list[PromptToken]:
    """With no token to generate."""
    return read_any_echo(body, ids, 0)


def problem(read: Any, body: Any, ids: Any = IDS) -> str:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read(body, ids)
    return str(caught.value)


SHAPES: list[tuple[Any, str]] = [
    ({}, "the reply does not have one choice"),
    ({"choices": []}, "the reply does not have one choice"),
    ({"choices": [{}, {}]}, "the reply does not have one choice"),
    ({"choices": [CANARY]}, "the reply does not have one choice"),
    ({"choices": [{"text": "x"}]}, "the reply has no prompt_logprobs"),
    (reply(prompt_logprobs=CANARY), "the reply's prompt_logprobs is no list"),
    (reply(prompt_logprobs=[]), "the reply's prompt_logprobs is empty"),
    (reply(prompt_logprobs=ROW[:2]), "prompt_logprobs has 2 entries, and the prompt has 3 tokens"),
    (reply(prompt_logprobs=[None, *ROW]), "prompt_logprobs has 4 entries, and the prompt has 3 tokens"),
    (reply(prompt_token_ids=[1, 7, 8]), "prompt_token_ids are not the ids that were sent"),
    (reply(prompt_token_ids=[1, 7, True]), "prompt_token_ids is no list of token ids"),
    (reply(prompt_token_ids=CANARY), "prompt_token_ids is no list of token ids"),
    (reply(prompt_logprobs=[None, None, ROW[2]]), "prompt_logprobs[1] is no map of candidates"),
    (reply(prompt_logprobs=[None, [CANARY], ROW[2]]), "prompt_logprobs[1] is no map of candidates"),
    (reply(prompt_logprobs=[None, {}, ROW[2]]), "prompt_logprobs[1] does not have token 7, which was sent"),
    (reply(prompt_logprobs=[None, ROW[2], ROW[2]]), "prompt_logprobs[1] does not have token 7, which was sent"),
    (reply(prompt_logprobs=[None, {"7": CANARY}, ROW[2]]), "prompt_logprobs[1] has a candidate that is no object"),
]
NUMBERS: list[Any] = [None, "-1", True, math.nan, math.inf, -math.inf, 0.01, 10**400, -(10**400), [], {CANARY: 1}]


@pytest.mark.parametrize(("body", "message"), SHAPES)
def test_prompt_logprobs_of_another_shape_are_refused(body: Any, message: str) -> None:
    assert problem(read_prompt_logprobs, body) == message


def test_a_text_s_tokens_are_known_by_their_ids_alone() -> None:
    assert problem(read_prompt_logprobs, reply(), None) == (
        "the reply has no prompt_token_ids, which say what the prompt's tokens are"
    )


@pytest.mark.parametrize("key", ["", "-7", "07", "7.0", "\u0667", " 7", "1" * 400, "4294967296", CANARY])
def test_keys_that_are_no_ids_are_refused(key: str) -> None:
    body = reply(prompt_logprobs=[None, {**ROW[1], key: entry(-9.0, 9)}, ROW[2]])
    assert problem(read_prompt_logprobs, body) == "prompt_logprobs[1] has a candidate whose key is no token id"


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_no_log_probability_is_refused(number: Any) -> None:
    message = "has an invalid log-probability"
    for key in ("7", "4"):
        row = {**ROW[1], key: entry(number, 2)}
        assert (
            problem(read_prompt_logprobs, reply(prompt_logprobs=[None, row, ROW[2]])) == f"prompt_logprobs[1] {message}"
        )
    if number is not None:
        assert problem(read_echo, echo(token_logprobs=[None, number, -1.0])) == f"logprobs, token 1 {message}"
    tops = [None, {" the": -1.5, " a": number}, {}]
    assert problem(read_echo, echo(top_logprobs=tops)) == f"logprobs, token 1 {message}"
    listed = [None, [{"token": " a", "logprob": number}], None]
    assert problem(read_echo, echo(top_logprobs=listed)) == f"logprobs, token 1 {message}"


def test_rounding_above_0_is_0() -> None:
    assert read_echo(echo(token_logprobs=[None, 1e-7, -8.0], top_logprobs=[None, None, None]), IDS)[1].logprob == 0


@pytest.mark.parametrize("rank", [None, 0, -1, 1.0, True, "1", 2**31, {CANARY: 1}])
def test_what_is_no_rank_is_refused(rank: Any) -> None:
    body = reply(prompt_logprobs=[None, {**ROW[1], "7": entry(-1.5, rank)}, ROW[2]])
    assert problem(read_prompt_logprobs, body) == "prompt_logprobs[1] has no rank of token 7"


@pytest.mark.parametrize("text", [None, 5, [CANARY], "x" * 1001])
def test_what_is_no_text_is_refused(text: Any) -> None:
    body = reply(prompt_logprobs=[None, {**ROW[1], "4": entry(-3.0, 3, text)}, ROW[2]])
    assert problem(read_prompt_logprobs, body) == "prompt_logprobs[1] has a token without a text"
    assert problem(read_echo, echo(tokens=["<s>", text, "."])) == "logprobs, token 1 has a token without a text"
    tops = [None, [{"token": text, "logprob": -1.0}], None]
    assert problem(read_echo, echo(top_logprobs=tops)) == "logprobs, token 1 has a token without a text"


def test_probabilities_that_add_up_to_more_than_1_are_refused() -> None:
    row = {**ROW[1], "4": entry(-0.3, 3)}
    body = reply(prompt_logprobs=[None, row, ROW[2]])
    assert problem(read_prompt_logprobs, body) == "prompt_logprobs[1] has probabilities that add up to 1.570"
    tops = [None, {" a": -0.1, " the": -1.5}, None]
    assert problem(read_echo, echo(top_logprobs=tops)) == "logprobs, token 1 has probabilities that add up to 1.128"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"choices": [{"text": "x", "logprobs": None}]}, "the reply has no logprobs"),
        ({"choices": [{"text": "x", "logprobs": [CANARY]}]}, "the reply has no logprobs"),
        ({"choices": [{"logprobs": {"content": [{"token": "x", "logprob": -1}]}}]}, "the reply has no tokens"),
        (echo(tokens=[]), "the reply's tokens is empty"),
        (echo(tokens=CANARY), "the reply's tokens is no list"),
        (echo(top_logprobs=None), "the reply has no top_logprobs"),
        (echo(token_logprobs=[None, -1.0]),
         "logprobs has 3 tokens, 2 token_logprobs and 3 top_logprobs"),
        (echo(tokens=["x"], token_logprobs=[-1.0], top_logprobs=[{}]),
         "the number of tokens in logprobs is 1, and 3 were sent"),
        (echo(tokens=["x"] * 5, token_logprobs=[None] * 5, top_logprobs=[None] * 5),
         "the number of tokens in logprobs is 5, and 3 were sent"),
        (echo(top_logprobs=[None, CANARY, None]),
         "logprobs, token 1 has candidates that are neither a map nor a list of objects"),
        (echo(top_logprobs=[None, [CANARY], None]),
         "logprobs, token 1 has candidates that are neither a map nor a list of objects"),
    ],
)  # fmt: skip
def test_an_echo_of_another_shape_is_refused(body: Any, message: str) -> None:
    assert problem(read_echo, body) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just("7"), inner, max_size=3),
    max_leaves=8,
)


@given(
    JSON, st.sampled_from(["choices", "choice", "prompt_logprobs", "row", "entry", "tokens", "token_logprobs", "top"])
)
def test_nothing_but_a_value_error_comes_of_hostile_values(value: Any, place: str) -> None:
    bodies: dict[str, Any] = {
        "choices": {"choices": value}, "choice": {"choices": [value]},
        "prompt_logprobs": reply(prompt_logprobs=value), "row": reply(prompt_logprobs=[None, value, ROW[2]]),
        "entry": reply(prompt_logprobs=[None, {**ROW[1], "7": value}, ROW[2]]),
        "tokens": echo(tokens=value), "token_logprobs": echo(token_logprobs=value), "top": echo(top_logprobs=[None, value, value]),
    }  # fmt: skip
    for read in (read_prompt_logprobs, read_echo):
        for ids in (IDS, None):
            with suppress(ValueError):
                [rank_and_ties(item, 3) for item in read(bodies[place], ids)]
