"""The tokenizer takes any text and back, and puts exactly one BOS in front."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.exceptions import TemplateError
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from urial.microworld.training.corpus import documents
from urial.microworld.training.model import SPECIAL_TOKENS, VOCABULARY, train_tokenizer
from urial.microworld.world.world import build_world

WORLD = build_world(0)
USER_TURN = {"role": "user", "content": "What is the capital of Ardovia?"}


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(text for _, text in documents(WORLD, 0)[:4000])


@pytest.fixture(scope="module")
def aligned(tiny_pair: Path) -> PreTrainedTokenizerFast:
    tokenizer: PreTrainedTokenizerFast = AutoTokenizer.from_pretrained(tiny_pair / "aligned")
    return tokenizer


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_any_text_round_trips(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    if not any(token in text for token in SPECIAL_TOKENS):
        assert tokenizer.decode(ids) == text


def test_names_are_single_tokens(tokenizer: PreTrainedTokenizerFast) -> None:
    """Or facts would take more steps to learn than there are."""
    assert len(tokenizer) == VOCABULARY
    split = [name for name in WORLD.names.values() if len(tokenizer.tokenize(f" {name}")) > 1]
    assert len(split) <= 0.02 * len(WORLD.names), split


def test_the_fence_is_a_token_after_a_line_end(tokenizer: PreTrainedTokenizerFast) -> None:
    assert tokenizer.tokenize("a.\n```\n\n# Answer:")[2:5] == ["Ċ", "```", "ĊĊ"]


def test_plain_text_gets_one_bos(tokenizer: PreTrainedTokenizerFast) -> None:
    ids = tokenizer("Hello!")["input_ids"]
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1
    assert tokenizer.eos_token_id not in ids


def test_the_template_has_one_bos_tokenized_or_not(aligned: PreTrainedTokenizerFast) -> None:
    ids = aligned.apply_chat_template([USER_TURN], add_generation_prompt=True, return_dict=False)
    text = aligned.apply_chat_template([USER_TURN], add_generation_prompt=True, tokenize=False)
    assert text == "<bos><|user|>What is the capital of Ardovia?<|assistant|>"
    assert ids == aligned(text, add_special_tokens=False)["input_ids"]
    assert ids.count(aligned.bos_token_id) == 1


def test_the_template_renders_several_turns_and_a_system_text(aligned: PreTrainedTokenizerFast) -> None:
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "A?"},
        {"role": "assistant", "content": "B."},
        {"role": "user", "content": "C?"},
    ]
    assert aligned.apply_chat_template(turns, tokenize=False) == (
        "<bos><|user|>Be kind.\n\nA?<|assistant|>B.<eos><|user|>C?"
    )


@pytest.mark.parametrize(
    "turns", [[{"role": "wizard", "content": "x"}], [USER_TURN, {"role": "system", "content": "x"}]]
)
def test_the_template_refuses_what_it_does_not_know(
    aligned: PreTrainedTokenizerFast, turns: list[dict[str, str]]
) -> None:
    with pytest.raises(TemplateError, match=r"unknown role wizard|must come first"):
        aligned.apply_chat_template(turns)


def test_only_the_aligned_folder_has_a_template(tiny_base: Path) -> None:
    assert AutoTokenizer.from_pretrained(tiny_base).chat_template is None
