"""A model as hidden states and a head: the same logits, or an error."""

import functools
from typing import Any

import pytest
import torch

from tests.tiny_models import tiny_model
from urial.errors import UrialError
from urial.token_shift.head import SplitModel

SCALED = ("gemma2", "cohere", "granite")
PREFIX = [1, 9, 8, 7, 30, 31, 32]
ROWS = [[10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20], [21], [22, 23, 24]]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt-neox", "olmo2", "opt", "mistral-narrow-window", *SCALED])
def test_head_on_hidden_states_gives_the_models_own_logits(name: str) -> None:
    model = tiny_model(name)
    with torch.inference_mode():
        split = SplitModel(model, PREFIX)
        hidden = split.hidden_states(ROWS)
        for number, row in enumerate(ROWS):
            own = model(input_ids=torch.tensor([[*PREFIX, *row]])).logits[0, len(PREFIX) :]
            torch.testing.assert_close(split.head(hidden[number, : len(row)]), own, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", SCALED)
def test_scaling_is_part_of_what_is_measured(name: str) -> None:
    model = tiny_model(name)
    with torch.inference_mode():
        split = SplitModel(model, [])
        hidden = split.hidden_states(ROWS)[0]
        plain = torch.nn.functional.linear(hidden, model.get_output_embeddings().weight)
        assert (split.head(hidden) - plain).abs().max() > 0.5


def test_head_works_in_float32_whatever_the_weights_are() -> None:
    model = tiny_model("llama").to(torch.bfloat16)
    with torch.inference_mode():
        split = SplitModel(model, PREFIX)
        logits = split.head(split.hidden_states(ROWS)[0])
    assert logits.dtype == torch.float32
    assert (logits != logits.bfloat16().float()).any()


@pytest.mark.parametrize(
    "change", [lambda logits: logits * 1.05, lambda logits: logits + torch.arange(logits.shape[-1])]
)
def test_logits_changed_in_an_unknown_way_are_an_error(change: Any) -> None:
    model = tiny_model("llama")
    original = model.forward

    @functools.wraps(original)
    def forward(*args: Any, **kwargs: Any) -> Any:
        output = original(*args, **kwargs)
        output.logits = change(output.logits)
        return output

    model.forward = forward
    with torch.inference_mode(), pytest.raises(UrialError) as caught:
        SplitModel(model, PREFIX).hidden_states(ROWS)
    assert caught.value.what.startswith(
        "the model changes its logits in a way that the token shift measurement does not know (difference "
    )
    assert caught.value.fix == "report the architecture; no number was written"


def test_logits_that_are_not_numbers_are_an_error() -> None:
    model = tiny_model("llama")
    with torch.no_grad():
        model.lm_head.weight[3] = float("nan")
    with torch.inference_mode(), pytest.raises(UrialError, match=r"\(difference nan\)"):
        SplitModel(model, []).hidden_states(ROWS)
