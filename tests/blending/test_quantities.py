"""What rules look at, against float64."""

import math

import pytest
import torch

from tests.token_shift.reference import divergence as naive_divergence
from tests.token_shift.reference import jensen_shannon
from urial.blending.quantities import between, divergence, moved, top_probability


def two(apart: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    base = 3 * torch.randn(5, 4_000, generator=generator)
    return base, base + apart * torch.randn(5, 4_000, generator=generator)


@pytest.mark.parametrize("apart", [0.001, 0.1, 3.0, 30.0])
def test_divergences_and_probabilities_are_those_of_float64(apart: float) -> None:
    base, helper = two(apart)
    p, q = (logits.double().log_softmax(-1) for logits in (base, helper))
    torch.testing.assert_close(top_probability(base).double(), p.exp().amax(-1), rtol=1e-5, atol=0)
    torch.testing.assert_close(divergence("kl", base, helper), naive_divergence(q, p), rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(divergence("js", base, helper), jensen_shannon(p, q), rtol=1e-4, atol=1e-7)


def test_divergences_have_a_direction_and_bounds() -> None:
    base, helper = torch.tensor([[0.0, 0.0, -math.inf]]), torch.tensor([[0.0, -math.inf, -math.inf]])
    assert divergence("kl", base, helper).item() == pytest.approx(math.log(2))
    assert divergence("kl", helper, base).item() == math.inf
    apart = torch.tensor([[-math.inf, 0.0, -math.inf]])
    assert divergence("js", apart, helper).item() == pytest.approx(math.log(2))
    assert divergence("js", base, base).item() == divergence("kl", base, base).item() == 0


def test_sums_are_exactly_one_model_at_the_ends_and_leave_their_logits_as_they_are() -> None:
    base, helper = two(1.0)
    before = base.clone(), helper.clone()
    assert torch.equal(between(base, helper, 0), base)
    assert torch.equal(between(base, helper, 1), helper)
    assert torch.equal(moved(base, helper, base, 0), base)
    for found in (between(base, helper, 0), between(base, helper, 1), moved(base, helper, base, 0)):
        found.zero_()
    assert torch.equal(base, before[0])
    assert torch.equal(helper, before[1])
    untuned = base.flip(1)
    expected = base.double() + 1.7 * (helper.double() - untuned.double())
    torch.testing.assert_close(moved(base, helper, untuned, 1.7).double(), expected, rtol=1e-4, atol=1e-4)
    # A number a row, as log-probabilities differ from logits, moves no choice.
    shifted = moved(base.log_softmax(-1), helper.log_softmax(-1), untuned.log_softmax(-1), 1.7)
    torch.testing.assert_close(shifted.softmax(-1), moved(base, helper, untuned, 1.7).softmax(-1))
