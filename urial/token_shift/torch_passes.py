"""The passes over logits on any device, by torch."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from urial.token_shift.blocks import GROUP, LOG2_E, LOWEST, Block, Relation, Sums


class TorchPasses:
    """Elementwise operations, for devices on which these are as fast as memory."""

    block_numbers = 2**23
    scratch_blocks = 6

    def write(self, blocks: Sequence[Block], write: Callable[[Block], None]) -> Sums:
        """See Passes."""
        import torch

        parts = []
        for block in blocks:
            write(block)
            parts.append(self._added(block))
        return Sums.joined(torch.stack(parts))

    def _added(self, block: Block) -> Any:
        import torch

        block.group_peaks.copy_(block.padded.view(-1, GROUP, block.padded.shape[1]).amax(1).clamp_(min=LOWEST))
        peak = block.group_peaks.amax(0)
        # Powers of two are several times as fast as powers of e.
        powers = torch.sub(block.tokens, peak).mul_(LOG2_E)
        values = powers.exp2()
        # 0 x -inf is no number; a token without probability adds nothing.
        weighted = powers.clamp_(min=LOWEST).mul_(values).sum(0).double() / LOG2_E
        return torch.stack([peak.double(), values.sum(0).double(), weighted])

    def compare(self, base: Any, aligned: Any, relation: Relation) -> tuple[Any, Any]:
        """See Passes."""
        import torch

        parts = []
        for left, right in zip(self._cut(base), self._cut(aligned), strict=True):
            p = torch.sub(left, relation.base_peak).mul_(LOG2_E).exp2_()
            q = torch.sub(right, relation.aligned_peak).mul_(LOG2_E).exp2_()
            difference = torch.sub(right, left).sub_(relation.centre)
            forward, backward = (q * difference).sum(0), (p * difference).sum(0)
            mixture = p.mul_(relation.ratio).add_(q).clamp_(min=torch.finfo(torch.float32).tiny)
            mixed = torch.log(mixture, out=difference).mul_(mixture).sum(0)
            parts.append(torch.stack([forward, backward, mixed]).double())
        counts = torch.cat([self.count(base, relation.base_bar), self.count(aligned, relation.aligned_bar)])
        return torch.stack(parts).sum(0), counts

    def count(self, logits: Any, bar: Any) -> Any:
        """See Passes."""
        import torch

        parts = [torch.stack([(part > bar).sum(0), (part == bar).sum(0)]) for part in self._cut(logits)]
        return torch.stack(parts).sum(0)

    def _cut(self, logits: Any) -> Any:
        return logits.split(max(1, self.block_numbers // logits.shape[1]))

    def top(self, logits: Any, group_peaks: Any, count: int) -> Any:
        """See Passes."""
        import torch

        # Of equal groups, the first ones: a token of a later one comes behind all of theirs.
        groups = group_peaks.T.sort(dim=1, descending=True, stable=True).indices[:, :count]
        steps = torch.arange(GROUP, device=groups.device)
        tokens = (groups.unsqueeze(2) * GROUP + steps).flatten(1).sort(1).values
        inside = tokens < len(logits)
        values = logits.T.gather(1, tokens.clamp(max=len(logits) - 1)).where(inside, -math.inf)
        # The padding has the largest ids of all: as improbable as an impossible token, it comes behind.
        order = values.sort(dim=1, descending=True, stable=True).indices
        return tokens.gather(1, order[:, :count])
