"""The measurement against the definition: one full forward an answer, softmax over everything in float64."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.tiny_models import tiny_model, tiny_tokenizer
from urial.engines.hf import shared_prefix_length
from urial.errors import UrialError
from urial.token_shift.measure import ForcedAnswer, ShiftArrays, ShiftMeter, compare, require_same_tokens

ARCHITECTURES = (
    "llama", "gpt2", "gemma2", "gemma2-narrow-window", "cohere", "granite", "gpt-neox", "mistral-narrow-window",
    "mamba", "bloom", "opt", "gpt-neo", "phi3-longrope",
)  # fmt: skip
TOP_K = 4
ROUNDING = 2e-4  # in nats
SHARED = "# Query:\n```\nWhat is the capital of Ardovia?\n```\n\n# Answer:\n```\nKarmost.\n```\n\n# Query:\n"


@cache
def pair(name: str) -> tuple[Any, Any]:
    return tiny_model(name, seed=1), tiny_model(name, seed=2)


def make_answers(shared: bool) -> list[ForcedAnswer]:
    """Answers of 1 to 40 random tokens; the aligned prompts share another prefix than the base prompts."""
    tokenizer, random = tiny_tokenizer(), np.random.default_rng(0)
    answers = []
    for number, length in enumerate((1, 7, 40, 2, 19)):
        query = f"Tell me how to find {'the fennoth ' * number}now"
        base, aligned = (SHARED + query, f"<|user|>Please. {query}<|assistant|>") if shared else (query, query * 2)
        answers.append(
            ForcedAnswer(
                base_prompt=tokenizer(base)["input_ids"][0 if shared else number :],
                aligned_prompt=tokenizer(aligned)["input_ids"],
                ids=tuple(random.integers(0, len(tokenizer), length).tolist()),
            )
        )
    prefix = shared_prefix_length([answer.base_prompt for answer in answers])
    assert prefix > 20 if shared else prefix == 0
    return answers


@dataclass(frozen=True)
class Naive:
    """Section 2 of the paper, word by word. A rank is a range: who is nearer than rounding can come first or second."""

    values: dict[str, np.ndarray]
    ranks: dict[str, tuple[np.ndarray, np.ndarray]]


@torch.inference_mode()
def naive(models: tuple[Any, Any], answer: ForcedAnswer) -> Naive:
    values, ranks, logprobs = {}, {}, []
    prompts = (answer.base_prompt, answer.aligned_prompt)
    for role, model, prompt in zip(("base", "aligned"), models, prompts, strict=True):
        ids = torch.tensor([[*prompt, *answer.ids[:-1]]])
        logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 :]
        logprobs.append(logits.double().log_softmax(-1))
        chosen, top = logprobs[-1].gather(1, torch.tensor(answer.ids)[:, None]), logprobs[-1].topk(TOP_K)
        low, high = (1 + (logprobs[-1] > chosen + slack).sum(1).numpy() for slack in (ROUNDING, -ROUNDING))
        ranks[f"{role}_rank"] = (low, np.maximum(low, high - 1))  # the lower bar also counts the token itself
        values[f"{role}_logprob"] = chosen[:, 0].numpy()
        values[f"{role}_top_ids"], values[f"{role}_top_logprobs"] = top.indices.numpy(), top.values.numpy()
    values["kl"] = (logprobs[1].exp() * (logprobs[1] - logprobs[0])).sum(1).numpy()
    return Naive(values, ranks)


def measured(models: tuple[Any, Any], answers: list[ForcedAnswer], memory_mib: int = 64) -> list[ShiftArrays]:
    found = dict(ShiftMeter(*models, TOP_K, memory_mib).measure(answers))
    return [found[index] for index in range(len(answers))]


def require_naive(found: ShiftArrays, expected: Naive) -> None:
    for name, (low, high) in expected.ranks.items():
        rank = getattr(found, name)
        assert ((low <= rank) & (rank <= high)).all(), f"{name} {rank}, not in {low} to {high}"
    require_equal(found, expected.values)


def require_equal(found: ShiftArrays, expected: dict[str, np.ndarray]) -> None:
    for name, value in expected.items():
        if value.dtype == np.int64:
            np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)
        else:
            np.testing.assert_allclose(getattr(found, name), value, rtol=ROUNDING, atol=ROUNDING, err_msg=name)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_measurement_is_the_definition(name: str, shared: bool) -> None:
    answers = make_answers(shared)
    expected = [naive(pair(name), answer) for answer in answers]
    assert len({rank for item in expected for rank in item.ranks["base_rank"][0]}) > 20
    for memory_mib in (1, 256):
        for found, reference in zip(measured(pair(name), answers, memory_mib), expected, strict=True):
            require_naive(found, reference)


def test_an_answer_is_measured_the_same_in_any_company() -> None:
    answers = make_answers(shared=True)
    together = measured(pair("llama"), answers)
    for index, answer in enumerate(answers):
        (alone,) = measured(pair("llama"), [answer])
        require_equal(together[index], vars(alone))


def test_long_answers_go_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = make_answers(shared=True)
    expected = measured(pair("llama"), answers)
    monkeypatch.setattr("urial.token_shift.measure.TOKENS_PER_BATCH", 120)
    for found, before in zip(measured(pair("llama"), answers), expected, strict=True):
        require_equal(found, vars(before))


def test_identical_models_do_not_shift() -> None:
    model = pair("llama")[0]
    answers = [ForcedAnswer(item.base_prompt, item.base_prompt, item.ids) for item in make_answers(shared=True)]
    for found in measured((model, model), answers):
        assert not found.kl.any()
        np.testing.assert_array_equal(found.aligned_rank, found.base_rank)
        np.testing.assert_array_equal(found.aligned_logprob, found.base_logprob)


def test_nothing_to_measure_is_no_error() -> None:
    assert measured(pair("llama"), []) == []


class _Sizes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Remembers the most rows of any tensor as wide as the vocabulary."""

    def __init__(self, width: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.width, self.rows = width, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for item in result if isinstance(result, (tuple, list)) else [result]:
            if isinstance(item, torch.Tensor) and item.dim() and item.shape[-1] == self.width:
                self.rows = max(self.rows, item.numel() // self.width)
        return result


@contextmanager
def widest(width: int) -> Iterator[_Sizes]:
    with _Sizes(width) as sizes:
        yield sizes


def test_no_tensor_has_more_positions_by_vocabulary_than_a_chunk() -> None:
    answers = [ForcedAnswer([1, 5, 6], [1, 7, 8], tuple(range(9, 209))) for _ in range(3)]
    meter = ShiftMeter(*pair("llama"), TOP_K, memory_mib=2)
    width = len(tiny_tokenizer())
    assert 32 <= meter.chunk < 60  # at least the hidden size, since the head's transposed weight is as wide
    assert meter.chunk * 6 * 4 * width <= 2 * 2**20
    with widest(width) as sizes:
        assert len(list(meter.measure(answers))) == 3
    assert sizes.rows == meter.chunk


def test_equally_probable_tokens_are_counted_and_do_not_lower_the_rank() -> None:
    base = torch.tensor([[2.0, 1.0, 1.0, 0.0, 1.0], [5.0, 5.0, 5.0, 5.0, 5.0]])
    found = compare(base, base, torch.tensor([4, 3]), 2)
    assert found["base_rank"].tolist() == [2, 1]
    assert found["base_ties"].tolist() == [2, 4]


def test_impossible_tokens_give_no_nan() -> None:
    never = float("-inf")
    base = torch.tensor([[0.0, never, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, never]])
    aligned = torch.tensor([[0.0, never, 0.0], [0.0, never, 0.0], [0.0, 0.0, 0.0]])
    found = compare(base, aligned, torch.tensor([0, 1, 2]), 3)
    np.testing.assert_allclose(found["kl"], [0, np.log(1.5), np.inf], rtol=1e-6)
    assert found["base_rank"].tolist() == [1, 1, 3]
    assert found["aligned_rank"].tolist() == [1, 3, 1]
    assert not any(np.isnan(value).any() for value in found.values())


@pytest.mark.parametrize("broken", ["base", "aligned"])
def test_logits_that_are_not_numbers_give_no_rank(broken: str) -> None:
    good, bad = torch.zeros(1, 3), torch.tensor([[0.0, float("nan"), 1.0]])
    logits = (bad, good) if broken == "base" else (good, bad)
    with pytest.raises(UrialError) as caught:
        compare(*logits, torch.tensor([0]), 1)
    assert str(caught.value) == "a model's logits are not numbers\n  fix: load the pair in float32 or bfloat16"


def test_different_vocabulary_sizes_are_an_error_that_names_both() -> None:
    with pytest.raises(UrialError) as caught:
        ShiftMeter(tiny_model("llama", vocab_size=1_800), tiny_model("llama", vocab_size=2_000), TOP_K, 64)
    assert str(caught.value) == (
        "the base model has 1,800 logits and the aligned model 2,000\n"
        "  expected: one vocabulary, since probabilities are compared token by token"
    )


def test_tokenizers_that_disagree_on_an_answer_token_are_an_error_that_names_it() -> None:
    class Other:
        def convert_ids_to_tokens(self, token_id: int) -> str:
            return "changed" if token_id == 9 else str(tiny_tokenizer().convert_ids_to_tokens(token_id))

    require_same_tokens(tiny_tokenizer(), Other(), {3, 8, 10})
    left = tiny_tokenizer().convert_ids_to_tokens(9)
    with pytest.raises(UrialError) as caught:
        require_same_tokens(tiny_tokenizer(), Other(), {3, 9, 10})
    assert str(caught.value) == (
        f"token id 9 is {left!r} to the base tokenizer and 'changed' to the aligned one\n"
        "  expected: the same token, since the base model has to rank what the aligned model emitted"
    )
