"""Pieces are given out as early as they can be, never take anything back, and join to the answer."""

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from urial.cli.chat.stream_text import UNFINISHED, Pieces

ALPHABET = "ab`\n #é🙂\ufffd"
CHUNKS = st.lists(st.text(ALPHABET, max_size=5), max_size=12)
STOPS = st.lists(st.text(ALPHABET, min_size=1, max_size=5), max_size=4)


def arrive(chunks: Sequence[str], stop: Sequence[str]) -> tuple[list[str], str]:
    """The pieces of an answer that arrives in chunks, the last one included, and the answer."""
    pieces, text = Pieces(stop), ""
    given_out: list[str] = []
    for chunk in chunks:
        text += chunk
        before = pieces.before_stop(text)
        if before is not None:
            return [*given_out, pieces.rest(before)], before
        given_out.append(pieces.next(text))
    return [*given_out, pieces.rest(text)], text


def cut(chunks: Sequence[str], stop: Sequence[str]) -> str:
    """The answer, cut before the first stop string as soon as one is there."""
    text = ""
    for chunk in chunks:
        text += chunk
        if found := [text.index(item) for item in stop if item in text]:
            return text[: min(found)]
    return text


@given(CHUNKS, STOPS)
@example(["one `", "``"], ["```"])
@example(["a", "b", "a", "b", "`"], ["abab`", "b"])
@example(["``", "`"], ["\n```", "```", "# Query"])
@example(["x\ufffd", "y"], ["\ufffdz"])
def test_pieces_join_to_the_answer(chunks: list[str], stop: list[str]) -> None:
    pieces, answer = arrive(chunks, stop)
    assert answer == cut(chunks, stop)
    assert "".join(pieces) == answer


@given(CHUNKS, STOPS)
def test_what_is_held_back_could_still_become_a_stop_string_or_another_character(
    chunks: list[str], stop: list[str]
) -> None:
    pieces, text = Pieces(stop), ""
    for chunk in chunks:
        text += chunk
        if pieces.before_stop(text) is not None:
            return
        pieces.next(text)
        held = text[pieces.sent :].rstrip(UNFINISHED)
        assert held == "" or any(item.startswith(held) and item != held for item in stop)


def test_without_stop_strings_only_an_unfinished_character_is_held_back() -> None:
    pieces = Pieces(())
    assert [pieces.next(text) for text in ("a", "a\ufffd", "a🙂", "a🙂\n```")] == ["a", "", "🙂", "\n```"]
    assert pieces.rest("a🙂\n```") == ""


def test_a_text_that_gets_shorter_takes_nothing_back() -> None:
    pieces = Pieces(())
    assert [pieces.next("abc"), pieces.next(""), pieces.next("abcd")] == ["abc", "", "d"]
