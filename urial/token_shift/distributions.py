"""Exact figures of next-token distributions, from logits that exist for a chunk of positions alone.

A chunk's logits are written a block of the vocabulary at a time, and what needs one pass over them (normaliser,
entropy, group maxima) is computed while the block is in the processor's cache. They are stored token by token, each with
its positions side by side: so a block is one piece of memory, and products of matrices are fastest. Divergences need the normalisers, and
read the chunk once more. Powers of two are several times as fast as powers of e; sums over blocks are float64.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from urial.errors import UrialError
from urial.token_shift.head import Float32Head

# The top tokens are looked for in the groups with the largest maxima: a group has this many tokens.
GROUP = 32
# A block of positions x vocabulary of this many numbers stays in the cache.
BLOCK_NUMBERS = 2**19
LOG2_E = math.log2(math.e)
# Below every logit; keeps the maximum of impossible tokens finite.
LOWEST = -1e30


@dataclass(frozen=True)
class Layout:
    """How the vocabulary is cut: ``blocks`` blocks of ``width`` tokens, a multiple of GROUP; the last has padding."""

    vocabulary: int
    width: int

    @classmethod
    def of(cls, vocabulary: int, positions: int) -> "Layout":
        """For chunks of so many positions."""
        blocks = max(1, round(vocabulary * positions / BLOCK_NUMBERS))
        return cls(vocabulary, math.ceil(vocabulary / blocks / GROUP) * GROUP)

    @property
    def starts(self) -> range:
        """The first token of each block."""
        return range(0, self.vocabulary, self.width)

    @property
    def padded(self) -> int:
        """Columns of a chunk's buffer."""
        return len(self.starts) * self.width

    def block(self, start: int) -> slice:
        """The tokens of a block."""
        return slice(start, min(start + self.width, self.vocabulary))


class Buffers:
    """Memory of chunks, allocated once: logits of ``models`` models and a few blocks."""

    def __init__(self, layout: Layout, positions: int, models: int, device: Any) -> None:
        import torch

        self.layout = layout
        self.logits = [
            torch.empty(layout.padded * positions, dtype=torch.float32, device=device) for _ in range(models)
        ]
        self.blocks = [torch.empty(layout.width * positions, dtype=torch.float32, device=device) for _ in range(4)]

    def distribution(self, number: int, positions: int) -> Any:
        """Logits [padded vocabulary, positions] of the ``number``-th model, still to be written."""
        logits = self.logits[number][: self.layout.padded * positions].view(self.layout.padded, positions)
        logits[self.layout.vocabulary :] = -math.inf
        return logits

    def scratch(self, number: int, tokens: int, positions: int) -> Any:
        """A block [tokens, positions] to write into."""
        return self.blocks[number][: tokens * positions].view(tokens, positions)


class Distribution:
    """One model's distributions at the positions of a chunk."""

    def __init__(self, buffers: Buffers, number: int, positions: int) -> None:
        """In the ``number``-th logits of ``buffers``."""
        import torch

        self.buffers, self.layout = buffers, buffers.layout
        self.logits = buffers.distribution(number, positions)
        self.peak = torch.full((positions,), LOWEST, dtype=torch.float32, device=self.logits.device)
        self.total = torch.zeros(positions, dtype=torch.float64, device=self.logits.device)
        self._weighted = torch.zeros_like(self.total)
        # Groups of padding alone stay below those of impossible tokens.
        self._group_peaks = self.logits.new_full((self.layout.padded // GROUP, positions), -math.inf)

    def evaluate(self, head: Float32Head, hidden: Any, exchanged: Mapping[int, int]) -> None:
        """Write the logits, with normalisers and maxima on the way. Raises UrialError for logits that are not numbers."""
        hidden = hidden.to(head.device).float()
        for start in self.layout.starts:
            block = self.logits[self.layout.block(start)]
            _write(head, hidden, start, block, exchanged)
            self._add(start, block)
        if not (self.total.isfinite() & (self.total > 0)).all():
            # Comparisons with NaN are false: every token would have rank 1.
            raise UrialError("a model's logits are not numbers", fix="load the pair in float32 or bfloat16")

    def _add(self, start: int, block: Any) -> None:
        import torch

        groups = -(-len(block) // GROUP)
        peaks = (
            self.logits[start : start + groups * GROUP].view(groups, GROUP, block.shape[1]).amax(1).clamp_(min=LOWEST)
        )
        self._group_peaks[start // GROUP : start // GROUP + groups] = peaks
        peak = peaks.amax(0)
        powers, values = (self.buffers.scratch(number, *block.shape) for number in (0, 1))
        # The maximum is subtracted before anything is rounded: differences of likely tokens are exact.
        torch.sub(block, peak, out=powers).mul_(LOG2_E)
        torch.exp2(powers, out=values)
        # 0 x -inf is no number; a token without probability adds nothing.
        weighted = powers.clamp_(min=LOWEST).mul_(values).sum(0).double() / LOG2_E
        total, peak = values.sum(0).double(), peak.double()
        highest = torch.maximum(self.peak.double(), peak)
        for old_peak, old_total, old_weighted in (
            (self.peak.double(), self.total, self._weighted), (peak, total, weighted)
        ):  # fmt: skip
            factor, shift = (old_peak - highest).exp(), old_peak - highest
            old_weighted.add_(shift * old_total).mul_(factor)
            old_total.mul_(factor)
        self.total, self._weighted, self.peak = self.total + total, self._weighted + weighted, highest.float()

    @property
    def log_total(self) -> Any:
        """Natural logarithm of the normaliser, float64 [positions]."""
        return self.peak.double() + self.total.log()

    @property
    def entropy(self) -> Any:
        """In nats, [positions]."""
        return (self.total.log() - self._weighted / self.total).clamp(min=0)

    def chosen(self, tokens: Any) -> Any:
        """Logits of one token a position."""
        return self.logits.gather(0, tokens.unsqueeze(0)).squeeze(0)

    def logprob(self, tokens: Any) -> Any:
        """Natural-log probabilities [positions, n] of ``tokens`` [positions, n]."""
        return (self.logits.T.gather(1, tokens).double() - self.log_total.unsqueeze(1)).clamp(max=0)

    def top(self, count: int) -> tuple[Any, Any]:
        """The ``count`` most probable tokens and their logits, [positions, count], equal ones in the order of their ids."""
        import torch

        peaks = self._group_peaks.T.contiguous()
        groups = peaks.topk(min(count, peaks.shape[1])).indices
        steps = torch.arange(GROUP, device=groups.device)
        tokens = (groups.unsqueeze(2) * GROUP + steps).flatten(1).sort(1).values
        values, order = self.logits.T.gather(1, tokens).sort(dim=1, descending=True, stable=True)
        return tokens.gather(1, order[:, :count]), values[:, :count]

    def ranks(self, tokens: Any, top_values: Any) -> tuple[Any, Any]:
        """Rank (1 + tokens strictly more probable) and ties (others exactly as probable) of one token a position."""
        chosen = self.chosen(tokens).unsqueeze(1)
        rank, ties = 1 + (top_values > chosen).sum(1), (top_values == chosen).sum(1) - 1
        # Among its candidates a token is judged by them; below, or as probable as the last, by the whole vocabulary.
        below = (chosen[:, 0] <= top_values[:, -1]).nonzero().squeeze(1)
        if len(below):
            bar = chosen[below, 0]
            rank[below], ties[below] = 1, -1
            for start in self.layout.starts:
                block = self.logits[self.layout.block(start)]
                block = block if len(below) == len(chosen) else block[:, below]
                flags = self.buffers.scratch(2, *block.shape)
                rank[below] += _count(flags, block, bar, "gt")
                ties[below] += _count(flags, block, bar, "eq")
        return rank, ties


def _count(flags: Any, block: Any, bar: Any, comparison: str) -> Any:
    """How many numbers of each position of ``block`` are above (gt) or equal (eq) to ``bar`` [positions]."""
    import torch

    # Flags that are floats are summed several times as fast as truth values; a block's count is exact in float32.
    getattr(torch, comparison)(block, bar, out=flags)
    return flags.sum(0).long()


def divergences(base: Distribution, aligned: Distribution) -> dict[str, Any]:
    """KL in both directions and Jensen-Shannon, in nats, float64 [positions], of two distributions of one layout.

    Logarithms of probability ratios are centred on the ratio of the normalisers as float32, and what that rounds away
    is added in float64, so that near-identical distributions keep their digits.
    """
    import torch

    centre = (aligned.log_total - base.log_total).float()
    rest = centre.double() - (aligned.log_total - base.log_total)
    ratio = (aligned.total / base.total).float()
    forward, backward, mixed = (torch.zeros_like(base.total) for _ in range(3))
    for start in base.layout.starts:
        cut = base.layout.block(start)
        left, right = base.logits[cut], aligned.logits[cut]
        difference, p_base, p_aligned, product = (base.buffers.scratch(number, *left.shape) for number in range(4))
        torch.sub(left, base.peak, out=p_base).mul_(LOG2_E).exp2_()
        torch.sub(right, aligned.peak, out=p_aligned).mul_(LOG2_E).exp2_()
        torch.sub(right, left, out=difference).sub_(centre)
        forward += torch.mul(p_aligned, difference, out=product).sum(0).double()
        backward -= torch.mul(p_base, difference, out=product).sum(0).double()
        mixture = p_base.mul_(ratio).add_(p_aligned)
        logarithm = torch.log(torch.clamp(mixture, min=torch.finfo(torch.float32).tiny, out=difference), out=difference)
        mixed += logarithm.mul_(mixture).sum(0).double()
    half_mixture = mixed / aligned.total / 2 - aligned.total.log() - math.log(2)
    found = {
        "kl": forward / aligned.total + rest,
        "kl_reverse": backward / base.total - rest,
        "js": -(base.entropy + aligned.entropy) / 2 - half_mixture,
    }
    impossible = torch.stack([value.isnan() for value in found.values()]).any(0).nonzero().squeeze(1).tolist()
    for row in impossible:
        for name, value in _careful(base, aligned, row).items():
            found[name][row] = value
    return {name: value.clamp(min=0) for name, value in found.items()}


def _careful(base: Distribution, aligned: Distribution, row: int) -> dict[str, Any]:
    """The same at one position where a model excludes tokens: no probability adds nothing, by continuity."""
    import torch

    p, q = (item.logits[:, row].double() - item.log_total[row] for item in (aligned, base))
    middle = torch.logaddexp(p, q) - math.log(2)

    def kl(left: Any, right: Any) -> Any:
        return torch.where(left.exp() > 0, left.exp() * (left - right), 0.0).sum()

    return {"kl": kl(p, q), "kl_reverse": kl(q, p), "js": (kl(p, middle) + kl(q, middle)) / 2}


def _write(head: Float32Head, hidden: Any, start: int, block: Any, exchanged: Mapping[int, int]) -> None:
    if block.device == hidden.device:
        head.write(hidden, start, block, exchanged)
        return
    # The pair's heads are on two devices: both distributions are compared on the first.
    logits = block.new_empty(block.shape, device=hidden.device)
    head.write(hidden, start, logits, exchanged)
    block.copy_(logits)
