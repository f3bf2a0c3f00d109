"""Replies about a prompt's tokens: exact where they are whole, refused with one clear sentence where they are not."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.records.token_shift import rank_is_bound
from urial.token_shift.served.prompt_logprobs import (
    Candidate,
    PromptToken,
    RankAndTies,
    most_probable,
    prompt_lengths,
    rank_and_ties,
    read_echo,
    read_prompt_logprobs,
)

IDS = (1, 7, 9)


def entry(logprob: Any, rank: Any, text: Any = "x") -> dict[str, Any]:
    return {"logprob": logprob, "rank": rank, "decoded_token": text}


def reply(**changes: Any) -> dict[str, Any]:
    """vLLM's, of three candidates a token: the first is one of them, the second is not."""
    rows = [
        None,
        {"7": entry(-1.5, 2, " the"), "3": entry(-0.5, 1, " a"), "4": entry(-3.0, 3, "\n")},
        {"9": entry(-8.0, 40, "."), "5": entry(-1.0, 1, "a"), "6": entry(-1.25, 2, "b"), "8": entry(-2.0, 3, "c")},
    ]
    return {"choices": [{"text": "!", "prompt_logprobs": rows, **changes}]}


def echo(**changes: Any) -> dict[str, Any]:
    """OpenAI's, of the same tokens."""
    logprobs = {
        "tokens": ["<s>", " the", "."],
        "token_logprobs": [None, -1.5, -8.0],
        "top_logprobs": [
            None,
            {" the": -1.5, " a": -0.5, "\n": -3.0},
            {".": -8.0, "a": -1.0, "b": -1.25, "c": -2.0},
        ],
        "text_offset": [0, 0, 4],
    }
    return {"choices": [{"text": "<s> the.", "logprobs": {**logprobs, **changes}}]}


def test_prompt_logprobs_are_read_with_exact_ranks() -> None:
    first, second, third = read_prompt_logprobs(reply(), IDS)
    assert first == PromptToken(1, None)
    assert second == PromptToken(7, " the", -1.5, 2, (Candidate(-0.5, 3, " a"), Candidate(-3.0, 4, "\n")))
    assert (third.logprob, third.server_rank, [item.token_id for item in third.others]) == (-8.0, 40, [5, 6, 8])
    assert [rank_and_ties(item, 3) for item in (first, second, third)] == [
        None,
        RankAndTies(2, 0),
        RankAndTies(40, None),
    ]
    assert [item.token_id for item in most_probable(second, 3)] == [3, 7, 4]
    assert [item.token_id for item in most_probable(third, 3)] == [5, 6, 8]
    assert most_probable(first, 3) == ()
    assert read_prompt_logprobs(reply(prompt_token_ids=list(IDS))) == [first, second, third]


def test_an_echo_is_read_with_ranks_among_the_candidates() -> None:
    first, second, third = read_echo(echo(), IDS, 0)
    assert first == PromptToken(1, "<s>")
    assert second == PromptToken(
        7, " the", -1.5, None, (Candidate(-0.5, None, " a"), Candidate(-3.0, None, "\n")), True
    )
    assert [rank_and_ties(item, 3) for item in (first, second, third)] == [
        None,
        RankAndTies(2, 0),
        RankAndTies(None, None),
    ]
    assert [item.text for item in most_probable(third, 3)] == ["a", "b", "c"]
    assert [item.token_id for item in read_echo(echo(), None, 0)] == [None] * 3
    # The generated token is cut off where it is known how many were sent.
    assert read_echo(echo(), IDS[:2], 1) == [first, second]


def test_candidates_in_lists_are_read_too_and_may_have_one_text() -> None:
    tops = [
        None,
        [
            {"token": "\ufffd", "logprob": -1.0},
            {"token": "\ufffd", "logprob": -1.0},
            {"token": " the", "logprob": -1.5},
        ],
        [{"token": name, "logprob": number} for name, number in (("a", -1.0), ("b", -1.25), ("c", -2.0))],
    ]
    _, second, third = read_echo(echo(top_logprobs=tops), IDS, 0)
    assert [item.text for item in most_probable(second, 3)] == ["\ufffd", "\ufffd", " the"]
    assert [rank_and_ties(item, 3) for item in (second, third)] == [RankAndTies(3, 0), RankAndTies(None, None)]


def token(own: float, *others: float, by_text: bool = False, told: int | None = None) -> PromptToken:
    return PromptToken(None, "x", own, told, tuple(Candidate(item, None, "y") for item in others), by_text)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # Among the candidates, and the last of them.
        (token(-1.0, -2.0, -3.0), RankAndTies(1, 0)),
        (token(-2.0, -1.0, -1.5), RankAndTies(3, None)),
        # As probable as others, within the candidates and at their end, where more may be.
        (token(-2.0, -2.0, -3.0), RankAndTies(1, 1)),
        (token(-2.0, -1.0, -2.0), RankAndTies(2, None)),
        (token(-2.0, -1.0, -1.5, -2.0), RankAndTies(3, None)),
        # Below them.
        (token(-4.0, -1.0, -1.5, -2.0), RankAndTies(None, None)),
        (token(-4.0, -1.0, -1.5, -2.0, told=9), RankAndTies(9, None)),
        # The first below them: where the server counts what ties with it, nothing does.
        (token(-4.0, -1.0, -1.5, -2.0, told=4), RankAndTies(4, 0)),
        # Two candidates of one text are one: a token may be hidden, unless what is left is too little for it.
        (token(-2.0, -1.5, by_text=True), None),
        (token(-2.0, -1.0, -1.5, by_text=True), None),
        (token(-0.5, -2.0, by_text=True), RankAndTies(1, 0)),
        (token(-1.0, -0.6, -3.0, by_text=True), RankAndTies(2, 0)),
        (token(-2.0, -0.5, -1.45, by_text=True), RankAndTies(3, 0)),
        (token(-5.0, -1.5, -2.0, -2.5, by_text=True), RankAndTies(None, None)),
        # No candidates, no number.
        (token(-1.0), None),
        (PromptToken(1, "x"), None),
    ],
)  # fmt: skip
def test_a_rank_is_told_where_it_is_certain(found: PromptToken, expected: RankAndTies | None) -> None:
    assert rank_and_ties(found, 3) == expected


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (token(-4.0, -1.0, -1.5, -2.0, told=3), "a token of rank 3 is below 3 candidates"),
        (token(-1.5, -1.0, -2.0, told=1), "a token of rank 1 is below 1 candidates and ties with 0"),
        (token(-1.5, -1.0, -2.0, told=3), "a token of rank 3 is below 1 candidates and ties with 0"),
        (token(-1.5, -1.0), "2 candidates are given of a token, and 3 of others"),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(found: PromptToken, message: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        rank_and_ties(found, 3)
    assert str(caught.value) == message


@given(st.lists(st.integers(-24, 0), min_size=6, max_size=30), st.integers(3, 6), st.data())
def test_ranks_are_those_of_the_whole_distribution(halves: list[int], most: int, data: st.DataObject) -> None:
    total = math.log(sum(math.exp(item / 2) for item in halves))
    logprobs = [item / 2 - total for item in halves]
    own = data.draw(st.integers(0, len(halves) - 1))
    rank, ties = 1 + sum(item > logprobs[own] for item in logprobs), logprobs.count(logprobs[own]) - 1
    order = sorted(range(len(halves)), key=lambda item: (-logprobs[item], item))
    top = order[:most]
    ranks = {own: rank + ties, **{item: place + 1 for place, item in enumerate(top)}}
    row: Any = {str(item): entry(logprobs[item], found) for item, found in ranks.items()}
    exact = rank_and_ties(read_prompt_logprobs({"choices": [{"prompt_logprobs": [None, row]}]}, [0, own])[1], most)
    assert exact is not None
    # Below the candidates, tokens that are as probable are counted in.
    assert exact.rank == (rank if logprobs[own] >= logprobs[top[-1]] else rank + ties)
    assert exact.ties in (ties, None)
    assert exact.rank == rank or rank_is_bound(exact.rank, exact.ties, most), (
        "what is no exact rank can be told from it"
    )
    assert not rank_is_bound(exact.rank, exact.ties, most) or most < rank <= exact.rank
    # In an echo, some tokens are of one text, and only one of them is there.
    texts = {item: data.draw(st.sampled_from(["a", "b", f"t{item}", f"t{item}"])) for item in [own, *top]}
    shown = {texts[item]: logprobs[item] for item in [own, *top]}
    fields: Any = {
        "tokens": ["<s>", texts[own]],
        "token_logprobs": [None, logprobs[own]],
        "top_logprobs": [None, shown],
    }
    told = rank_and_ties(read_echo({"choices": [{"logprobs": fields}]}, None, 0)[1], most)
    assert told is None or told.rank == rank or (told.rank is None and rank > 3)
    assert told is None or told.ties in (ties, None)
    if len(shown) == len({own, *top}) and logprobs[own] > logprobs[top[-1]]:
        assert told is not None
        assert told.rank == rank


def test_the_number_of_echoed_tokens_is_the_server_s_count_where_it_adds_up() -> None:
    assert prompt_lengths({"usage": {"prompt_tokens": 9, "completion_tokens": 1}}, 10, 1) == ([9], True)
    assert prompt_lengths({"usage": {"prompt_tokens": 10, "completion_tokens": 1}}, 10, 1) == ([9, 10], False)
    assert prompt_lengths({"usage": {"prompt_tokens": True, "completion_tokens": 9}}, 10, 0) == ([10], False)
    assert prompt_lengths({"usage": "many"}, 10, 1) == ([9, 10], False)
    assert prompt_lengths({}, 0, 1) == ([0], False)


def test_a_whole_reply_of_a_server_is_what_json_makes_of_it() -> None:
    body = json.loads(json.dumps(reply()))
    assert read_prompt_logprobs(body, IDS) == read_prompt_logprobs(reply(), IDS)
