"""Where a server's tokens lie in a text: exact where it can be known, counted where it cannot."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.judge.local.small_tokenizers import llama_like
from tests.tiny_models import tiny_tokenizer
from urial.token_shift.served.token_alignment import Aligned, align

PROMPT, ANSWER = "The capital 🙂 of é.", " Ardovia 🙂🙂 is 漢 é. \n\nok"
TEXTS = st.text(st.sampled_from("ab \n.é漢🙂Kd"), max_size=30)


def spans_of(found: Aligned, answer: str) -> list[str]:
    return [answer[span[0] : span[1]] for span in found.spans if span is not None]


def ids_of(text: str) -> list[int]:
    ids: list[int] = tiny_tokenizer()(text)["input_ids"]
    return ids


def decoded(ids: list[int]) -> list[str | None]:
    return [tiny_tokenizer().decode([item]) for item in ids]


def as_vllm(ids: list[int]) -> list[str | None]:
    """Nothing for a token that leaves a character unfinished, and the whole of it where it is finished."""
    pieces: list[str | None] = []
    kept: list[int] = []
    for item in ids:
        kept.append(item)
        text = tiny_tokenizer().decode(kept)
        pieces.append("" if text.endswith("\ufffd") else text)
        kept = kept if text.endswith("\ufffd") else []
    return pieces


def raw(ids: list[int]) -> list[str | None]:
    names: list[str | None] = tiny_tokenizer().convert_ids_to_tokens(ids)
    return names


@pytest.mark.parametrize("named", [decoded, raw, as_vllm])
@pytest.mark.parametrize("begins", ["as it is", "untold", "left out"])
def test_tokens_tile_the_answer_however_they_are_written(named: object, begins: str) -> None:
    assert callable(named)
    pieces = named(ids_of(PROMPT + ANSWER))
    pieces = {"as it is": pieces, "untold": [None, *pieces[1:]], "left out": pieces[1:]}[begins]
    found = align(pieces, PROMPT, ANSWER)
    assert (found.whole, found.unmatched, len(found.spans)) == (True, 0, len(pieces))
    texts = spans_of(found, ANSWER)
    assert "".join(texts) == ANSWER
    assert (texts[0], texts[-3:]) == (" Ardovia", ["\n\n", "o", "k"])
    assert found.spans[: len(pieces) - len(texts)] == (None,) * (len(pieces) - len(texts))


@given(TEXTS, TEXTS)
def test_what_is_placed_is_where_the_token_s_bytes_are(prompt: str, answer: str) -> None:
    tokenizer, text = tiny_tokenizer(), prompt + answer
    ids = ids_of(text)
    # A letter of a byte-level vocabulary is a byte.
    ends = list(accumulate(len(name) for name in tokenizer.convert_ids_to_tokens(ids[1:])))
    data = text.encode()
    characters = [len(data[:end].decode(errors="ignore")) for end in ends]
    found = align(decoded(ids), prompt, answer)
    assert found.whole
    unmatched = 0
    for place, span in enumerate(found.spans[1:]):
        start = ends[place - 1] if place else 0
        if span is None:
            unmatched += ends[place] > len(prompt.encode())
            continue
        assert start >= len(prompt.encode())
        # The character that is still unfinished belongs to its first token.
        whole = ends[place] == len(text[: characters[place]].encode())
        assert span[1] == characters[place] + (not whole) - len(prompt)
    assert found.unmatched == unmatched


def test_a_token_across_the_boundary_is_left_out_and_counted() -> None:
    assert align(["<s>", "The", " capital", "s", "."], "The cap", "itals.") == Aligned(
        (None, None, None, (4, 5), (5, 6)), 1, True
    )


def test_pieces_of_sentencepiece_are_read_with_and_without_their_spaces() -> None:
    tokenizer = llama_like()
    ids = tokenizer("The cat {sat} 4 é.")["input_ids"]
    expected = ("c", "a", "t", " {", "s", "a", "t", "}", " 4", " ", "é", "", ".")
    found = align(tokenizer.convert_ids_to_tokens(ids), "The ", "cat {sat} 4 é.")
    assert tuple(spans_of(found, "cat {sat} 4 é.")) == expected
    assert (found.whole, found.unmatched) == (True, 0)
    stripped = align(["<s>", "The", "cat", "s", "at"], "The cat", " s at")
    assert (spans_of(stripped, " s at"), stripped.unmatched) == ([" s", " at"], 0)


def test_what_has_two_places_is_not_placed() -> None:
    # Which of the two has the space is not known.
    assert align(["<s>", "a", "", "b"], "a", " b") == Aligned((None, None, None, None), 2, True)
    # Three tokens for two characters: the second begins the second character, or is still in the first.
    found = align(["\ufffd", "\ufffd", "\ufffd", "."], "", "éé.")
    assert found == Aligned(((0, 1), None, None, (2, 3)), 2, True)


def test_text_that_the_server_changed_is_placed_from_both_ends() -> None:
    pieces = ["<s>", "The", " cat", " ", "é", " sat", "."]
    assert align(pieces, "The", " cat e\u0301 sat.") == Aligned(
        (None, None, (0, 4), (4, 5), None, (7, 11), (11, 12)), 1, False
    )
    # Not from the end, where other tokens may follow.
    assert align(pieces, "The", " cat e\u0301 sat.", complete=False) == Aligned(
        (None, None, (0, 4), (4, 5), None, None, None), 3, False
    )
    # Within the prompt, only the answer's characters say how many tokens may be missing.
    changed = align(["<s>", "Thé", " cat", " sat", "."], "The\u0301 cat", " sat.")
    assert changed == Aligned((None, None, None, (0, 4), (4, 5)), 0, False)
    # The beginning is unknown, and so is what follows it.
    assert align([None, " cat", "X", "."], "The", " cat sat.") == Aligned((None, None, None, (8, 9)), 2, False)


def test_tokens_of_another_text_have_no_place() -> None:
    assert align(["x", "y", "z"], "The", " cat") == Aligned((None, None, None), 3, False)
    assert align(["T", "h"], "The", " cat") == Aligned((None, None), 0, False)
    assert align([], "", "") == Aligned((), 0, True)
    assert align([], "a", "b") == Aligned((), 0, False)
