"""Moves of reasoning: golden sentences, rules, and the phrases' own file."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.core.errors import UrialError
from urial.records.token_shift import MOVES, Move
from urial.token_shift.measure.moves import MOVES_FILE, moves_in, read_moves, token_moves

# Sentences as reasoning models write them, made up for this test.
GOLDEN: list[tuple[str, list[tuple[str, Move]]]] = [
    ("Okay, so I need to find the capital of Ardovia.", [("I need to", "plan")]),
    ("Let's think step by step. First, let me recall the rivers.",
     [("Let's think step by step", "plan"), ("let me recall", "plan")]),
    ("The user wants a poem about tea.", [("The user wants", "plan")]),
    ("17 + 5 = 22. Let me double-check that: 22 - 5 = 17. That checks out.",
     [("Let me double-check", "check"), ("That checks out", "check")]),
    ("To verify, I’ll plug it back in.", [("To verify", "check")]),
    ("Wait, that's not right. Let me try again.",
     [("Wait", "backtrack"), ("that's not right", "backtrack"), ("Let me try again", "backtrack")]),
    ("Hmm, but wait. Alternatively, the river could flow north.", [("wait", "backtrack"), ("Alternatively", "backtrack")]),
    ("Actually, I made a mistake: it is the other one.", [("I made a mistake", "backtrack")]),
    ("Therefore, the answer is 22.", [("Therefore", "conclude"), ("the answer is", "conclude")]),
    ("So the final answer is Karmost.", [("the final answer is", "conclude")]),
    ("So, putting it all together, it is Karmost.", [("putting it all together", "conclude")]),
    # Words that mean something else where they stand.
    ("You should wait for the bus.", []),
    ("I like it, and thus far I can’t wait to go.", []),
    ("She told me to check the map.", []),
    ("He is certain the answer is no.", []),
    ("The capital of Ardovia is Karmost.", []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "moves"), GOLDEN)
def test_golden_sentences(text: str, moves: list[tuple[str, Move]]) -> None:
    assert [(text[start:end], move) for start, end, move in moves_in(text)] == moves


@pytest.mark.parametrize("move", MOVES)
def test_every_phrase_at_the_beginning_of_a_sentence_is_its_move(move: Move) -> None:
    phrases = [" ".join(words) for words, (own, _) in read_moves().phrases.items() if own == move]
    assert len(phrases) > 20
    for phrase in phrases:
        for spelled in (phrase, phrase.upper(), phrase.capitalize().replace("'", "’")):
            for text in (spelled, f"It is old. {spelled}!", f"It is old, {spelled}; Tom.", f"Okay, so {spelled}\n"):
                found = moves_in(text)
                assert {own for _, _, own in found} == {move}, text
                assert text[found[0][0] : found[-1][1]].casefold().endswith(spelled.casefold()), text


def test_a_token_has_the_move_of_its_phrase_and_an_end_token_none() -> None:
    text = "Wait, it is old."
    spans = [(0, 2), (2, 4), (4, 5), (5, 16), (16, 16)]
    assert token_moves(text, spans, [False] * 4 + [True]) == ["backtrack", "backtrack", None, None, None]


@given(st.text("wait so,. \n\u200b<>") | st.text())
def test_any_text_has_moves_in_order_within_it(text: str) -> None:
    found = moves_in(text)
    assert found == sorted(found)
    assert all(0 <= start < end <= len(text) for start, end, _ in found)
    assert all(one[1] <= two[0] for one, two in pairwise(found))
    spans = [(place, place + 1) for place in range(len(text))]
    inside = [next((move for start, end, move in found if start <= place < end), None) for place in range(len(text))]
    assert token_moves(text, spans, [False] * len(text)) == inside


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("  - wait", "backtrack: the phrase 'wait' stands twice"),
        ("  - therefore", "conclude: the phrase 'therefore' stands under backtrack too"),
        ("  - let  me", "backtrack: 'let  me' is not a phrase"),
        ('  - ""', "backtrack: the phrase '' is empty"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "moves.yaml"
    path.write_text(MOVES_FILE.read_text("utf-8").replace("  - hold on\n", f"  - hold on\n{line}\n"), "utf-8")
    with pytest.raises(UrialError) as caught:
        read_moves(path)
    assert str(caught.value).splitlines()[0] == f"{path}: {problem}"


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "moves.yaml"
    path.write_text(MOVES_FILE.read_text("utf-8").replace("\nplan:", "\nplans:"), "utf-8")
    with pytest.raises(UrialError, match=r"expected: the keys of moves.yaml with lists of phrases"):
        read_moves(path)
