"""Logits of a chunk of positions in blocks of the vocabulary, and the passes over them by torch.

A block of logits is [tokens, positions]. Sums over many tokens are float64, and powers are taken of a logit less the
largest one, so that nothing overflows and differences of likely tokens are exact.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# The top tokens are looked for in the groups with the largest maxima: a group has this many tokens.
GROUP = 32
# Below every logit; keeps the maximum of impossible tokens finite.
LOWEST = -1e30


@dataclass(frozen=True)
class Block:
    """A part of the vocabulary at a chunk's positions."""

    start: int
    """Its first token."""
    tokens: "Tensor"
    """Logits [tokens, P]."""
    padded: "Tensor"
    """The same with what fills the last group: [groups x GROUP, P]."""
    group_peaks: "Tensor"
    """Largest logit of each group, [groups, P]."""


def block_width(vocabulary: int, positions: int, block_numbers: int) -> int:
    """Tokens of a block, a multiple of GROUP, for chunks of so many positions and blocks of about so many numbers."""
    blocks = max(1, round(vocabulary * positions / block_numbers))
    return math.ceil(vocabulary / blocks / GROUP) * GROUP


@dataclass(frozen=True)
class Sums:
    """What one model's distributions at P positions add up to, [P] each."""

    peak: "Tensor"
    """Largest logit, float32."""
    total: "Tensor"
    """Sum of exp(logit - peak), float64."""
    weighted: "Tensor"
    """Sum of exp(logit - peak) x (logit - peak), float64."""

    @classmethod
    def joined(cls, parts: "Tensor") -> "Sums":
        """Of blocks: ``parts`` [blocks, 3, P], float64, has the three of each."""
        peaks, totals, weighted = parts.unbind(1)
        peak = peaks.amax(0)
        shifts = peaks - peak
        factors = shifts.exp()
        return cls(peak.float(), (totals * factors).sum(0), ((weighted + shifts * totals) * factors).sum(0))

    @property
    def log_total(self) -> "Tensor":
        """Natural logarithm of the normalizer, float64."""
        return self.peak.double() + self.total.log()


Both = tuple["Tensor", "Tensor"]
"""Of the base model, and of the aligned one."""


class TorchPasses:
    """What is computed of a chunk's blocks: the definitions in float64, elementwise, for devices on which operations are
    as fast as memory."""

    # More keep no device busier.
    most_numbers = 2**22
    # Seven numbers of float64 for each of a block's.
    scratch_each = 14

    def __init__(self, scratch_numbers: int = scratch_each * most_numbers) -> None:
        """``scratch_numbers`` is the most memory that a pass may take besides the blocks, in float32 numbers."""
        # Numbers of a block: what stays in a cache, or keeps a device busy.
        self.block_numbers = max(1, min(self.most_numbers, scratch_numbers // self.scratch_each))
        self.scratch_numbers = self.scratch_each * self.block_numbers

    def write(self, blocks: Sequence[Block], write: Callable[[Block], None]) -> Sums:
        """Let ``write`` put the logits into each block, and add them up; their group peaks are set."""
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

    def compare(self, logits: Both, sums: tuple[Sums, Sums], bars: Both) -> "tuple[Tensor, Tensor]":
        """KL(aligned||base), KL(base||aligned) and Jensen-Shannon in nats, float64 [3, P], and the counts of ``count`` for both, [4, P].

        ``logits`` [vocabulary, P] and ``bars``, those of the emitted tokens [P], float32. A divergence is not finite where
        a model excludes a token.
        """
        import torch

        parts = []
        for left, right in zip(*map(self._cut, logits), strict=True):
            log_p, log_q = left.double().sub_(sums[0].log_total), right.double().sub_(sums[1].log_total)
            p, q = log_p.exp(), log_q.exp()
            ratio = log_q - log_p
            forward, backward = (q * ratio).sum(0), -ratio.mul_(p).sum(0)
            separate = log_p.mul_(p).add_(log_q.mul_(q)).sum(0)
            mixture = p.add_(q).div_(2)
            mixed = mixture.xlogy_(mixture).sum(0)
            parts.append(torch.stack([forward, backward, separate / 2 - mixed]))
        counts = torch.cat(list(map(self.count, logits, bars)))
        return torch.stack(parts).sum(0), counts

    def count(self, logits: "Tensor", bar: "Tensor") -> "Tensor":
        """How many logits are above ``bar`` [P], and how many equal to it: [2, P]."""
        import torch

        parts = [torch.stack([(part > bar).sum(0), (part == bar).sum(0)]) for part in self._cut(logits)]
        return torch.stack(parts).sum(0)

    def _cut(self, logits: "Tensor") -> "tuple[Tensor, ...]":
        import torch

        return torch.split(logits, max(1, self.block_numbers // logits.shape[1]))

    def top(self, logits: "Tensor", group_peaks: "Tensor", count: int) -> "Tensor":
        """The most probable tokens [P, count] of ``logits`` [vocabulary, P], equal ones in the order of their ids."""
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
