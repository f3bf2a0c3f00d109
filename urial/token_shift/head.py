"""A causal model as two parts: hidden states of whole sequences, and its output head applied in pieces."""

import copy
import math
from collections.abc import Sequence
from typing import Any

from urial.errors import UrialError


class SplitModel:
    """Gives final hidden states and float32 logits of one model."""

    def __init__(self, model: Any, prefix_ids: Sequence[int]) -> None:
        """``prefix_ids`` is what all sequences begin with; it is encoded once."""
        import torch
        from transformers import DynamicCache

        self.model = model
        self.device = model.device
        self.head = _Float32Head(model)
        self.prefix = len(prefix_ids)
        self.cache = DynamicCache()
        if prefix_ids:
            tokens = torch.tensor([list(prefix_ids)], device=self.device)
            model(input_ids=tokens, past_key_values=self.cache, use_cache=True, logits_to_keep=1)

    def hidden_states(self, rows: Sequence[Sequence[int]]) -> Any:
        """Hidden states [rows, width, hidden] of sequences given without their prefix, padded on the right.

        Padding comes last, where a causal model does not look from anything before it.
        """
        import torch

        width = max(map(len, rows))
        ids = torch.tensor([[*row, *[row[-1]] * (width - len(row))] for row in rows], device=self.device)
        positions = torch.arange(self.prefix, self.prefix + width, device=self.device).expand(len(rows), -1)
        cache = None
        if self.prefix:
            cache = copy.deepcopy(self.cache)
            cache.batch_repeat_interleave(len(rows))
        captured: list[Any] = []
        hook = self.model.get_decoder().register_forward_hook(lambda module, args, output: captured.append(output[0]))
        try:
            output = self.model(
                input_ids=ids,
                position_ids=positions,
                past_key_values=cache,
                use_cache=cache is not None,
                logits_to_keep=1,
            )
        finally:
            hook.remove()
        hidden = captured[0]
        self.head.require_equal(hidden[:, -1], output.logits[:, -1])
        return hidden


class _Float32Head:
    """The model's own output head in float32, with the scaling that its architecture adds."""

    def __init__(self, model: Any) -> None:
        self.module = model.get_output_embeddings()
        config = model.config.get_text_config()
        self.cap = getattr(config, "final_logit_softcapping", None)
        self.factor = float(getattr(config, "logit_scale", None) or 1) / float(
            getattr(config, "logits_scaling", None) or 1
        )
        self.weight = self.module.weight.float()
        self.bias = None if getattr(self.module, "bias", None) is None else self.module.bias.float()
        # bfloat16 keeps 8 bits of a logit, float16 keeps 11.
        self.tolerance = 1e-3 if self.module.weight.element_size() == 4 else 0.03

    def __call__(self, hidden: Any) -> Any:
        """Logits [positions, vocabulary] in float32 from hidden states [positions, hidden]."""
        from torch.nn.functional import linear

        logits = linear(hidden.to(self.weight.device).float(), self.weight, self.bias) * self.factor
        return (logits / self.cap).tanh() * self.cap if self.cap else logits

    def require_equal(self, hidden: Any, logits: Any) -> None:
        """Raises UrialError unless this head gives what the model itself gave."""
        own = logits.float()
        difference = (self(hidden) - own.to(self.weight.device)).abs().max().item()
        if not difference <= self.tolerance * max(1.0, own.abs().max().item()) or math.isnan(difference):
            raise UrialError(
                "the model changes its logits in a way that the token shift measurement does not know "
                f"(difference {difference:.3g})",
                fix="report the architecture; no number was written",
            )
