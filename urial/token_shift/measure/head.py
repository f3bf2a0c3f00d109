"""A model's own output head, applied in float32 to blocks of the vocabulary."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from urial.core.errors import UrialError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from transformers import PreTrainedModel


class Float32Head:
    """Logits of one model from its final hidden states, with the scaling that its architecture adds.

    Weights that are not float32 are converted a block at a time, so that no second copy of the head exists.
    """

    def __init__(self, model: "PreTrainedModel") -> None:
        module = model.get_output_embeddings()
        config = model.config.get_text_config()
        self.cap = getattr(config, "final_logit_softcapping", None)
        self.factor = float(getattr(config, "logit_scale", None) or 1) / float(
            getattr(config, "logits_scaling", None) or 1
        )
        self.name = getattr(model, "name_or_path", None) or None
        self.weight: Tensor = module.weight
        self.bias: Tensor | None = getattr(module, "bias", None)
        # bfloat16 keeps 8 bits of a logit, float16 keeps 11.
        self.tolerance = 1e-3 if self.weight.element_size() == 4 else 0.03

    @property
    def vocabulary(self) -> int:
        """Number of logits."""
        return int(self.weight.shape[0])

    @property
    def device(self) -> "torch.device":
        """Where logits are computed."""
        return self.weight.device

    def write(self, hidden: "Tensor", start: int, out: "Tensor", exchanged: Mapping[int, int]) -> None:
        """Put the logits of tokens ``start`` on into ``out`` [width, positions], from float32 ``hidden``.

        ``exchanged`` names tokens in whose place another one's logit is wanted.
        """
        import torch

        stop = start + len(out)
        weight, bias = self.weight[start:stop].float(), self.bias
        bias = None if bias is None else bias[start:stop].float()
        for token, other in exchanged.items():
            if start <= token < stop:
                weight = weight.clone()
                weight[token - start] = self.weight[other].float()
                if self.bias is not None and bias is not None:
                    bias = bias.clone()
                    bias[token - start] = self.bias[other].float()
        torch.mm(weight, hidden.T, out=out)
        if bias is not None:
            out += bias.unsqueeze(1)
        if self.factor != 1:
            out *= self.factor
        if self.cap:
            out.div_(self.cap).tanh_().mul_(self.cap)

    def require_equal(self, hidden: "Tensor", logits: "Tensor") -> None:
        """Raises UrialError unless this head gives what the model itself gave: logits [vocabulary] of one position."""
        import torch

        own = logits.float().to(self.device)
        states = hidden.to(self.device).float().unsqueeze(0)
        width = 8_192
        difference = 0.0
        for start in range(0, self.vocabulary, width):
            logits_here = torch.empty(min(width, self.vocabulary - start), 1, device=self.device)
            self.write(states, start, logits_here, {})
            difference = _larger(difference, (logits_here[:, 0] - own[start : start + width]).abs().max().item())
        if math.isnan(difference):
            raise not_numbers(self.name)
        if not difference <= self.tolerance * max(1.0, own.abs().max().item()):
            raise UrialError(
                "the model changes its logits in a way that the token shift measurement does not know "
                f"(difference {difference:.3g})",
                fix="report the architecture; no number was written",
            )


def not_numbers(model: str | None) -> UrialError:
    """The error of a model, named by its folder or hub id, whose logits are NaN or infinite."""
    return UrialError(
        "the model's logits are not numbers",
        where=model,
        fix="load it in float32 or bfloat16; where that does not help, its files are damaged",
    )


def _larger(left: float, right: float) -> float:
    """The larger number; NaN where either is NaN, which ``max`` does not promise."""
    return math.nan if math.isnan(left) or math.isnan(right) else max(left, right)
