"""Which token of the base model a token of the answer is."""

from typing import Any, Literal

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from tests.tiny_models import tiny_tokenizer
from urial.core.errors import UrialError
from urial.local_models.decoding.answer_text import answer_ids
from urial.records.completion import AssembledPrompt
from urial.token_shift.measure.matching import (
    EndTokenMap,
    ReadAnswer,
    match_ids,
    match_text,
    require_same_tokens,
)

BASE_END, CHAT_END, OTHER_END = 2, 9, 11
PROMPT = AssembledPrompt(instruction_id="q", system="s", text="What? ", adds_special_tokens=True, stop=(), n_tokens=3)


def ends(setting: Literal["same", "base", "drop"], base_id: int | None = BASE_END) -> EndTokenMap:
    return EndTokenMap(frozenset({BASE_END, CHAT_END, OTHER_END}), base_id, setting)


@pytest.mark.parametrize(
    ("setting", "last", "base_ids", "end"),
    [
        ("same", CHAT_END, (5, 6, CHAT_END), "same"),
        ("base", CHAT_END, (5, 6, BASE_END), "base"),
        ("drop", CHAT_END, (5, 6), "dropped"),
        ("base", BASE_END, (5, 6, BASE_END), "same"),
        ("drop", BASE_END, (5, 6, BASE_END), "same"),
        ("drop", 7, (5, 6, 7), "none"),
    ],
)
def test_end_token_is_kept_mapped_or_dropped(setting: Any, last: int, base_ids: tuple[int, ...], end: str) -> None:
    found = match_ids((5, 6, last), ends(setting), retokenized=False)
    assert (found.base_ids, found.end) == (base_ids, end)
    assert found.ids == (5, 6, last)
    assert len(found.kept) == len(found.base_ids) == len(found.pairs)
    assert found.unmatched == 0


def test_an_empty_answer_has_no_end() -> None:
    found = match_ids((), ends("base"), retokenized=False)
    assert (found.base_ids, found.kept, found.end) == ((), (), "none")


def test_mapping_needs_an_end_token_of_the_base_model() -> None:
    with pytest.raises(UrialError) as caught:
        match_ids((5, CHAT_END), ends("base", None), retokenized=False)
    assert str(caught.value) == "the base tokenizer has no end token\n  fix: set token_shift.eos to drop (--eos drop)"


def test_mapped_end_tokens_change_places_and_several_are_an_error() -> None:
    answers = [match_ids((5, last), ends("base"), False) for last in (CHAT_END, BASE_END, 7, CHAT_END)]
    assert ends("base").exchanged(answers) == {BASE_END: CHAT_END, CHAT_END: BASE_END}
    assert ends("base").exchanged(answers[1:3]) == {}
    answers.append(match_ids((5, OTHER_END), ends("base"), False))
    with pytest.raises(UrialError) as caught:
        ends("base").exchanged(answers)
    assert str(caught.value) == (
        "the aligned answers end with several tokens: 9, 11\n"
        "  expected: one, to be taken for the base model's end token\n"
        "  fix: set token_shift.eos to drop (--eos drop)"
    )


def byte_tokenizer(*merges: str) -> PreTrainedTokenizerFast:
    """A token a byte, and one for each of these texts of two characters or bytes."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs = [tuple(byte_level.pre_tokenize_str(text)[0][0]) for text in merges]
    tokens = [*sorted(byte_level.alphabet()), *map("".join, pairs)]
    made = Tokenizer(models.BPE({token: number for number, token in enumerate(tokens)}, pairs))  # type: ignore[arg-type]
    made.pre_tokenizer, made.decoder = byte_level, decoders.ByteLevel()
    made.add_special_tokens(["<end>"])
    return PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<end>")


@pytest.mark.parametrize(
    ("aligned", "base", "pairs"),
    [
        ([], ["é"], ((0, 0), (3, 2), (4, 3))),
        (["é"], [], ((0, 0), (2, 3), (3, 4))),
        ([], [], ((0, 0), (3, 3), (4, 4))),
        (["é", "xy"], ["é"], ((0, 0), (1, 1))),
    ],
)
def test_by_text_tokens_that_share_a_character_have_no_counterpart(
    aligned: list[str], base: list[str], pairs: tuple[tuple[int, int], ...]
) -> None:
    left, right = byte_tokenizer(*aligned), byte_tokenizer(*base)
    text, prompt, end = "xéxy", left("What? ")["input_ids"], left.eos_token_id
    ids = (*left(text)["input_ids"], end)
    other_prompt = right(PROMPT.text)["input_ids"]
    found = match_text(
        ReadAnswer.of(right, other_prompt, answer_ids(right, PROMPT, other_prompt, text), retokenized=True),
        ReadAnswer.of(left, prompt, ids, retokenized=False),
        EndTokenMap(frozenset({end}), None, "drop", by_text=True),
    )
    assert found.pairs == pairs
    assert found.unmatched == len(ids) - 1 - len(pairs)


class Other:
    """The tokenizer with some tokens changed."""

    def __init__(self, *changed: int) -> None:
        self.changed = changed

    def convert_ids_to_tokens(self, token_id: int) -> str:
        return "changed" if token_id in self.changed else str(tiny_tokenizer().convert_ids_to_tokens(token_id))


def test_tokenizers_that_disagree_are_an_error_that_names_ids_and_strings() -> None:
    require_same_tokens(tiny_tokenizer(), Other(9), {3, 8, 10}, frozenset())
    left = tiny_tokenizer().convert_ids_to_tokens(9)
    with pytest.raises(UrialError) as caught:
        require_same_tokens(tiny_tokenizer(), Other(9), {3, 9, 10}, frozenset())
    assert str(caught.value) == (
        f"token id 9 is {left!r} to the base tokenizer and 'changed' to the aligned one\n"
        "  expected: the same token, since the base model has to rank what the aligned model emitted\n"
        "  fix: set token_shift.align_by to text (--align-by text)"
    )
    with pytest.raises(
        UrialError, match=r"; and 3 more\n(.|\n)*fix: set token_shift\.align_by to text \(--align-by text\)$"
    ):
        require_same_tokens(tiny_tokenizer(), Other(*range(20, 28)), set(range(30)), frozenset({20}))


def test_an_end_token_of_its_own_has_a_fix_of_its_own() -> None:
    with pytest.raises(UrialError, match=r"fix: set token_shift\.eos to base or drop \(--eos\)$"):
        require_same_tokens(tiny_tokenizer(), Other(9), {9}, frozenset({9}))


@pytest.mark.parametrize("text", ["Karmost is the capital.", "", " leading", "a\n\nb", "🙂 é", "<eos> spelled"])
def test_text_alone_is_read_once_and_gives_the_text_again(text: str) -> None:
    tokenizer = tiny_tokenizer()
    prompt_ids = tokenizer(PROMPT.text)["input_ids"]
    ids = answer_ids(tokenizer, PROMPT, prompt_ids, text)
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == text
    assert not set(ids) & set(tokenizer.all_special_ids)
