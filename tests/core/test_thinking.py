"""Thinking text comes off, and nothing else does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urial.core.thinking import Tags, ThinkingSpan, split_thinking, thinking_span

JSON = '{"rationale": "It ends with </think>.", "score": 1}'


@pytest.mark.parametrize(
    ("text", "thinking", "rest"),
    [
        ("", None, ""),
        (" Hello. \n", None, " Hello. \n"),
        ("<think>Why?</think>Because.", "Why?", "Because."),
        ("\n <think>\nWhy?\n</think>\n\nBecause.\n", "Why?", "Because.\n"),
        ("<think>a</think>\r\n \r\nb", "a", "b"),
        # An answer that is indented stays so.
        ("<think>a</think>\n\n    x = 1\n", "a", "    x = 1\n"),
        ("<thinking>a</thinking>b", "a", "b"),
        ("<reasoning>a</reasoning>b", "a", "b"),
        ("<THINK>a</Think>b", "a", "b"),
        # Models that were told not to think leave an empty block.
        ("<think>\n\n</think>\n\nb", None, "b"),
        # Never ends.
        ("<think>a\n\nb", "a\n\nb", ""),
        ("<think>a</thinking>b", "a</thinking>b", ""),
        ("<think>", None, ""),
        # The template wrote the opening tag.
        ("a\n</think>\n\nb", "a", "b"),
        ("a</reasoning>b", "a", "b"),
        ("</think>b", None, "b"),
        ("a</think>b</think>c", "a", "b</think>c"),
        # In pairs, and where they are not.
        ("<think>a <think>b</think> c</think>d", "a <think>b</think> c", "d"),
        ("<think>a <think> b</think>c", "a <think> b", "c"),
        ("<think>a</think>b <think>c</think> d", "a", "b <think>c</think> d"),
        # In the middle, it is part of an answer.
        ("Use <think>x</think> here.", None, "Use <think>x</think> here."),
        ("So: <thinking>x", None, "So: <thinking>x"),
        # Spoken about.
        ("The tag `</think>` ends it.", None, "The tag `</think>` ends it."),
        ("\"</think>\" and '<think>'", None, "\"</think>\" and '<think>'"),
        ("<think>They ask about `</think>`.</think>It ends.", "They ask about `</think>`.", "It ends."),
        ('I say "Hi"</think>Hi', 'I say "Hi"', "Hi"),
        # A verdict, or code.
        (JSON, None, JSON),
        (f"\n {JSON}", None, f"\n {JSON}"),
        (f"```json\n{JSON}\n```", None, f"```json\n{JSON}\n```"),
        (f"<think>hm</think>\n{JSON}", "hm", JSON),
        # No tags at all.
        ("<think", None, "<think"),
        ("< think>a</ think>", None, "< think>a</ think>"),
        ("<thinker>a</thinker>", None, "<thinker>a</thinker>"),
    ],
)
def test_thinking_is_split_off(text: str, thinking: str | None, rest: str) -> None:
    assert split_thinking(text) == (thinking, rest)


pieces = st.sampled_from(["<think>", "</think>", "<THINKING>", "</thinking>", "`", '"', "{", "\n", " ", "a", "<", "é"])


@given(parts=st.lists(pieces, max_size=12))
def test_what_is_not_thinking_is_the_end_of_the_text(parts: list[str]) -> None:
    text = "".join(parts)
    thinking, rest = split_thinking(text)
    assert text.endswith(rest)
    assert thinking is None or (thinking in text and thinking == thinking.strip() != "")
    assert len(rest) + len(thinking or "") <= len(text)


@given(thought=st.text(alphabet="ab <>/`\n"), answer=st.text(alphabet="ab{ <>/`").filter(lambda text: text.strip()))
def test_a_block_before_an_answer_is_taken_off_whole(thought: str, answer: str) -> None:
    assert split_thinking(f"<think>{thought}\n</think>\n{answer}") == (thought.strip() or None, answer)


@pytest.mark.parametrize("piece", ["<think>", "</think>", "<think></think>", "`</think>`", " \n", "<"])
def test_many_tags_are_no_problem(piece: str) -> None:
    text = "<think>" + piece * 50_000
    thinking, rest = split_thinking(text)
    assert text.endswith(rest)
    assert thinking is None or thinking in text


MISTRAL = "[THINK]", "[/THINK]"


@pytest.mark.parametrize(
    ("text", "tags", "opened", "span"),
    [
        # Behind a prompt that is known not to open thinking, a tag that closes it is part of the answer.
        ("a</think>b", None, None, (0, 1, 9)),
        ("The tag that ends a thought is </think>", None, None, (0, 31, 39)),
        ("The tag that ends a thought is </think>", None, False, None),
        ("The tag that ends a thought is </think>.", None, False, None),
        ("[/THINK]b", MISTRAL, False, None),
        ("a[/THINK]b", MISTRAL, None, (0, 1, 9)),
        ("Hello.", None, False, None),
        ("<think>a</think>\n\nb", None, False, (7, 8, 18)),
        ("<think>\n\n</think>\n\nb", None, False, (7, 9, 19)),
        ("<think>a", None, False, (7, 8, 8)),
        # A prompt that ends with the tag: the text begins within, whatever it has.
        ("a b", None, True, (0, 3, 3)),
        ("", None, True, (0, 0, 0)),
        ("{a}</think>b", None, True, (0, 3, 11)),
        ("a <think>b</think> c</think>d", None, True, (0, 20, 28)),
        # A thought that speaks of other tags than its own: the first that closes anything is its own.
        ("I use <thinking> tags. 4.</think>\nFour.", None, True, (0, 25, 34)),
        ("I use <thinking> tags, 4", None, True, (0, 24, 24)),
        # Some models write it once more.
        ("<think>a</think>b", None, True, (7, 8, 16)),
        # Tags of the model's own, to the letter, and no others.
        ("[THINK]a[/THINK]b", MISTRAL, False, (7, 8, 16)),
        ("[think]a[/think]b", MISTRAL, False, None),
        ("<think>a</think>b", MISTRAL, False, None),
        ("a[/THINK]b", MISTRAL, True, (0, 1, 9)),
    ],
)
def test_where_thinking_stands(
    text: str, tags: Tags | None, opened: bool | None, span: tuple[int, int, int] | None
) -> None:
    found = thinking_span(text, tags, opened=opened)
    assert found == span
    assert found is None or found.closed == ("</think>" in text or "[/THINK]" in text)


@given(parts=st.lists(pieces, max_size=12), opened=st.sampled_from([True, False, None]))
def test_a_span_is_in_its_text_and_splits_it(parts: list[str], opened: bool | None) -> None:
    text = "".join(parts)
    span = thinking_span(text, opened=opened)
    if span is not None:
        assert 0 <= span.start <= span.end <= span.answer <= len(text)
        assert span.split(text) == split_thinking(text, opened=opened)
    else:
        assert not opened
        assert split_thinking(text, opened=opened) == (None, text)


def test_a_span_without_end_has_no_answer() -> None:
    assert ThinkingSpan(0, 3, 3).split("a b") == ("a b", "")
