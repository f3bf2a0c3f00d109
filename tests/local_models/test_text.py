"""Exact text of answers, and stop strings removed to the letter."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from tests.tiny_models import tiny_tokenizer
from urial.core.thinking import Marks
from urial.local_models.decoding.answer_text import StopFinder, answer_text, token_spans

FENCES = ("\n```", "```", "# Query")
# Surrogates are no text; the tokenizer's special tokens have tests of their own.
ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=60) | st.text("`\n #Query aé漢🙂", max_size=60)
PROMPTS = st.sampled_from(["# Answer:\n```\n", "é", "漢字🙂", "The capital of Ardovia", " ", "a" * 200])


def ids_of(text: str) -> list[int]:
    found: list[int] = tiny_tokenizer()(text, add_special_tokens=False)["input_ids"]
    return found


def text_at_stop(prompt: str, answer: str, stop: tuple[str, ...]) -> tuple[str | None, int]:
    """What the finder makes of an answer that arrives token by token, and after how many tokens."""
    finder, ids = StopFinder(tiny_tokenizer(), ids_of(prompt), stop), ids_of(answer)
    for count in range(1, len(ids) + 1):
        found = finder.find(ids[:count])
        if found is not None:
            return found, count
    return None, len(ids)


def first_stop(text: str, stop: Sequence[str]) -> str | None:
    places = [text.index(item) for item in stop if item in text]
    return text[: min(places)] if places else None


@given(PROMPTS, ANY_TEXT)
def test_prompt_and_answer_text_join_to_the_text_of_all_tokens(prompt: str, answer: str) -> None:
    prompt_ids, ids = ids_of(prompt), ids_of(answer)
    assert answer_text(tiny_tokenizer(), prompt_ids, ids) == answer
    assert tiny_tokenizer().decode([*prompt_ids, *ids]) == prompt + answer


@given(PROMPTS, ANY_TEXT)
def test_spans_cover_the_text_in_order_and_hold_each_tokens_characters(prompt: str, answer: str) -> None:
    ids = ids_of(answer)
    spans = token_spans(tiny_tokenizer(), ids_of(prompt), ids)
    assert len(spans) == len(ids)
    assert [start for start, _ in spans] == [0, *(end for _, end in spans)][: len(spans)]
    assert all(start <= end for start, end in spans)
    assert "".join(answer[start:end] for start, end in spans) == answer
    for token, (start, end) in zip(ids, spans, strict=True):
        alone = tiny_tokenizer().decode([token])
        assert "\ufffd" in alone or alone == answer[start:end]


def test_character_of_several_tokens_belongs_to_the_first_of_them() -> None:
    assert token_spans(tiny_tokenizer(), ids_of("x"), ids_of("a🙂b")) == [
        (0, 1),
        (1, 2),
        (2, 2),
        (2, 2),
        (2, 2),
        (2, 3),
    ]


@given(PROMPTS, ANY_TEXT, st.lists(st.text("`\n #Qé🙂", min_size=1, max_size=6), min_size=1, max_size=3).map(tuple))
@example("x", "one `two` three ```", FENCES)
@example("x", "a\n```", FENCES)
@example("# Answer:\n```\n", "```", FENCES)
@example("x", "   \n\n \n```", FENCES)
@example("x", "é🙂x", ("🙂",))
def test_answer_ends_before_its_first_stop_string_and_is_otherwise_untouched(
    prompt: str, answer: str, stop: tuple[str, ...]
) -> None:
    found, count = text_at_stop(prompt, answer, stop)
    seen = tiny_tokenizer().decode(ids_of(answer)[:count])
    assert found == first_stop(seen, stop)
    before = tiny_tokenizer().decode(ids_of(answer)[: count - 1])
    assert first_stop(before, stop) is None, "it stopped later than it could"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Karmost.\n```\n\n# Query:", "Karmost."),
        ("Karmost.  \n```", "Karmost.  "),
        ("```", ""),
        ("\n```", ""),
        ("   \n \n```", "   \n "),
        ("Use `x` and `` y ``.\n```", "Use `x` and `` y ``."),
        ("`````", ""),
        ("fence `` ` then # Query:", "fence `` ` then "),
        ("漢字🙂\n```", "漢字🙂"),
        ("# Querulous ```", "# Querulous "),
    ],
)
def test_closing_fence_is_removed_exactly(answer: str, text: str) -> None:
    assert text_at_stop("# Answer:\n```\n", answer, FENCES)[0] == text


def test_stop_string_that_begins_in_the_prompt_is_none() -> None:
    assert text_at_stop("a\n``", "` b", ("\n```",))[0] is None


def test_without_stop_strings_nothing_stops() -> None:
    assert text_at_stop("x", "a\n```\n# Query", ()) == (None, len(ids_of("a\n```\n# Query")))


def test_special_tokens_are_no_part_of_the_text() -> None:
    tokenizer = tiny_tokenizer()
    user = tokenizer.convert_tokens_to_ids("<|user|>")
    assert answer_text(tokenizer, ids_of("x"), [*ids_of("a"), user, *ids_of("b")]) == "ab"


def sentence_pieces() -> Any:
    """A tokenizer as Llama 2's: spaces are part of words, a leading one is dropped, unknown characters become bytes."""
    start = "<s>"
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "▁Hello", "▁world", "H"]
    tokenizer = Tokenizer(
        models.BPE({piece: n for n, piece in enumerate(pieces)}, [], unk_token=pieces[0], byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens([AddedToken(start, special=True)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=start)


def test_leading_space_and_characters_of_bytes_survive_in_sentence_piece_tokenizers() -> None:
    tokenizer = sentence_pieces()
    hello, world = (tokenizer.convert_tokens_to_ids(token) for token in ("▁Hello", "▁world"))
    smile = [tokenizer.convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in "🙂".encode()]
    assert tokenizer.decode([world]) == "world"
    ids = [world, *smile, hello]
    assert answer_text(tokenizer, [hello], ids) == " world🙂 Hello"
    assert token_spans(tokenizer, [hello], ids) == [(0, 6), (6, 7), (7, 7), (7, 7), (7, 7), (7, 13)]
    assert StopFinder(tokenizer, [hello], (" Hello",)).find(ids) == " world🙂"


@given(st.text(max_size=60), st.integers(0, 4))
def test_spans_are_those_of_decoding_every_beginning(text: str, prompt: int) -> None:
    tokenizer = tiny_tokenizer()
    prompt_ids = tokenizer("word " * prompt)["input_ids"]
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    ends = [len(answer_text(tokenizer, prompt_ids, ids[: count + 1])) for count in range(len(ids))]
    ends = [min(ends[place:]) for place in range(len(ends))]
    assert token_spans(tokenizer, prompt_ids, ids) == list(zip([0, *ends], ends, strict=False))


@pytest.mark.parametrize(
    ("answer", "marks", "found"),
    [
        ("<think>Why?\n```\nHm.</think>\nTea\n```\n", Marks(), "<think>Why?\n```\nHm.</think>\nTea"),
        ("Why?\n```\nHm.</think>Tea\n```", Marks(None, True), "Why?\n```\nHm.</think>Tea"),
        ("Why?\n```\nHm.", Marks(None, True), None),
        # No tag at its beginning: it has no thinking.
        ("Why?\n```\nHm.</think", Marks(), "Why?"),
        ("<think>Why?\n```\nHm.</think>\nTea", None, "<think>Why?"),
    ],
)
def test_no_stop_string_fires_within_thinking_that_is_marked(
    answer: str, marks: Marks | None, found: str | None
) -> None:
    finder, ids = StopFinder(tiny_tokenizer(), ids_of("?"), FENCES, marks), ids_of(answer)
    first = next((text for count in range(len(ids)) if (text := finder.find(ids[: count + 1])) is not None), None)
    assert first == found
