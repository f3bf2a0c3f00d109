"""A prompt without room is told from a refused parameter by the words of the servers that there are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.api.errors import StatusError, read_error

TOO_LONG = (
    # vLLM
    "This model's maximum context length is 4096 tokens. However, you requested 4472 tokens (376 in the messages, 4096 in "
    "the completion). Please reduce the length of the messages or completion.",
    "'max_tokens' or 'max_completion_tokens' is too large: 4090. This model's maximum context length is 4096 tokens and "
    "your request has 30 input tokens (4090 > 4096 - 30).",
    "The decoder prompt (length 600) is longer than the maximum model length of 512.",
    # SGLang
    "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
    "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens).",
    "Requested token count exceeds the model's maximum context length of 202752 tokens.",
    # llama.cpp
    "the request exceeds the available context size, try increasing it",
    "Requested tokens (600) exceed context window of 512",
    # TGI
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens",
    "Input validation error: `inputs` must have less than 1024 tokens. Given: 1025",
    "the input prompt fills the context: no tokens left to generate",
    # LM Studio
    "The number of tokens to keep from the initial prompt is greater than the context length.",
    # OpenAI and other providers
    "Input tokens exceed the configured limit of 272000 tokens.",
    "Your input exceeds the context window of this model.",
    "prompt is too long: 200001 tokens > 199999 maximum",
    "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Please reduce the length of the messages or completion.",
)
OTHERS = (
    "",
    "You did not provide an API key.",
    "temperature must be between 0 and 2",
    "temperature must be <= 2",
    "max_tokens must be <= 4096",
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.",
    "the maximum number of tokens is 4096",
    "max_tokens exceeds the maximum of 4096 tokens",
    "repetition_penalty must be <= 2.0",
    "Billing hard limit exceeded",
    "You exceeded your current quota, please check your plan and billing details.",
    "too many stop sequences: exceeds 4",
    "stop: array too long. Expected an array with maximum length 4, but got an array with length 5 instead.",
    "Input validation error: `best_of` exceeds 2",
    "Input validation error: `temperature` must be <= 100",
    "prompt_logprobs exceeds 20",
    "Invalid input: top_p exceeds 1",
)
PARAMETERS = ("max_tokens", "temperature", "top_p", "seed", "repetition_penalty", "stop", "n", "logprobs")


def leaves_no_room(message: str, code: str | None = None, max_tokens: int = 24) -> bool:
    return StatusError("refused", status=400, message=message, code=code).leaves_no_room(max_tokens)


@pytest.mark.parametrize("message", TOO_LONG)
def test_a_prompt_without_room_is_known_by_its_words(message: str) -> None:
    assert leaves_no_room(message)


# Nothing is left of the context, and the server names that as the length that was asked for.
NOTHING_LEFT = (
    "max_tokens must be at least 1, got 0. (parameter=max_tokens, value=0)",
    "max_tokens must be at least 1, got -3.",
    "`max_new_tokens` must be greater than 0, but is 0.",
    "max_completion_tokens: Input should be greater than 0 (input_value=0)",
    "n_predict has to be positive, got -1",
    "Input length of input_ids is 8192, but `max_length` is set to 8192.",
    "There is no room left for the answer.",
    "There are 0 tokens left for the completion",
)
NUMBERS_THAT_WERE_SENT = (
    "max_tokens must be greater than 0",
    "max_tokens must be an integer, got 0.5",
    "max_tokens must be at most 100, got 200",
    "temperature must be at least 1, got 0",
    "max_tokens is 05",
)


@pytest.mark.parametrize("message", NOTHING_LEFT)
def test_a_length_of_nothing_that_was_not_asked_for_is_a_context_that_is_full(message: str) -> None:
    assert leaves_no_room(message)
    assert not leaves_no_room(message, max_tokens=0), "that was sent"


@pytest.mark.parametrize("message", NUMBERS_THAT_WERE_SENT)
def test_other_numbers_that_are_refused_say_nothing_of_the_context(message: str) -> None:
    assert not leaves_no_room(message)


def test_llama_cpp_has_its_word_in_the_type_and_the_status_as_the_code() -> None:
    body = {"error": {"code": 400, "message": "no", "type": "exceed_context_size_error", "n_ctx": 8}}
    message, code = read_error(json.dumps(body).encode())
    assert leaves_no_room(message, code)


@pytest.mark.parametrize("message", OTHERS)
def test_other_refusals_are_not_about_length(message: str) -> None:
    assert not leaves_no_room(message)


def test_the_code_alone_says_so_too() -> None:
    assert leaves_no_room("", "context_length_exceeded")
    assert not leaves_no_room("", "billing_hard_limit_reached")


@given(
    st.sampled_from(PARAMETERS),
    st.sampled_from(
        ("{} must be <= {}", "{} exceeds {}", "maximum of {} is {} tokens", "{}: {} is too long", "{} is too large: {}")
    ),
    st.integers(0, 10**9) | st.floats(0, 100),
)
def test_no_bound_of_a_parameter_is_about_length(name: str, words: str, bound: float) -> None:
    assert not leaves_no_room(words.format(name, bound))


@given(st.sampled_from(TOO_LONG), st.sampled_from(OTHERS), st.booleans())
def test_words_about_length_are_found_whatever_is_around_them(message: str, other: str, first: bool) -> None:
    assert leaves_no_room(f"{message} {other}" if first else f"{other} {message.upper()}")


def test_a_body_that_is_too_large_is_too_long_and_a_failing_server_says_nothing_about_length() -> None:
    assert StatusError("refused", status=413, message="").leaves_no_room(1)
    assert not StatusError("failed", status=500, message=TOO_LONG[0]).leaves_no_room(1)
