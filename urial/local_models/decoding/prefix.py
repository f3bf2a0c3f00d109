"""The tokens that all prompts begin with: a model's state after them is computed once, and each batch goes on from it."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from urial.core.text import shared_length
from urial.local_models.decoding.architecture import Sharing, state_name, unknown_state

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel


def shared_prefix_length(prompts: Sequence[list[int]]) -> int:
    """Length of the token prefix that all prompts share, leaving each at least one token of its own."""
    if len(prompts) < 2:
        return 0
    # What the smallest and the largest share in dictionary order, all between them share.
    return min(shared_length(min(prompts), max(prompts)), min(map(len, prompts)) - 1)


@dataclass
class Prefix:
    """The tokens that all prompts begin with, and a model's state after them.

    ``longest``: tokens of the longest row, prompt and answer.
    """

    model: "PreTrainedModel"
    ids: list[int]
    longest: int
    sharing: Sharing
    # A PrefixCache where rows are decoded together, else whatever the model keeps.
    state: Any

    @classmethod
    def encoded(cls, model: "PreTrainedModel", ids: Sequence[int], longest: int, sharing: Sharing) -> "Prefix":
        """Computes the state once, for all rows."""
        import torch

        from urial.local_models.decoding.prefix_cache import PrefixCache

        ids = [] if sharing is Sharing.NONE else list(ids)
        state: Any = PrefixCache.of(model, joins=sharing is Sharing.JOIN) if sharing.together else None
        if ids:
            with torch.inference_mode():
                _, state = forward(model, [ids], state)
        return cls(model, ids, longest, sharing, state)

    def branch(self, rows: int) -> Any:
        """A state for rows that go on from here; changing it leaves this one as it is."""
        if self.sharing.together:
            return self.state.branch(rows, self.longest - len(self.ids))
        return copy.deepcopy(self.state)


def forward(
    model: "PreTrainedModel", ids: Sequence[Sequence[int]], state: Any, **layout: "Tensor"
) -> "tuple[Tensor, Any]":
    """Logits [rows, vocabulary] after the last of ``ids`` (rows of one length) in float32, and the state after them."""
    import torch

    name = state_name(model)
    tokens = torch.tensor(ids, device=model.device)
    output = model(input_ids=tokens, use_cache=True, logits_to_keep=1, **layout, **{name: state})
    if name not in output:
        raise unknown_state(model)
    return output.logits[:, -1].float(), output[name]
