"""Pairs whose tokens cannot be compared are refused before anything is generated, by the files of their tokenizers alone."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from tests.plan.test_planning import local_pair, params_with, refusal
from tests.tiny_gguf import write_gguf
from tests.tiny_models import tiny_folder, tiny_tokenizer
from urial.core.errors import UrialError
from urial.local_models.loading.loading import end_tokens_of, load_tokenizer
from urial.microworld.training.model import train_tokenizer
from urial.plan.pairs import require_comparable
from urial.plan.planning import make_plans
from urial.plan.vocabularies import Vocabulary, folder_vocabulary, vocabulary_of
from urial.prompts.versions.library import PROMPTS_DIR
from urial.records.model import FolderModel, GgufModel
from urial.records.params.token_shift import TokenShiftParams
from urial.token_shift.measure.matching import require_same_tokens

NAMES = ("the base", "the aligned")


def shift(**changes: Any) -> TokenShiftParams:
    values = {"answer_system": "aligned", "base_systems": ("base",), "top_k": 5, "memory_mib": 1}
    return TokenShiftParams.model_validate({**values, **changes})


def vocabulary(
    *words: str, ends: tuple[int, ...] = (0,), added: tuple[int, ...] = (0,), eos: int | None = 0
) -> Vocabulary:
    return Vocabulary(dict(enumerate(words)), frozenset(added), eos, frozenset(ends))


BASE = vocabulary("<end>", "a", "b", "ab", "ba")


@lru_cache
def other_tokenizer() -> Any:
    """One of the same kind that was trained on other texts."""
    return train_tokenizer(
        ["The quick brown fox jumps over the lazy dog.", "Sphinx of black quartz, judge my vow."] * 50
    )


def test_a_vocabulary_is_the_one_that_transformers_loads() -> None:
    folder = tiny_folder("llama")
    tokenizer, found = load_tokenizer(folder), folder_vocabulary(folder)
    assert found is not None
    assert found.tokens == {number: word for word, number in tokenizer.get_vocab().items()}
    assert found.added == set(tokenizer.added_tokens_decoder)
    assert (found.eos, found.ends) == (tokenizer.eos_token_id, end_tokens_of(folder, tokenizer))


def test_a_gguf_file_of_the_same_model_has_the_same_tokens(tmp_path: Path) -> None:
    file = vocabulary_of(GgufModel(gguf=str(write_gguf(tmp_path / "m.gguf"))))
    folder = vocabulary_of(FolderModel(folder=str(tiny_folder("llama"))))
    assert file is not None
    assert folder is not None
    assert {file.tokens[token_id] for token_id in file.ordinary} == {folder.tokens[n] for n in folder.ordinary}
    assert require_comparable(folder, file, shift(), NAMES) is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"model": {"vocab": 1}}',
        '{"model": {"vocab": [1, 2]}}',
        "[" * 10_000,
        '{"model": {"vocab": {"a": "1"}}}',
        '{"model": {"vocab": {"a": [1]}}}',
    ],
)
def test_what_is_no_tokenizer_is_not_known_here(content: str, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(content, "utf-8")
    assert folder_vocabulary(tmp_path) is None
    assert require_comparable(None, BASE, shift(), NAMES) is None
    assert vocabulary_of(GgufModel(gguf=str(tmp_path / "none.gguf"))) is None


def test_tokenizers_that_differ_are_refused_as_the_stage_would(tmp_path: Path) -> None:
    other_tokenizer().save_pretrained(tmp_path)
    base, aligned = folder_vocabulary(tmp_path), folder_vocabulary(tiny_folder("llama"))
    with pytest.raises(UrialError, match="the tokenizers of the base and the aligned differ: token ") as caught:
        require_comparable(base, aligned, shift(), NAMES)
    assert caught.value.fix == "set token_shift.align_by to text (--align-by text)"
    ids = set(tiny_tokenizer()("How do I bake bread?")["input_ids"])
    with pytest.raises(UrialError, match="to the base tokenizer and"):
        require_same_tokens(other_tokenizer(), tiny_tokenizer(), ids, frozenset())
    assert require_comparable(base, aligned, shift(align_by="text"), NAMES) is None


def test_the_same_tokens_are_no_problem_and_added_ones_none_either() -> None:
    assert require_comparable(BASE, BASE, shift(), NAMES) is None
    more = vocabulary("<end>", "a", "b", "ab", "ba", "<user>", added=(0, 5))
    assert require_comparable(BASE, more, shift(), NAMES) is None


def test_few_tokens_that_differ_are_remarked_on() -> None:
    renamed = vocabulary("<end>", "a", "b", "ab", "c")
    assert require_comparable(BASE, renamed, shift(), NAMES) == (
        "1 of the 4 tokens of the aligned are others to the base (token 4 is 'ba' to one and 'c' to the other): an answer with "
        "one of them ends the stage token_shift, unless you set token_shift.align_by to text (--align-by text)"
    )


OWN_END = vocabulary("<end>", "a", "b", "ab", "ba", "<|im_end|>", ends=(5,), added=(0, 5), eos=5)


def test_an_end_token_that_the_base_lacks_needs_a_word() -> None:
    with pytest.raises(UrialError) as caught:
        require_comparable(BASE, OWN_END, shift(), NAMES)
    assert str(caught.value) == (
        "the answers of the aligned end with '<|im_end|>' (token 5), which is no token of the base\n"
        "  fix: set token_shift.eos to base (its end token is compared in this one's place) or drop (--eos)"
    )
    for eos in ("base", "drop"):
        assert require_comparable(BASE, OWN_END, shift(eos=eos), NAMES) is None
    assert require_comparable(BASE, OWN_END, shift(align_by="text"), NAMES) is None


def test_a_base_without_an_end_token_takes_none_in_its_place() -> None:
    base = vocabulary("x", "a", "b", "ab", "ba", ends=(), added=(), eos=None)
    with pytest.raises(UrialError, match=r"token_shift\.eos is base, and the tokenizer of the base has no end token"):
        require_comparable(base, OWN_END, shift(eos="base"), NAMES)
    assert require_comparable(base, OWN_END, shift(eos="drop"), NAMES) is None


def test_one_end_token_that_both_have_is_enough() -> None:
    both = vocabulary("<end>", "a", "b", "ab", "ba", "<|im_end|>", ends=(0, 5), added=(0, 5))
    assert require_comparable(BASE, both, shift(), NAMES) is None


def test_the_plan_refuses_such_a_pair_by_name(tmp_path: Path) -> None:
    changes = local_pair(tmp_path)
    for role, tokenizer in (("base", other_tokenizer()), ("aligned", tiny_tokenizer())):
        template = tokenizer.chat_template
        tokenizer.save_pretrained(tmp_path / role)
        tokenizer.chat_template = template
    message = refusal(*changes, prompts=PROMPTS_DIR)
    assert message.startswith(f"the tokenizers of {tmp_path}/base and {tmp_path}/aligned differ: token ")
    assert message.endswith("\n  where: params.yaml\n  fix: set token_shift.align_by to text (--align-by text)")
    make_plans(params_with(*changes, ("token_shift/align_by", "text")), PROMPTS_DIR)
