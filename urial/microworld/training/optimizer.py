"""Muon for the weight matrices and AdamW for the rest.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces a matrix' momentum by the nearest
orthogonal matrix. At this size it needs about half the steps of AdamW, which is what makes a base model in minutes.
"""

from collections import defaultdict

import torch
from torch import Tensor, nn

_MOMENTUM = 0.95
_WEIGHT_DECAY = 0.05
_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


class MuonAdamW:
    """`matrix_rate` and `other_rate` are peak learning rates; `step` scales them by the schedule's factor."""

    def __init__(self, model: nn.Module, matrix_rate: float, other_rate: float) -> None:
        self._matrices: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        others = []
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2 and "embed" not in name and "lm_head" not in name:
                self._matrices[parameter.shape].append(parameter)
            else:
                others.append(parameter)
        self._momenta = {shape: torch.zeros(len(group), *shape) for shape, group in self._matrices.items()}
        self._adamw = torch.optim.AdamW(others, lr=other_rate, betas=(0.9, 0.95), eps=1e-10, weight_decay=0.0)
        self._matrix_rate, self._other_rate = matrix_rate, other_rate

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Update every parameter from its gradient, at `factor` times the peak rates."""
        for group in self._adamw.param_groups:
            group["lr"] = self._other_rate * factor
        self._adamw.step()
        rate = self._matrix_rate * factor
        for shape, parameters in self._matrices.items():
            gradients = torch.stack([gradient for p in parameters if (gradient := p.grad) is not None])
            momentum = self._momenta[shape].lerp_(gradients, 1 - _MOMENTUM)
            updates = orthogonalize(gradients.lerp(momentum, _MOMENTUM))
            scale = rate * max(1.0, shape[0] / shape[1]) ** 0.5
            for parameter, update in zip(parameters, updates, strict=True):
                parameter.mul_(1 - _WEIGHT_DECAY * rate).add_(update, alpha=-scale)


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """The stack of matrices (n, rows, columns) with singular values brought near 1, by Newton-Schulz iteration."""
    first, second, third = _NEWTON_SCHULZ
    result: Tensor = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = result.shape[-2] > result.shape[-1]
    if tall:
        result = result.mT
    for _ in range(steps):
        gram = result @ result.mT
        result = first * result + (second * gram + third * gram @ gram) @ result
    return result.mT if tall else result
