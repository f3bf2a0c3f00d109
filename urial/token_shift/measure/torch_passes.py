"""The passes over logits on any device, by torch."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from urial.token_shift.measure.blocks import GROUP, LOWEST, Block, Side, Sums

if TYPE_CHECKING:
    from torch import Tensor


class TorchPasses:
    """The definitions in float64, elementwise, for devices on which operations are as fast as memory."""

    # More keep no device busier.
    most_numbers = 2**22
    # Seven numbers of float64 for each of a block's.
    scratch_each = 14

    def __init__(self, scratch_numbers: int = scratch_each * most_numbers) -> None:
        """``scratch_numbers`` is the most memory that a pass may take besides the blocks, in float32 numbers."""
        self.block_numbers = max(1, min(self.most_numbers, scratch_numbers // self.scratch_each))
        self.scratch_numbers = self.scratch_each * self.block_numbers

    def write(self, blocks: Sequence[Block], write: Callable[[Block], None]) -> Sums:
        import torch

        parts = []
        for block in blocks:
            write(block)
            parts.append(self._added(block))
        return Sums.joined(torch.stack(parts))

    def _added(self, block: Block) -> "Tensor":
        import torch

        block.group_peaks.copy_(block.padded.view(-1, GROUP, block.padded.shape[1]).amax(1).clamp_(min=LOWEST))
        peak = block.group_peaks.amax(0)
        powers = block.tokens.double().sub_(peak)
        values = powers.exp()
        # 0 x -inf is no number; a token without probability adds nothing.
        weighted = powers.clamp_(min=LOWEST).mul_(values)
        return torch.stack([peak.double(), values.sum(0), weighted.sum(0)])

    def compare(self, base: Side, aligned: Side) -> "tuple[Tensor, Tensor]":
        import torch

        parts = []
        for left, right in zip(self._cut(base.logits), self._cut(aligned.logits), strict=True):
            log_p, log_q = left.double().sub_(base.sums.log_total), right.double().sub_(aligned.sums.log_total)
            p, q = log_p.exp(), log_q.exp()
            ratio = log_q - log_p
            forward, backward = (q * ratio).sum(0), -ratio.mul_(p).sum(0)
            separate = log_p.mul_(p).add_(log_q.mul_(q)).sum(0)
            mixture = p.add_(q).div_(2)
            mixed = mixture.xlogy_(mixture).sum(0)
            parts.append(torch.stack([forward, backward, separate / 2 - mixed]))
        counts = torch.cat([self.count(side.logits, side.bar) for side in (base, aligned)])
        return torch.stack(parts).sum(0), counts

    def count(self, logits: "Tensor", bar: "Tensor") -> "Tensor":
        import torch

        parts = [torch.stack([(part > bar).sum(0), (part == bar).sum(0)]) for part in self._cut(logits)]
        return torch.stack(parts).sum(0)

    def _cut(self, logits: "Tensor") -> "tuple[Tensor, ...]":
        import torch

        return torch.split(logits, max(1, self.block_numbers // logits.shape[1]))

    def top(self, logits: "Tensor", group_peaks: "Tensor", count: int) -> "Tensor":
        import torch

        # Of equal groups, the first ones: a token of a later one comes after all of theirs.
        groups = group_peaks.T.sort(dim=1, descending=True, stable=True).indices[:, :count]
        steps = torch.arange(GROUP, device=groups.device)
        tokens = (groups.unsqueeze(2) * GROUP + steps).flatten(1).sort(1).values
        inside = tokens < len(logits)
        values = logits.T.gather(1, tokens.clamp(max=len(logits) - 1)).where(inside, -math.inf)
        # The padding has the largest ids of all: as improbable as an impossible token, it comes after it.
        order = values.sort(dim=1, descending=True, stable=True).indices
        return tokens.gather(1, order[:, :count])
