"""Answers from anywhere and pairs that differ: texts alone, other tokenizers, end tokens of their own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken

from tests.tiny_models import save_folder, tiny_folder, tiny_model, tiny_tokenizer, write_manifest
from tests.token_shift.contexts import TEXTS, encoded, make_inputs, measured, save_with_other_tokenizer, with_answers
from urial.core.errors import UrialError
from urial.local_models.loading.loading import load_model, load_tokenizer
from urial.token_shift.measure.inputs import ShiftInputs

DIVERGENCES = ("kl", "kl_reverse", "js")


def test_one_model_after_the_other_gives_the_same_rows(folders: dict[str, Path]) -> None:
    assert measured(folders, sequential=True) == measured(folders)


def test_texts_alone_are_read_once_flagged_and_measured(folders: dict[str, Path]) -> None:
    rows, coverage = measured(folders)
    texts, flagged = measured(folders, with_answers(make_inputs(), token_ids=None))
    assert [row["token"] for row in texts] == [row["token"] for row in rows]
    assert texts == rows
    assert [row.retokenized for row in coverage] == [False] * len(TEXTS)
    assert [row.retokenized for row in flagged if row.status == "measured"] == [True, True]
    unknown, ends = measured(folders, with_answers(make_inputs(), token_ids=None, finish="unknown"))
    assert len(unknown) == len(rows) - 2
    assert {row.end for row in ends} == {"none"}


@pytest.fixture(scope="module")
def chat_end(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An aligned model that ends with an added token which the base model has not."""
    folder = tmp_path_factory.mktemp("chat-end")
    size = len(tiny_tokenizer())
    save_folder(folder, tiny_model("llama", seed=5, vocab_size=size + 1), "aligned")
    tokenizer = load_tokenizer(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": [AddedToken("<|done|>", special=True)]})
    tokenizer.eos_token = "<|done|>"
    tokenizer.save_pretrained(folder)
    write_manifest(folder, "aligned")
    return folder


def ending_with(token: int) -> ShiftInputs:
    inputs = make_inputs()
    rows = [
        row.model_copy(update={"answer": row.answer.model_copy(update={"token_ids": (*(row.answer.token_ids or ())[:-1], token)})})
        if row and row.answer else row
        for row in inputs.completions
    ]  # fmt: skip
    return replace(inputs, completions=rows)


def test_an_end_token_that_the_base_model_has_not_is_an_error_that_names_the_way_out(chat_end: Path) -> None:
    size = len(tiny_tokenizer())
    with pytest.raises(UrialError) as caught:
        measured({"base": tiny_folder("llama"), "aligned": chat_end}, ending_with(size))
    assert str(caught.value) == (
        f"token id {size} is None to the base tokenizer and '<|done|>' to the aligned one\n"
        "  expected: the same token, since the base model has to rank what the aligned model emitted\n"
        "  fix: set token_shift.eos to base or drop (--eos)"
    )


def test_a_dropped_end_token_is_no_position(chat_end: Path) -> None:
    rows, coverage = measured(
        {"base": tiny_folder("llama"), "aligned": chat_end}, ending_with(len(tiny_tokenizer())), eos="drop"
    )
    assert not any(row["is_end"] for row in rows)
    assert [row.end for row in coverage] == ["dropped", "none", "dropped"]
    assert [row.positions for row in coverage] == [len(encoded(str(TEXTS[0]))), 0, len(encoded(str(TEXTS[2])))]


def test_a_mapped_end_token_is_the_base_models_own(chat_end: Path) -> None:
    size, folders = len(tiny_tokenizer()), {"base": tiny_folder("llama"), "aligned": chat_end}
    rows, coverage = measured(folders, ending_with(size), eos="base")
    assert [row.end for row in coverage] == ["base", "none", "base"]
    assert {row.vocabulary for row in coverage} == {size, None}
    last = next(row for row in rows if row["is_end"])
    assert (last["token_id"], last["token"]) == (size, "<|done|>")
    inputs = ending_with(size)
    ids = encoded(str(TEXTS[0]))
    logits = []
    for folder, prompt in ((folders["base"], inputs.base_prompts[0]), (chat_end, inputs.aligned_prompts[0])):
        import torch

        tokenizer = load_tokenizer(folder)
        prompt_ids = tokenizer(prompt.text, add_special_tokens=prompt.adds_special_tokens)["input_ids"]
        with torch.inference_mode():
            found = load_model(folder, 1)(input_ids=torch.tensor([[*prompt_ids, *ids]])).logits[0, -1].double()
        logits.append(found)
    aligned = logits[1].clone()
    aligned[2], aligned = aligned[size].clone(), aligned[:size]
    aligned[2] = logits[1][size]
    p, q = aligned.log_softmax(0), logits[0].log_softmax(0)
    np.testing.assert_allclose(last["kl"], (p.exp() * (p - q)).sum().item(), rtol=1e-4)
    np.testing.assert_allclose(last["aligned_logprob"], p[2].item(), rtol=1e-4)
    assert last["base_rank"] == 1 + int((q > q[2]).sum())


@pytest.fixture(scope="module")
def other_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model whose tokenizer cuts texts elsewhere."""
    return save_with_other_tokenizer(tmp_path_factory.mktemp("other"), "base")


def test_by_text_tokens_of_the_same_characters_are_ranked_without_divergences(
    folders: dict[str, Path], other_tokenizer: Path
) -> None:
    pair = {"base": other_tokenizer, "aligned": folders["aligned"]}
    with pytest.raises(UrialError, match=r"fix: set token_shift\.align_by to text \(--align-by text\)$"):
        measured(pair)
    rows, coverage = measured(pair, align_by="text")
    own, _ = measured(folders)
    assert 0 < len(rows) < len(own)
    known = {(row["instruction_id"], row["position"]): row for row in own}
    for row in rows:
        same = known[row["instruction_id"], row["position"]]
        assert (row["token"], row["token_id"], row["label"]) == (same["token"], same["token_id"], same["label"])
        np.testing.assert_allclose(row["aligned_logprob"], same["aligned_logprob"], rtol=1e-4)
        assert [row[name] for name in DIVERGENCES] == [None, None, None]
        assert row["base_rank"] >= 1
    assert sum(row.unmatched for row in coverage) == len(own) - len(rows)
    assert [row.end for row in coverage] == ["base", "none", "base"]
    assert sum(row["is_end"] for row in rows) == 2


def test_by_text_the_same_tokenizer_gives_the_same_ranks(folders: dict[str, Path]) -> None:
    rows, coverage = measured(folders, align_by="text")
    own, _ = measured(folders)
    assert [row["base_rank"] for row in rows] == [row["base_rank"] for row in own]
    assert {row.unmatched for row in coverage} == {0}
