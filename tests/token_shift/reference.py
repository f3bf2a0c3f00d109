"""The measurement by its definition: one full forward an answer, softmax over everything in float64."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny_models import tiny_model, tiny_tokenizer
from urial.core.row_cache import RowCache
from urial.local_models.decoding.attention import attend_to_prefix_once
from urial.local_models.decoding.prefix import shared_prefix_length
from urial.token_shift.measure.blocks import TorchPasses
from urial.token_shift.measure.distributions import Settings
from urial.token_shift.measure.measure import LocalModel, PairedTeacherForced, PairMeasurement
from urial.token_shift.measure.measured_batches import Columns
from urial.token_shift.measure.processor_passes import ProcessorPasses
from urial.token_shift.measure.states import TeacherForced, bytes_per_token

TOP_K = 4
RELATIVE = 1e-4
# In nats. Two float32 passes of one model in batches of other shapes differ by as much.
FLOOR = 2e-5
# What that does to a divergence is as much smaller as the two distributions are nearer each other.
SLOPE = 5e-5
# How near another token's log-probability may be to be taken for either side of a rank.
NEAR = 2e-4
SHARED = "# Query:\n```\nWhat is the capital of Ardovia?\n```\n\n# Answer:\n```\nKarmost.\n```\n\n# Query:\n"
LENGTHS = (1, 7, 40, 2, 19)
Models = tuple[Any, Any]


@dataclass(frozen=True)
class ModelArrays:
    """What one model says of the T tokens of an answer: arrays [T], candidates [T, top_k]."""

    rank: np.ndarray
    ties: np.ndarray
    logprob: np.ndarray
    entropy: np.ndarray
    top_ids: np.ndarray
    top_logprobs: np.ndarray

    @classmethod
    def of(cls, columns: Columns, role: str) -> "ModelArrays":
        return cls(**{item.name: columns[f"{role}_{item.name}"] for item in fields(cls)})


@dataclass(frozen=True)
class ShiftArrays:
    """The columns of one answer by model; divergences [T] in nats."""

    base: ModelArrays
    aligned: ModelArrays
    kl: np.ndarray
    kl_reverse: np.ndarray
    js: np.ndarray

    @classmethod
    def of(cls, columns: Columns) -> "ShiftArrays":
        divergences = {name: columns[name] for name in ("kl", "kl_reverse", "js")}
        return cls(ModelArrays.of(columns, "base"), ModelArrays.of(columns, "aligned"), **divergences)


def local_model(model: Any) -> LocalModel:
    """A model in memory, which the row cache knows by its name."""
    size = bytes_per_token(model.config.get_text_config(), model.dtype.itemsize)
    return LocalModel(lambda: model, size, model.name_or_path)


@cache
def pair(name: str) -> Models:
    """Two models of one architecture; a head's bias is not zero."""
    models = tiny_model(name, seed=1), tiny_model(name, seed=2)
    for number, model in enumerate(models):
        bias = getattr(model.get_output_embeddings(), "bias", None)
        if bias is not None:
            with torch.no_grad():
                bias.copy_(torch.randn(bias.shape, generator=torch.Generator().manual_seed(number)))
        attend_to_prefix_once(model)
    return models


@cache
def near_pair(name: str) -> Models:
    """A model, and the same with weights that are a thousandth off."""
    base, aligned = tiny_model(name, seed=1), tiny_model(name, seed=1)
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for weight in aligned.parameters():
            weight.mul_(1 + 1e-3 * torch.randn(weight.shape, generator=generator))
    return base, aligned


@cache
def make_answers(shared: bool) -> list[PairedTeacherForced]:
    """Answers of 1 to 40 random tokens; the aligned prompts share another prefix than the base prompts."""
    tokenizer, random = tiny_tokenizer(), np.random.default_rng(0)
    answers = []
    for number, length in enumerate(LENGTHS):
        query = f"Tell me how to find {'the fennoth ' * number}now"
        base, aligned = (SHARED + query, f"<|user|>Please. {query}<|assistant|>") if shared else (query, query * 2)
        ids = tuple(random.integers(0, len(tokenizer), length).tolist())
        answers.append(
            PairedTeacherForced(
                base=TeacherForced(tokenizer(base)["input_ids"][0 if shared else number :], ids),
                aligned=TeacherForced(tokenizer(aligned)["input_ids"], ids),
            )
        )
    prefix = shared_prefix_length([list(answer.base.prompt) for answer in answers])
    assert prefix > 20 if shared else prefix == 0
    return answers


def measurement(
    models: Models,
    answers: Sequence[PairedTeacherForced],
    settings: Settings,
    exchanged: Mapping[int, int] | None = None,
    cache: RowCache | None = None,
) -> PairMeasurement:
    """Of two models in memory."""
    return PairMeasurement((local_model(models[0]), local_model(models[1])), answers, settings, exchanged, cache)


def measured(
    models: Models, answers: Sequence[PairedTeacherForced], exchanged: Mapping[int, int] | None = None, **changes: Any
) -> list[ShiftArrays]:
    """The measurement, in the order of the answers."""
    settings = Settings(**{"top_k": TOP_K, "memory_mib": 64, **changes})
    found = dict(measurement(models, answers, settings, exchanged).columns())
    return [ShiftArrays.of(found[index]) for index in range(len(answers))]


def cut_small(monkeypatch: pytest.MonkeyPatch, numbers: int = 2**12) -> None:
    """Many blocks of the vocabulary."""
    monkeypatch.setattr(ProcessorPasses, "block_numbers", numbers)
    monkeypatch.setattr(TorchPasses, "most_numbers", numbers)


@dataclass(frozen=True)
class Naive:
    """Log-probabilities [T, vocabulary] of one answer in float64, and the aligned model's number of each token."""

    base: torch.Tensor
    aligned: torch.Tensor
    numbers: torch.Tensor


@torch.inference_mode()
def logits(model: Any, row: TeacherForced) -> Any:
    """All logits [T, vocabulary] that predict the answer."""
    ids = torch.tensor([[*row.prompt, *row.ids[:-1]]])
    return model(input_ids=ids, use_cache=False).logits[0, len(row.prompt) - 1 :].double()


def naive(models: Models, answer: PairedTeacherForced, exchanged: Mapping[int, int] | None = None) -> Naive:
    """Of the tokens that both models have."""
    base, aligned = logits(models[0], answer.base), logits(models[1], answer.aligned)
    vocabulary = min(base.shape[1], aligned.shape[1])
    numbers = torch.arange(vocabulary)
    for token, other in (exchanged or {}).items():
        numbers[token] = other
    return Naive(base[:, :vocabulary].log_softmax(-1), aligned[:, numbers].log_softmax(-1), numbers)


def divergence(left: Any, right: Any) -> Any:
    """KL(left || right) of log-probabilities; what has no probability adds nothing."""
    return torch.where(left.exp() > 0, left.exp() * (left - right), 0.0).sum(1)


def jensen_shannon(left: Any, right: Any) -> Any:
    """Of log-probabilities."""
    middle = torch.logaddexp(left, right) - np.log(2)
    return (divergence(left, middle) + divergence(right, middle)) / 2


def entropy(logprobs: Any) -> Any:
    """In nats."""
    return -torch.where(logprobs.exp() > 0, logprobs.exp() * logprobs, 0.0).sum(1)


def require_naive(found: ShiftArrays, expected: Naive, ids: Sequence[int]) -> None:
    """Every figure is the definition's."""
    require_model(found.base, expected.base, ids)
    require_model(found.aligned, expected.aligned, ids, expected.numbers)
    require_divergence("kl", found.kl, divergence(expected.aligned, expected.base))
    require_divergence("kl_reverse", found.kl_reverse, divergence(expected.base, expected.aligned))
    require_divergence("js", found.js, jensen_shannon(expected.base, expected.aligned))


def require_model(found: ModelArrays, logprobs: Any, ids: Sequence[int], numbers: Any = None) -> None:
    """One model's figures are the definition's, given the model's own ``numbers`` of the tokens."""
    chosen = logprobs.gather(1, torch.tensor(ids)[:, None])
    low, high = (1 + (logprobs > chosen + slack).sum(1).numpy() for slack in (NEAR, -NEAR))
    # The lower bar counts the token itself.
    near = np.maximum(high - 1 - low, 0)
    assert ((low <= found.rank) & (found.rank <= low + near)).all(), f"rank {found.rank}, not {low} + {near}"
    assert ((found.ties >= 0) & (found.ties <= near)).all()
    require_close("logprob", found.logprob, chosen[:, 0])
    require_close("entropy", found.entropy, entropy(logprobs))
    require_close("top_logprobs", found.top_logprobs, logprobs.topk(found.top_ids.shape[1]).values)
    own = np.full(int(max(logprobs.shape[1], 0 if numbers is None else numbers.max() + 1)), -1)
    own[np.arange(logprobs.shape[1]) if numbers is None else numbers.numpy()] = np.arange(logprobs.shape[1])
    top = torch.from_numpy(own[found.top_ids])
    require_close("log-probability of top_ids", found.top_logprobs, logprobs.gather(1, top))
    assert all(len(set(row)) == len(row) for row in found.top_ids.tolist())


def require_divergence(name: str, found: np.ndarray, expected: Any) -> None:
    """Equal within rounding of the passes alone."""
    nats = np.asarray(expected)
    np.testing.assert_array_less(np.abs(found - nats), RELATIVE * nats + SLOPE * np.sqrt(nats), err_msg=name)


def require_close(name: str, found: np.ndarray, expected: Any) -> None:
    """Equal within rounding."""
    np.testing.assert_allclose(found, np.asarray(expected), rtol=RELATIVE, atol=FLOOR, err_msg=name)


def figures(found: ShiftArrays) -> dict[str, np.ndarray]:
    """All arrays by name."""
    arrays = {name: getattr(found, name) for name in ("kl", "kl_reverse", "js")}
    for role in ("base", "aligned"):
        arrays |= {f"{role}.{item.name}": getattr(getattr(found, role), item.name) for item in fields(ModelArrays)}
    return arrays


def require_same(found: ShiftArrays, expected: ShiftArrays, rounding: bool = False) -> None:
    """The same figures; with ``rounding``, the same within that."""
    for name, value in figures(expected).items():
        if rounding and value.dtype == np.float32:
            require_close(name, figures(found)[name], value)
        else:
            np.testing.assert_array_equal(figures(found)[name], value, err_msg=name)
