"""Exact figures of next-token distributions, from logits that exist only for a chunk of positions.

A chunk's logits are written a block of the vocabulary at a time, and what needs one pass over them (normalizer,
entropy, group maxima) is computed while the block is in the cache. They are stored token by token, each with its
positions side by side: so a block is one piece of memory, and products of matrices are fastest. Divergences need the
normalizers, and ranks the emitted token's logit: they read the chunk once more.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from urial.token_shift.measure.blocks import GROUP, LOWEST, Block, Layout, Passes, Side
from urial.token_shift.measure.head import Float32Head, not_numbers
from urial.token_shift.measure.torch_passes import TorchPasses

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def passes_for(device: "torch.device", scratch_numbers: int) -> Passes:
    """The fastest ones on a device, which take at most so many float32 numbers besides the logits."""
    if device.type == "cpu":
        # What only reads measurements need not wait for the compiler's library.
        from urial.token_shift.measure.processor_passes import ProcessorPasses

        return ProcessorPasses()
    return TorchPasses(scratch_numbers)


class Buffers:
    """Logits of chunks of ``models`` models, allocated once."""

    def __init__(self, layout: Layout, positions: int, models: int, passes: Passes, device: "torch.device") -> None:
        import torch

        self.layout, self.passes = layout, passes
        self._logits = [
            torch.empty(layout.padded * positions, dtype=torch.float32, device=device) for _ in range(models)
        ]

    def distribution(self, number: int, positions: int) -> "Distribution":
        """The ``number``-th model's, still to be evaluated."""
        padded = self.layout.padded
        return Distribution(
            self._logits[number][: padded * positions].view(padded, positions), self.layout, self.passes
        )


class Distribution:
    """One model's distributions at the P positions of a chunk."""

    def __init__(self, logits: "Tensor", layout: Layout, passes: Passes) -> None:
        """``logits`` [padded vocabulary, P] will be written to."""
        self.logits, self.passes = logits[: layout.vocabulary], passes
        logits[layout.vocabulary :] = -math.inf
        self._group_peaks = logits.new_empty(layout.padded // GROUP, logits.shape[1])
        self._blocks = layout.blocks(logits, self._group_peaks)

    def evaluate(self, head: Float32Head, hidden: "Tensor", exchanged: Mapping[int, int]) -> None:
        """Write the logits, with normalizers and maxima on the way. Raises UrialError for logits that are not numbers."""
        hidden = hidden.to(head.device).float()
        self.sums = self.passes.write(self._blocks, lambda block: _write(head, hidden, block, exchanged))
        possible = self.sums.peak > LOWEST
        if not (possible & self.sums.total.isfinite() & self.sums.weighted.isfinite()).all():
            # Comparisons with NaN are false: every token would have rank 1.
            raise not_numbers(head.name)

    @property
    def entropy(self) -> "Tensor":
        """In nats, float64 [P]."""
        return (self.sums.total.log() - self.sums.weighted / self.sums.total).clamp(min=0)

    def chosen(self, tokens: "Tensor") -> "Tensor":
        """Logits [P] of one token a position."""
        return self.logits.gather(0, tokens.unsqueeze(0)).squeeze(0)

    def side(self, tokens: "Tensor") -> Side:
        """What it is compared by, at each position's emitted token."""
        return Side(self.logits, self.sums, self.chosen(tokens))

    def logprob(self, tokens: "Tensor") -> "Tensor":
        """Natural-log probabilities [P, n] of ``tokens`` [P, n]."""
        return (self.logits.T.gather(1, tokens).double() - self.sums.log_total.unsqueeze(1)).clamp(max=0)

    def top(self, count: int) -> "Tensor":
        """The ``count`` most probable tokens [P, count], equal ones in the order of their ids."""
        return self.passes.top(self.logits, self._group_peaks, count)

    def rank_and_ties(self, tokens: "Tensor") -> "tuple[Tensor, Tensor]":
        """Rank (1 + tokens strictly more probable) and ties (others exactly as probable) of one token a position."""
        return _rank_and_ties(self.passes.count(self.logits, self.chosen(tokens)))


@dataclass(frozen=True)
class Comparison:
    """Two models at the same positions, [P] each: divergences in nats, and the emitted token's rank and ties."""

    kl: "Tensor"
    kl_reverse: "Tensor"
    js: "Tensor"
    base_rank_and_ties: "tuple[Tensor, Tensor]"
    aligned_rank_and_ties: "tuple[Tensor, Tensor]"


def compare(base: Distribution, aligned: Distribution, base_tokens: "Tensor", aligned_tokens: "Tensor") -> Comparison:
    """KL in both directions and Jensen-Shannon, float64, and rank and ties of each one's tokens [P], of distributions of one layout."""
    divergences, counts = base.passes.compare(base.side(base_tokens), aligned.side(aligned_tokens))
    for row in (~divergences.isfinite()).any(0).nonzero().squeeze(1).tolist():
        divergences[:, row] = _careful(base, aligned, row)
    kl, kl_reverse, js = divergences.clamp_(min=0)
    return Comparison(kl, kl_reverse, js, _rank_and_ties(counts[:2]), _rank_and_ties(counts[2:]))


def _rank_and_ties(counts: "Tensor") -> "tuple[Tensor, Tensor]":
    above, equal = counts
    return above + 1, equal - 1


def _careful(base: Distribution, aligned: Distribution, row: int) -> "Tensor":
    """The divergences at one position where a model excludes tokens: no probability adds nothing, by continuity."""
    import torch

    p, q = (side.logits[:, row].double().log_softmax(0) for side in (aligned, base))
    middle = torch.logaddexp(p, q) - math.log(2)

    def kl(left: "Tensor", right: "Tensor") -> "Tensor":
        return torch.where(left.exp() > 0, left.exp() * (left - right), 0.0).sum()

    return torch.stack([kl(p, q), kl(q, p), (kl(p, middle) + kl(q, middle)) / 2])


def _write(head: Float32Head, hidden: "Tensor", block: Block, exchanged: Mapping[int, int]) -> None:
    out = block.tokens
    if out.device == hidden.device:
        head.write(hidden, block.start, out, exchanged)
        return
    # The pair's heads are on two devices: both distributions are compared on the first.
    logits = out.new_empty(out.shape, device=hidden.device)
    head.write(hidden, block.start, logits, exchanged)
    out.copy_(logits)
