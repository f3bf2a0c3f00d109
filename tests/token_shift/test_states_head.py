"""A model's head on hidden states: the model's own logits, or an error."""

import functools
from collections.abc import Mapping
from typing import Any

import pytest
import torch

from tests.tiny_models import of_each_kind, tiny_model
from tests.token_shift.reference import pair
from urial.core.errors import UrialError
from urial.local_models.decoding.architecture import decoder_of
from urial.token_shift.measure.states import Float32Head

ROW = [1, 9, 8, 7, 30, 31, 32, 10, 11, 12, 13]
SCALED = ("gemma2", "gemma3", "cohere", "granite")
UNKNOWN = "the model changes its logits in a way that the token shift measurement does not know (difference {})"


@torch.inference_mode()
def states_and_logits(model: Any) -> tuple[Any, Any]:
    """What the head gets, and what the model makes of it, [positions, ...]."""
    ids = torch.tensor([ROW])
    captured: list[Any] = []
    hook = decoder_of(model).register_forward_hook(lambda module, args, output: captured.append(output[0]))
    logits = model(input_ids=ids, use_cache=False).logits[0]
    hook.remove()
    return captured[0][0], logits


@torch.inference_mode()
def written(model: Any, width: int | None = None, exchanged: Mapping[int, int] | None = None) -> Any:
    """All logits, in blocks of ``width`` tokens."""
    head = Float32Head(model)
    hidden, _ = states_and_logits(model)
    out = torch.full((head.vocabulary, len(hidden)), float("nan"))
    for start in range(0, head.vocabulary, width or head.vocabulary):
        head.write(hidden.float(), start, out[start : start + (width or head.vocabulary)], exchanged or {})
    return out.T


@pytest.mark.parametrize("name", of_each_kind())
@torch.inference_mode()
def test_head_on_hidden_states_gives_the_models_own_logits(name: str) -> None:
    model = pair(name)[0]
    hidden, logits = states_and_logits(model)
    torch.testing.assert_close(written(model), logits, rtol=1e-4, atol=1e-4)
    Float32Head(model).require_equal(hidden[-1], logits[-1])


@pytest.mark.parametrize("width", [1, 32, 1000, 5000])
@pytest.mark.parametrize("name", ["llama", "phi", "gemma2", "cohere"])
def test_blocks_are_the_same_logits(name: str, width: int) -> None:
    model = pair(name)[0]
    torch.testing.assert_close(written(model, width), written(model), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [None, 32])
@pytest.mark.parametrize("name", ["llama", "phi", "gemma2", "cohere"])
def test_exchanged_tokens_have_the_others_logit(name: str, width: int | None) -> None:
    model = pair(name)[0]
    plain, found = written(model), written(model, width, {9: 1_700, 40: 41, 41: 40})
    expected = plain.clone()
    expected[:, [9, 40, 41]] = plain[:, [1_700, 41, 40]]
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert (found[:, 9] != plain[:, 9]).all()


def test_exchanged_tokens_leave_the_weights_as_they_are() -> None:
    model = pair("phi")[0]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    written(model, 32, {9: 1_700, 40: 41})
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("name", SCALED)
def test_scaling_is_part_of_what_is_measured(name: str) -> None:
    model = tiny_model(name)
    hidden, _ = states_and_logits(model)
    with torch.inference_mode():
        plain = torch.nn.functional.linear(hidden, model.get_output_embeddings().weight)
    assert (written(model) - plain).abs().max() > 0.5


@pytest.mark.parametrize("name", ["gemma2", "gemma3"])
def test_a_cap_is_kept(name: str) -> None:
    logits = written(tiny_model(name))
    assert 2.5 < logits.abs().max() <= 3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["llama", "phi", "cohere"])
@torch.inference_mode()
def test_head_works_in_float32_whatever_the_weights_are(name: str, dtype: torch.dtype) -> None:
    model = tiny_model(name).to(dtype)
    hidden, logits = states_and_logits(model)
    found = written(model, 100)
    module = model.get_output_embeddings()
    bias = 0 if getattr(module, "bias", None) is None else module.bias.double()
    exact = (hidden.double() @ module.weight.double().T + bias) * Float32Head(model).factor
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact.float(), rtol=1e-5, atol=1e-5)
    assert (found != logits.float()).any()
    Float32Head(model).require_equal(hidden[-1], logits[-1])


def changed(model: Any, change: Any) -> Any:
    """The model with other logits."""
    original = model.forward

    @functools.wraps(original)
    def forward(*args: Any, **kwargs: Any) -> Any:
        output = original(*args, **kwargs)
        output.logits = change(output.logits)
        return output

    model.forward = forward
    return model


@pytest.mark.parametrize(
    "change", [lambda logits: logits * 1.05, lambda logits: logits + torch.arange(logits.shape[-1])]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_logits_changed_in_an_unknown_way_are_an_error(change: Any, dtype: torch.dtype) -> None:
    model = changed(tiny_model("llama").to(dtype), change)
    hidden, logits = states_and_logits(model)
    with torch.inference_mode():
        own = written(model)[-1]
        difference = (own - logits[-1].float()).abs().max().item()
        with pytest.raises(UrialError) as caught:
            Float32Head(model).require_equal(hidden[-1], logits[-1])
    assert str(caught.value) == (
        f"{UNKNOWN.format(f'{difference:.3g}')}\n  fix: report the architecture; no number was written"
    )


@pytest.mark.parametrize("token", [0, 9, 1_791])
def test_a_single_changed_logit_is_an_error(token: int) -> None:
    model = tiny_model("llama")
    hidden, logits = states_and_logits(model)
    logits = logits[-1].clone()
    logits[token] += 1
    with torch.inference_mode(), pytest.raises(UrialError):
        Float32Head(model).require_equal(hidden[-1], logits)


@pytest.mark.parametrize("token", [0, 3, 9_999])
def test_logits_that_are_not_numbers_are_an_error(token: int) -> None:
    model = tiny_model("llama", vocab_size=10_000)
    with torch.no_grad():
        model.lm_head.weight[token] = float("nan")
    hidden, logits = states_and_logits(model)
    with torch.inference_mode(), pytest.raises(UrialError) as caught:
        Float32Head(model).require_equal(hidden[-1], logits[-1])
    assert str(caught.value) == (
        "the model's logits are not numbers\n"
        "  fix: load it in float32 or bfloat16; where that does not help, its files are damaged"
    )
