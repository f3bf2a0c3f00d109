"""Logits in pieces are those of one product."""

import pytest
import torch

from tests.tiny_models import tiny_model
from urial.local_models.decoding.head import MOST_ROWS, PIECE, multiply_in_pieces


@pytest.mark.parametrize("name", ["llama", "phi"])  # without and with a bias
@pytest.mark.parametrize("rows", [1, 3, MOST_ROWS, MOST_ROWS + 1])
def test_logits_of_few_and_many_rows_are_those_of_the_model(name: str, rows: int) -> None:
    model = tiny_model(name)
    assert model.lm_head.out_features > PIECE
    assert model.lm_head.out_features % PIECE, "the last piece is short"
    states = torch.randn(rows, 1, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        if model.lm_head.bias is not None:
            model.lm_head.bias.normal_(generator=torch.Generator().manual_seed(1))
        expected = model.lm_head(states)
        multiply_in_pieces(model)
        assert torch.allclose(model.lm_head(states), expected, rtol=1e-5, atol=1e-5)


def test_a_head_in_pieces_can_still_be_trained() -> None:
    model = tiny_model("llama")
    multiply_in_pieces(model)
    model(input_ids=torch.tensor([[5, 6, 7]])).logits.sum().backward()
    assert model.lm_head.weight.grad is not None
