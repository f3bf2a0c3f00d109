"""Figures of distributions whose logits are given, against float64."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import run_python
from tests.token_shift.reference import divergence, entropy, jensen_shannon
from urial.core.errors import UrialError
from urial.token_shift.measure.blocks import GROUP, TorchPasses, block_width
from urial.token_shift.measure.distributions import Buffers, Comparison, Distribution, compare
from urial.token_shift.measure.processor_passes import ProcessorPasses

NEVER = -math.inf
KINDS = ("normal", "spread", "high", "equal", "few", "impossible", "almost impossible")


class FixedHead:
    """Gives logits that were made before, instead of applying weights."""

    device, name = torch.device("cpu"), "some/model"

    def __init__(self, logits: Any) -> None:
        self.logits = logits

    def write(self, hidden: Any, start: int, out: Any, exchanged: Mapping[int, int]) -> None:
        out.copy_(self.logits[:, start : start + len(out)].T)


PASSES: dict[str, TorchPasses] = {"processor": ProcessorPasses(), "torch": TorchPasses()}
ALL_PASSES = pytest.mark.parametrize("passes", PASSES)


def evaluated(*logits: Any, width: int = 32, passes: str = "processor") -> list[Distribution]:
    """Distributions of these logits [positions, vocabulary], in blocks of ``width`` tokens."""
    rows, vocabulary = logits[0].shape
    buffers = Buffers(vocabulary, width, rows + 1, len(logits), passes=PASSES[passes], device=torch.device("cpu"))
    found = []
    for number, item in enumerate(logits):
        found.append(buffers.distribution(number, FixedHead(item), torch.zeros(rows, 1), {}))  # type: ignore[arg-type]
    return found


def make_logits(kind: str, rows: int, vocabulary: int, seed: int) -> Any:
    random = np.random.default_rng(seed)
    values = random.normal(0, 3, (rows, vocabulary))
    if kind == "spread":
        values *= 300
    if kind == "high":
        values += 40
    if kind == "equal":
        values[:] = random.normal()
    if kind == "few":
        values = random.integers(-2, 3, (rows, vocabulary)).astype(float)
    if "impossible" in kind:
        values[random.random((rows, vocabulary)) < (0.3 if kind == "impossible" else 0.97)] = NEVER
        values[np.arange(rows), random.integers(0, vocabulary, rows)] = 1.5
    return torch.from_numpy(values).float()


@st.composite
def logits(draw: st.DrawFn, count: int) -> tuple[Any, ...]:
    """Of ``count`` models over the same positions."""
    rows, vocabulary = draw(st.integers(1, 4)), draw(st.integers(2, 150))
    return tuple(
        make_logits(draw(st.sampled_from(KINDS)), rows, vocabulary, draw(st.integers(0, 2**16))) for _ in range(count)
    )


def compared(*logits: Any, width: int = 32, passes: str = "processor") -> Comparison:
    """The comparison of two of them, at each position's first token."""
    base, aligned = evaluated(*logits, width=width, passes=passes)
    tokens = torch.zeros(len(logits[0]), dtype=torch.int64)
    return compare(base, aligned, tokens, tokens)


WIDTHS = st.sampled_from([32, 64, 96, 160])


def slack(*items: Any) -> float:
    """What rounding logits of this size to float32 is worth, in nats."""
    return 4e-7 * max(10.0, *(float(item[item > NEVER].abs().max()) for item in items))


@ALL_PASSES
@given(logits(1), WIDTHS)
def test_log_probabilities_and_entropy_are_the_definitions(passes: str, made: tuple[Any, ...], width: int) -> None:
    (found,) = evaluated(*made, width=width, passes=passes)
    expected = made[0].double().log_softmax(1)
    everything = torch.arange(made[0].shape[1]).expand(len(made[0]), -1)
    logprobs = found.logprob(everything)
    torch.testing.assert_close(logprobs, expected, rtol=1e-6, atol=slack(*made))
    torch.testing.assert_close(logprobs.exp().sum(1), torch.ones(len(logprobs)).double(), rtol=0, atol=slack(*made))
    torch.testing.assert_close(found.entropy, entropy(expected), rtol=1e-5, atol=2 * slack(*made))


@ALL_PASSES
@given(logits(1), WIDTHS, st.integers(0, 2**16))
def test_ranks_and_ties_are_counted_exactly(passes: str, made: tuple[Any, ...], width: int, seed: int) -> None:
    (found,) = evaluated(*made, width=width, passes=passes)
    values = made[0]
    tokens = torch.from_numpy(np.random.default_rng(seed).integers(0, values.shape[1], len(values)))
    chosen = values.gather(1, tokens[:, None])
    rank, ties = found.rank_and_ties(tokens)
    assert rank.tolist() == (1 + (values > chosen).sum(1)).tolist()
    assert ties.tolist() == ((values == chosen).sum(1) - 1).tolist()
    assert (rank == 1).tolist() == (chosen[:, 0] == values.amax(1)).tolist()


@ALL_PASSES
@given(logits(1), WIDTHS, st.integers(1, 80))
def test_top_tokens_are_the_most_probable_ones_in_order(
    passes: str, made: tuple[Any, ...], width: int, count: int
) -> None:
    (found,) = evaluated(*made, width=width, passes=passes)
    count = min(count, made[0].shape[1])
    assert torch.equal(found.top(count), made[0].sort(dim=1, descending=True, stable=True).indices[:, :count])


@ALL_PASSES
def test_padding_is_no_candidate_where_nothing_else_is_possible(passes: str) -> None:
    only_last = torch.full((1, 65), NEVER)
    only_last[0, 64] = 0
    (found,) = evaluated(only_last, width=64, passes=passes)
    assert found.top(3).tolist() == [[64, 0, 1]]


@ALL_PASSES
@given(logits(2), WIDTHS)
def test_divergences_are_the_definitions_and_within_their_bounds(
    passes: str, made: tuple[Any, ...], width: int
) -> None:
    found = compared(*made, width=width, passes=passes)
    base, aligned = (item.double().log_softmax(1) for item in made)
    require_divergences(found, base, aligned, rounding(*made))
    assert (found.kl >= 0).all()
    assert (found.kl_reverse >= 0).all()
    assert ((found.js >= 0) & (found.js <= math.log(2) + 1e-6)).all()


def require_divergences(found: Comparison, base: Any, aligned: Any, atol: float = 1e-12) -> None:
    """Those of log-probabilities, relatively, however small they are."""
    torch.testing.assert_close(found.kl, divergence(aligned, base), rtol=1e-4, atol=atol)
    torch.testing.assert_close(found.kl_reverse, divergence(base, aligned), rtol=1e-4, atol=atol)
    torch.testing.assert_close(found.js, jensen_shannon(base, aligned), rtol=1e-4, atol=atol)


def rounding(*items: Any) -> float:
    """Nats that the difference of two logits in float32 leaves: of any that a model gives next to none, of hundreds more."""
    largest = max(float(item[item > NEVER].abs().max()) for item in items)
    return 1e-12 if largest < 100 else 4 * slack(*items)


@ALL_PASSES
@given(logits(1), WIDTHS, st.floats(-4, 1), st.integers(0, 2**16))
def test_divergences_of_nearly_equal_distributions_keep_their_digits(
    passes: str, made: tuple[Any, ...], width: int, distance: float, seed: int
) -> None:
    noise = torch.from_numpy(np.random.default_rng(seed).normal(0, 10**distance, made[0].shape))
    base, aligned = made[0], (made[0] + noise).float()
    found = compared(base, aligned, width=width, passes=passes)
    require_divergences(found, *(item.double().log_softmax(1) for item in (base, aligned)))


@ALL_PASSES
def test_the_least_logit_that_there_is_excludes_a_token_as_minus_infinity_does(passes: str) -> None:
    least = torch.finfo(torch.float32).min
    base, aligned = torch.tensor([[0.0, 1.0, 0.0], [0.5, least, 0.0]]), torch.tensor([[0.5, least, 0.0]]).expand(2, 3)
    found = compared(base, aligned.clone(), passes=passes)
    without = compared(base.where(base > least, NEVER), aligned.where(aligned > least, NEVER), passes=passes)
    np.testing.assert_allclose(found.kl, without.kl, rtol=1e-6)
    np.testing.assert_allclose(found.js, without.js, rtol=1e-6)
    assert found.kl_reverse[0] > 1e37
    assert found.kl_reverse[1] == 0


@ALL_PASSES
@given(logits(1), WIDTHS)
def test_a_distribution_does_not_diverge_from_itself(passes: str, made: tuple[Any, ...], width: int) -> None:
    found = compared(made[0], made[0], width=width, passes=passes)
    if (made[0] > NEVER).all():
        assert not found.kl.any()
        assert not found.kl_reverse.any()
    assert (found.kl < 1e-12).all()
    assert (found.js < 1e-12).all()


@ALL_PASSES
def test_impossible_tokens_give_no_nan(passes: str) -> None:
    base = torch.tensor([[0.0, NEVER, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, NEVER]])
    aligned = torch.tensor([[0.0, NEVER, 0.0], [0.0, NEVER, 0.0], [0.0, 0.0, 0.0]])
    found = compared(base, aligned, passes=passes)
    js = (math.log(1.2) + math.log(0.8) * 2 / 3 + math.log(2) / 3) / 2
    np.testing.assert_allclose(found.kl, [0, math.log(1.5), math.inf], rtol=1e-6)
    np.testing.assert_allclose(found.kl_reverse, [0, math.inf, math.log(1.5)], rtol=1e-6)
    np.testing.assert_allclose(found.js, [0, js, js], rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 31, 32, 69])
@ALL_PASSES
def test_logits_that_are_not_numbers_are_an_error(passes: str, broken: float, place: int) -> None:
    made = torch.zeros(2, 70)
    made[1, place] = broken
    with pytest.raises(UrialError) as caught:
        evaluated(made, passes=passes)
    assert str(caught.value) == (
        "the model's logits are not numbers\n  where: some/model\n"
        "  fix: load it in float32 or bfloat16; where that does not help, its files are damaged"
    )


@ALL_PASSES
def test_a_position_at_which_no_token_is_possible_is_an_error(passes: str) -> None:
    made = torch.zeros(2, 70)
    made[1] = NEVER
    with pytest.raises(UrialError) as caught:
        evaluated(made, passes=passes)
    assert caught.value.what == "the model's logits are not numbers"


@given(st.integers(1, 400_000), st.integers(1, 4), st.integers(12, 20))
def test_blocks_cover_the_vocabulary_once_in_whole_groups(vocabulary: int, positions: int, size: int) -> None:
    width = block_width(vocabulary, positions, 2**size)
    buffers = Buffers(vocabulary, width, 1, 1, passes=PASSES["torch"], device=torch.device("cpu"))
    assert vocabulary <= buffers.padded < vocabulary + GROUP
    logits, peaks = torch.arange(buffers.padded)[:, None], torch.arange(buffers.padded // GROUP)[:, None]
    blocks = buffers.blocks(logits, peaks)
    assert torch.cat([block.tokens for block in blocks])[:, 0].tolist() == list(range(vocabulary))
    assert torch.equal(torch.cat([block.padded for block in blocks]), logits)
    assert torch.equal(torch.cat([block.group_peaks for block in blocks]), peaks)
    for block in blocks:
        assert block.start == block.tokens[0, 0]
        assert len(block.padded) == GROUP * len(block.group_peaks)


def test_memory_of_an_earlier_chunk_is_not_seen() -> None:
    buffers = Buffers(70, 64, 4, 1, passes=PASSES["processor"], device=torch.device("cpu"))
    for seed, rows in ((0, 4), (1, 2), (2, 3)):
        made = make_logits("normal", rows, 70, seed)
        found = buffers.distribution(0, FixedHead(made), torch.zeros(rows, 1), {})  # type: ignore[arg-type]
        assert torch.equal(found.top(70), made.sort(1, descending=True).indices)


@given(logits(2), WIDTHS, st.integers(0, 2**16))
def test_both_kinds_of_passes_find_the_same(made: tuple[Any, ...], width: int, seed: int) -> None:
    tokens = torch.from_numpy(np.random.default_rng(seed).integers(0, made[0].shape[1], len(made[0])))
    pairs = [evaluated(*made, width=width, passes=passes) for passes in ("processor", "torch")]
    first, second = (compare(base, aligned, tokens, tokens) for base, aligned in pairs)
    for name in ("kl", "kl_reverse", "js"):
        torch.testing.assert_close(getattr(first, name), getattr(second, name), rtol=1e-4, atol=rounding(*made))
    for one, other in (
        (first.base_rank_and_ties, second.base_rank_and_ties),
        (first.aligned_rank_and_ties, second.aligned_rank_and_ties),
    ):
        assert [item.tolist() for item in one] == [item.tolist() for item in other]


def test_the_loops_leave_torch_its_threads() -> None:
    code = """
import numpy, os, torch
from urial.token_shift.measure import kernels
from urial.token_shift.measure.processor_passes import ProcessorPasses
for threads in (1, os.cpu_count() + 1):
    torch.set_num_threads(threads)
    ProcessorPasses()
    kernels.count(numpy.zeros((64, 2), numpy.float32), numpy.zeros(2, numpy.float32))
    print(torch.get_num_threads() - threads)
"""
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("0\n0\n", "")


@pytest.mark.parametrize("threads", [1, 3])
def test_the_number_of_threads_changes_no_bit(threads: int) -> None:
    made = [make_logits("normal", 300, 1_000, seed) for seed in (0, 1)]
    expected = compared(*made, width=64)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        PASSES["other"] = ProcessorPasses()
        assert torch.get_num_threads() == threads
        found = compared(*made, width=64, passes="other")
    finally:
        torch.set_num_threads(before)
        PASSES.pop("other", None)
    for name in ("kl", "kl_reverse", "js"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
