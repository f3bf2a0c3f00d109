"""How far the rows of each architecture can share its work, and what happens where none can."""

from typing import Any

import pytest
import torch

from tests.tiny_models import ARCHITECTURES, tiny_model
from urial.core.errors import UrialError
from urial.local_models.decoding.architecture import Sharing
from urial.local_models.decoding.attention import attend_to_prefix_once
from urial.local_models.decoding.rehearsal import sharing_of

# All others go on together from one prefix.
OTHERWISE = {
    "deepseek-v3": Sharing.JOIN,  # expands what its cache gave
    "mamba": Sharing.STEPS,  # begins anew at several tokens behind a state
    "jamba": Sharing.STEPS,
    "mpt": Sharing.COPY,  # distances by columns
    "gpt-neo": Sharing.COPY,  # a window by columns
    "rwkv": Sharing.COPY,  # a state of its own kind
    "minimax": Sharing.NONE,  # takes no state but its own
}


def ready(name: str) -> Any:
    model = tiny_model(name)
    attend_to_prefix_once(model)
    return model


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_architecture_shares_as_far_as_its_own_logits_allow(name: str) -> None:
    assert sharing_of(ready(name), 48) is OTHERWISE.get(name, Sharing.BATCH)


def test_rotation_that_depends_on_the_longest_row_leaves_each_alone_once_it_does() -> None:
    model = ready("phi3-longrope")
    assert sharing_of(model, 48) is Sharing.BATCH
    assert sharing_of(model, 49) is Sharing.NONE


def test_a_window_that_counts_padding_ends_batches_where_a_row_outgrows_it() -> None:
    """transformers' own attention goes by columns; ours, which ``prepared_model`` sets, by positions."""
    model = tiny_model("mistral-wide-window")
    assert sharing_of(model, 400).together
    assert sharing_of(model, 401) is Sharing.COPY
    attend_to_prefix_once(model)
    assert sharing_of(model, 401) is Sharing.BATCH


def test_a_model_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ready("llama")
    sharing_of(model, 48)
    monkeypatch.setattr(model, "forward", lambda *_, **__: pytest.fail("it is known"))
    assert sharing_of(model, 200) is Sharing.BATCH


def test_a_state_that_is_forgotten_is_never_decoded_from() -> None:
    """Whatever way is taken, the second token has to follow from the first."""
    model = ready("llama")
    forward = model.forward
    model.forward = lambda **given: forward(**{**given, "past_key_values": None})
    with pytest.raises(UrialError, match=r"^LlamaForCausalLM carries its state between tokens in an unknown way"):
        sharing_of(model, 48)


def test_logits_that_are_not_numbers_are_left_to_whoever_reads_them() -> None:
    model = ready("llama")
    with torch.no_grad():
        model.lm_head.weight[5] = float("nan")
    assert sharing_of(model, 48) is Sharing.BATCH
