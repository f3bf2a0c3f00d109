"""What is sent for a prompt, and the answer in what comes back: cut at stop strings as the in-process engine cuts."""

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_models import decoding
from urial.core.thinking import Marks, split_thinking
from urial.generate.engine import Request
from urial.generate.protocol import FilteredError, ServerReply, path_of, read_answer, request_body, sent_stop_strings

FENCE = ("\n```", "```", "# Query")
TEXT = Request("Prompt ```é🙂\n", True, FENCE, 2**40 + 5)
MESSAGES = [{"role": "user", "content": "Why?"}]
CHAT = Request(json.dumps(MESSAGES), False, (), 3, "messages")


def completion(text: Any, reason: Any = "stop", **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": reason, **more}]}


def chat(message: Any, reason: Any = "stop") -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}


def test_a_prompt_is_continued_and_messages_are_answered() -> None:
    assert (path_of(TEXT), path_of(CHAT)) == ("/completions", "/chat/completions")
    assert request_body("m", TEXT, decoding()) == {
        "model": "m", "prompt": TEXT.text, "max_tokens": 12, "temperature": 0.0, "stop": ["\n```", "# Query"],
    }  # fmt: skip
    assert request_body("m", CHAT, decoding()) == {
        "model": "m", "messages": MESSAGES, "max_tokens": 12, "temperature": 0.0,
    }  # fmt: skip


def test_all_that_is_set_is_sent_and_a_seed_that_every_server_can_hold() -> None:
    body = request_body("m", TEXT, decoding(temperature=0.7, top_p=0.9, repetition_penalty=1.1))
    assert {name: body[name] for name in ("temperature", "top_p", "repetition_penalty", "seed")} == {
        "temperature": 0.7, "top_p": 0.9, "repetition_penalty": 1.1, "seed": 5 + 2**40 % 2**31,
    }  # fmt: skip
    seed = body["seed"]
    assert isinstance(seed, int)
    assert 0 <= seed < 2**31
    # What changes nothing in a greedy answer is not sent.
    assert not {"top_p", "seed"} & request_body("m", TEXT, decoding(top_p=0.9)).keys()


@pytest.mark.parametrize(
    ("stop", "sent"),
    [
        ((), []),
        (("```", "\n```"), ["\n```"]),
        (("a", "ab", "abc"), ["abc"]),
        (("a", "b", "c", "d", "e"), ["a", "b", "c", "d"]),
        (("x", "x"), ["x", "x"]),
    ],
)
def test_no_stop_string_is_sent_that_would_leave_half_of_a_longer_one(stop: tuple[str, ...], sent: list[str]) -> None:
    assert sent_stop_strings(stop) == sent


def in_process(text: str, stop: tuple[str, ...]) -> str:
    """The answer of a model whose tokens are characters: it ends when the first stop string is complete."""
    for end in range(len(text) + 1):
        found = [place for item in stop if (place := text[:end].find(item)) >= 0]
        if found:
            return text[: min(found)]
    return text


def on_a_server(text: str, stop: list[str]) -> str:
    """What a server sends that cuts at the first stop string to be complete."""
    return in_process(text, tuple(stop))


STOPS = st.lists(st.text("ab`\n", min_size=1, max_size=4), max_size=5, unique=True).map(tuple)


@given(st.text("ab`\n", max_size=20), STOPS, st.booleans())
def test_an_answer_is_cut_as_in_process_whether_or_not_the_server_cuts(
    text: str, stop: tuple[str, ...], cuts: bool
) -> None:
    request = Request("p", True, stop, 0)
    sent = request_body("m", request, decoding()).get("stop", [])
    assert isinstance(sent, list)
    arrived = on_a_server(text, sent) if cuts else text
    assert read_answer(completion(arrived), request).text == in_process(text, stop)


@pytest.mark.parametrize(
    ("body", "request_made", "text", "finish"),
    [
        (completion("Karmost."), TEXT, "Karmost.", "stop"),
        (completion("Karmost."), Request("p", True, (), 0), "Karmost.", "end_token"),
        (completion("Karmost.", "length"), TEXT, "Karmost.", "length"),
        (completion("Kar", "eos_token"), TEXT, "Kar", "end_token"),
        (completion("Kar", "stop_sequence"), TEXT, "Kar", "stop_string"),
        (completion("Kar", stop_reason=None), TEXT, "Kar", "stop"),
        (completion("Kar", stop_reason="\n```"), TEXT, "Kar", "stop_string"),
        (completion("Kar", stop_reason=2), TEXT, "Kar", "end_token"),
        (completion("Kar", matched_stop=128009), TEXT, "Kar", "end_token"),
        (completion("Kar\n```\nmore", "length"), TEXT, "Kar", "stop_string"),
        (completion("```", "length"), TEXT, "", "stop_string"),
        (completion(""), TEXT, "", "stop"),
        (completion("  \n"), TEXT, "  \n", "stop"),
        (chat({"role": "assistant", "content": "Hello\n```"}), CHAT, "Hello\n```", "end_token"),
        (chat({"content": None}), CHAT, "", "end_token"),
        (chat({"content": None, "refusal": "I cannot."}), CHAT, "I cannot.", "end_token"),
    ],
)  # fmt: skip
def test_an_answer_and_what_ended_it(body: Any, request_made: Request, text: str, finish: str) -> None:
    assert read_answer(body, request_made) == ServerReply(text, finish, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_in_a_field_of_its_own_is_kept_where_the_judge_finds_it(name: str) -> None:
    found = read_answer(chat({"content": "Karmost.", name: "Hm.\nArdovia?"}), CHAT)
    assert found.text == "<think>\nHm.\nArdovia?\n</think>\n\nKarmost."
    assert split_thinking(found.text) == ("Hm.\nArdovia?", "Karmost.")
    cut_off = read_answer(chat({"content": None, name: "Hm."}, "length"), CHAT)
    assert split_thinking(cut_off.text) == ("Hm.", "")
    silent = read_answer(chat({"content": "", name: "Hm."}), CHAT)
    assert split_thinking(silent.text) == ("Hm.", "")
    none = read_answer(chat({"content": "Karmost.", name: None}), CHAT)
    assert none.text == "Karmost."


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 0}, (3, 0)),
        ({"prompt_tokens": "3", "completion_tokens": True}, (None, None)),
        ({"prompt_tokens": -1}, (None, None)),
        ([], (None, None)),
        (None, (None, None)),
    ],
)
def test_counts_are_the_server_s_own_or_unknown(usage: Any, counts: tuple[int | None, int | None]) -> None:
    found = read_answer({**completion("x"), "usage": usage}, TEXT)
    assert (found.prompt_tokens, found.completion_tokens) == counts


ODD = "an answer that ended for another reason than an answer's end or length"


@pytest.mark.parametrize(
    ("body", "request_made", "message"),
    [
        ({}, TEXT, "no choices"),
        ({"choices": []}, TEXT, "no choices"),
        ({"choices": "abc"}, TEXT, "no choices"),
        ({"choices": ["abc"]}, TEXT, "no choices"),
        ({"choices": [{}]}, TEXT, ODD),
        (completion("x", None), TEXT, ODD),
        (completion("x", ["stop"]), TEXT, ODD),
        (completion("x", "tool_calls"), TEXT, f"{ODD} (tool_calls)"),
        (completion("x", "sk-Canary-1"), TEXT, ODD),
        (completion(None), TEXT, "no text"),
        (completion(5), TEXT, "no text"),
        (completion("x"), CHAT, "no text"),
        (chat({"content": "x"}), TEXT, "no text"),
        (chat(None), CHAT, "no text"),
        (chat({}), CHAT, "no text"),
        (chat({"content": [{"type": "text", "text": "x"}]}), CHAT, "no text"),
    ],
)
def test_what_is_no_answer_is_said_without_quoting_it(body: Any, request_made: Request, message: str) -> None:
    with pytest.raises(ValueError, match=r"no |an answer") as caught:
        read_answer(body, request_made)
    assert str(caught.value) == message


def test_a_filtered_answer_is_known() -> None:
    with pytest.raises(FilteredError, match=r"^a content filter broke the answer off$"):
        read_answer(completion("half an ans", "content_filter"), TEXT)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "text", "message", "content", "finish_reason", "usage", "stop_reason"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["choices", "usage"]), JSON), st.sampled_from([TEXT, CHAT]))
def test_whatever_json_comes_is_an_answer_or_a_reason(body: dict[str, Any], request_made: Request) -> None:
    with suppress(ValueError):
        assert isinstance(read_answer(body, request_made), ServerReply)


def test_stop_strings_do_not_fire_within_thinking_that_is_marked_and_the_server_is_not_told_of_any() -> None:
    marked = replace(TEXT, marks=Marks(None, True))
    assert "stop" not in request_body("m", marked, decoding())
    thought = "Say ```? No.\n# Query\n</think>\n\nKarmost"
    assert read_answer(completion(f"{thought}\n```\nmore"), marked) == ServerReply(thought, "stop_string", None, None)
    assert read_answer(completion(thought), marked) == ServerReply(thought, "end_token", None, None)
    assert read_answer(completion("Say ```", "length"), marked) == ServerReply("Say ```", "length", None, None)
    # Where nothing is said about thinking, they fire wherever they stand.
    assert read_answer(completion(thought), TEXT) == ServerReply("Say ", "stop_string", None, None)
