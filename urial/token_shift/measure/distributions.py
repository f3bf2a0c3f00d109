"""Exact figures of next-token distributions, from logits that exist only for a chunk of positions.

A chunk has as many positions as the memory has room for the logits of. These are written a block of the vocabulary at a
time, and what needs one pass over them (normalizer, entropy, group maxima) is computed while the block is in the cache.
They are stored token by token, each with its positions side by side: so a block is one piece of memory, and products of
matrices are fastest. Divergences need the normalizers, and ranks the emitted token's logit: they read the chunk once more.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from urial.token_shift.measure.blocks import GROUP, LOWEST, Block, Sums, TorchPasses, block_width
from urial.token_shift.measure.measured_batches import Columns
from urial.token_shift.measure.states import MOST_TOKENS_PER_BATCH, Float32Head, not_numbers

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# More positions make no product of matrices faster.
MOST_POSITIONS = 512
# Rows of so many positions begin where a vector register's numbers do.
VECTOR = 16


@dataclass(frozen=True)
class Settings:
    """How a measurement is done; ``sequential`` changes no number, and ``memory_mib`` at most the last bits."""

    top_k: int
    memory_mib: int
    sequential: bool = False

    def as_json(self) -> JsonValue:
        """What the numbers depend on."""
        return {"top_k": self.top_k, "memory_mib": self.memory_mib}

    def positions(self, vocabulary: int, models: int, passes: TorchPasses) -> int:
        """Positions of a chunk: half of the memory is for float32 logits, and what passes over them take."""
        most = (self.memory_mib * 2**20 // 8 - passes.scratch_numbers) // (models * vocabulary)
        return min(MOST_POSITIONS, max(1, most // VECTOR * VECTOR or most))

    def tokens(self, bytes_per_token: int) -> int:
        """Tokens of a batch: a quarter of the memory is for a pass over them."""
        return min(MOST_TOKENS_PER_BATCH, self.memory_mib * 2**20 // 4 // bytes_per_token)


def passes_for(device: "torch.device", scratch_numbers: int) -> TorchPasses:
    """The fastest ones on a device, which take at most so many float32 numbers besides the logits."""
    if device.type == "cpu":
        # What only reads measurements need not wait for the compiler's library.
        from urial.token_shift.measure.processor_passes import ProcessorPasses

        return ProcessorPasses()
    return TorchPasses(scratch_numbers)


@dataclass(frozen=True)
class Distribution:
    """One model's distributions at the P positions of a chunk."""

    logits: "Tensor"
    """[vocabulary, P]."""
    group_peaks: "Tensor"
    """Largest logit of each group of tokens, [groups, P]."""
    sums: Sums
    passes: TorchPasses

    @property
    def entropy(self) -> "Tensor":
        """In nats, float64 [P]."""
        return (self.sums.total.log() - self.sums.weighted / self.sums.total).clamp(min=0)

    def chosen(self, tokens: "Tensor") -> "Tensor":
        """Logits [P] of one token a position."""
        return self.logits.gather(0, tokens.unsqueeze(0)).squeeze(0)

    def logprob(self, tokens: "Tensor") -> "Tensor":
        """Natural-log probabilities [P, n] of ``tokens`` [P, n]."""
        return (self.logits.T.gather(1, tokens).double() - self.sums.log_total.unsqueeze(1)).clamp(max=0)

    def top(self, count: int) -> "Tensor":
        """The ``count`` most probable tokens [P, count], equal ones in the order of their ids."""
        return self.passes.top(self.logits, self.group_peaks, count)

    def rank_and_ties(self, tokens: "Tensor") -> "tuple[Tensor, Tensor]":
        """Rank (1 + tokens strictly more probable) and ties (others exactly as probable) of one token a position."""
        above, equal = self.passes.count(self.logits, self.chosen(tokens))
        return above + 1, equal - 1


class Buffers:
    """Logits of chunks of ``models`` models, allocated once.

    The vocabulary is cut in blocks of ``width`` tokens, a multiple of GROUP; the last is padded to whole groups.
    """

    def __init__(
        self, vocabulary: int, width: int, positions: int, models: int, *, passes: TorchPasses, device: "torch.device"
    ) -> None:
        import torch

        self.vocabulary, self.width, self.passes = vocabulary, width, passes
        self.padded = math.ceil(vocabulary / GROUP) * GROUP
        size = self.padded * positions
        self._logits = [torch.empty(size, dtype=torch.float32, device=device) for _ in range(models)]

    def blocks(self, logits: "Tensor", group_peaks: "Tensor") -> list[Block]:
        """Of logits [padded, P] and their groups' maxima [padded / GROUP, P]."""
        blocks = []
        for start in range(0, self.vocabulary, self.width):
            stop = min(start + self.width, self.padded)
            peaks = group_peaks[start // GROUP : stop // GROUP]
            blocks.append(Block(start, logits[start : min(stop, self.vocabulary)], logits[start:stop], peaks))
        return blocks

    def distribution(
        self, number: int, head: Float32Head, hidden: "Tensor", exchanged: Mapping[int, int]
    ) -> Distribution:
        """The ``number``-th model's at the positions of ``hidden`` [P, hidden]; what it was before is overwritten.

        Raises UrialError for logits that are not numbers.
        """
        logits = self._logits[number][: self.padded * len(hidden)].view(self.padded, len(hidden))
        logits[self.vocabulary :] = -math.inf
        group_peaks = logits.new_empty(self.padded // GROUP, len(hidden))
        hidden = hidden.to(head.device).float()

        def write(block: Block) -> None:
            out = block.tokens
            if out.device != hidden.device:
                # The pair's heads are on two devices: both distributions are compared on the first.
                out = out.new_empty(out.shape, device=hidden.device)
            head.write(hidden, block.start, out, exchanged)
            if out is not block.tokens:
                block.tokens.copy_(out)

        sums = self.passes.write(self.blocks(logits, group_peaks), write)
        if not ((sums.peak > LOWEST) & sums.total.isfinite() & sums.weighted.isfinite()).all():
            # Comparisons with NaN are false: every token would have rank 1.
            raise not_numbers(head.name)
        return Distribution(logits[: self.vocabulary], group_peaks, sums, self.passes)


class Chunks(Buffers):
    """The work on a few positions at a time, so that their logits fit the memory."""

    def __init__(self, heads: Sequence[Float32Head], settings: Settings) -> None:
        vocabulary = min(head.vocabulary for head in heads)
        self.top_k, self.device = min(settings.top_k, vocabulary), heads[0].device
        passes = passes_for(self.device, settings.memory_mib * 2**20 // 16)
        self.positions = settings.positions(vocabulary, len(heads), passes)
        width = block_width(vocabulary, self.positions, passes.block_numbers)
        super().__init__(vocabulary, width, self.positions, len(heads), passes=passes, device=self.device)

    def tokens(self, ids: Sequence[int] | np.ndarray) -> "Tensor":
        """Token ids where the chunks are computed."""
        import torch

        return torch.as_tensor(ids, dtype=torch.int64, device=self.device)

    def each(self, work: Callable[..., Columns], *columns: "Tensor") -> Columns:
        """The table's columns over all positions, from those that ``work`` makes of a chunk of each of ``columns`` [P, ...]."""
        import torch

        with torch.inference_mode():
            starts = range(0, max(1, len(columns[0])), self.positions)
            chunks = [work(*(column[start : start + self.positions] for column in columns)) for start in starts]
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


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
    import torch

    divergences, counts = base.passes.compare(
        (base.logits, aligned.logits),
        (base.sums, aligned.sums),
        (base.chosen(base_tokens), aligned.chosen(aligned_tokens)),
    )

    def kl(left: "Tensor", right: "Tensor") -> "Tensor":
        return torch.where(left.exp() > 0, left.exp() * (left - right), 0.0).sum()

    # Where a model excludes tokens: no probability adds nothing, by continuity.
    for row in (~divergences.isfinite()).any(0).nonzero().squeeze(1).tolist():
        p, q = (side.logits[:, row].double().log_softmax(0) for side in (aligned, base))
        middle = torch.logaddexp(p, q) - math.log(2)
        divergences[:, row] = torch.stack([kl(p, q), kl(q, p), (kl(p, middle) + kl(q, middle)) / 2])
    forward, backward, js = divergences.clamp_(min=0)
    base_above, base_equal, aligned_above, aligned_equal = counts
    ranks = (base_above + 1, base_equal - 1), (aligned_above + 1, aligned_equal - 1)
    return Comparison(forward, backward, js, *ranks)
