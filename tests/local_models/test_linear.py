"""Products by weights that were laid out for them are those of the model itself."""

import pytest
import torch

from tests.tiny_models import ARCHITECTURES, tiny_model
from urial.local_models.decoding import linear
from urial.local_models.decoding.linear import ROWS, lay_out_weights

IDS = torch.tensor([[5, 6, 7, 8, 9, 10, 11, 12], [9, 8, 7, 6, 5, 4, 12, 11]])


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_logits_of_every_architecture_are_its_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "SMALLEST", 1)
    model = tiny_model(name).eval()
    with torch.inference_mode():
        expected = model(input_ids=IDS).logits
        lay_out_weights(model)
        assert torch.allclose(model(input_ids=IDS).logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rows", [1, 3, ROWS, 100])
@pytest.mark.parametrize("bias", [False, True])
def test_few_and_many_rows(rows: int, *, bias: bool) -> None:
    model = tiny_model("phi" if bias else "llama", hidden_size=256, intermediate_size=512)
    layer = model.lm_head
    assert (layer.bias is not None) == bias
    states = torch.randn(rows, 2, 256, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        if bias:
            layer.bias.normal_(generator=torch.Generator().manual_seed(1))
        expected = layer(states)
        lay_out_weights(model)
        assert torch.allclose(layer(states), expected, rtol=1e-4, atol=1e-4)


def test_small_layers_and_other_numbers_stay_as_they_are() -> None:
    small = tiny_model("llama")
    lay_out_weights(small)
    projection = small.model.layers[0].mlp.up_proj
    assert "forward" not in vars(projection)
    assert torch.isfinite(projection.weight).all()
    half = tiny_model("llama", hidden_size=256, intermediate_size=512).bfloat16()
    lay_out_weights(half)
    assert not any("forward" in vars(layer) for layer in half.modules())


def test_there_is_one_copy_of_the_weights_and_the_head_keeps_its_own() -> None:
    model = tiny_model("llama", hidden_size=256, intermediate_size=512)
    lay_out_weights(model)
    projection = model.model.layers[0].mlp.up_proj
    assert projection.weight.shape == (512, 256)
    assert projection.weight.untyped_storage().nbytes() == 4
    assert projection.weight.isnan().all()
    assert torch.isfinite(model.lm_head.weight).all()
