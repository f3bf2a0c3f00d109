"""The passes over logits on a processor, compiled."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numba
import numpy as np

from urial.token_shift.measure import kernels
from urial.token_shift.measure.blocks import Block, Both, Sums, TorchPasses

if TYPE_CHECKING:
    from torch import Tensor


class ProcessorPasses(TorchPasses):
    """The same by compiled loops, in as many threads as torch has; how many these are changes no number."""

    block_numbers = 2**19
    scratch_numbers = 0

    def __init__(self) -> None:
        import torch

        threads = torch.get_num_threads()
        numba.set_num_threads(min(threads, numba.config.NUMBA_NUM_THREADS))
        # The first time, numba gives the pool that both share as many threads as there are processors.
        torch.set_num_threads(threads)

    def write(self, blocks: Sequence[Block], write: Callable[[Block], None]) -> Sums:
        import torch

        parts = []
        for block in blocks:
            write(block)
            parts.append(kernels.add_block(block.padded.numpy(), block.group_peaks.numpy()))
        return Sums.joined(torch.from_numpy(np.concatenate(parts)))

    def compare(self, logits: Both, sums: tuple[Sums, Sums], bars: Both) -> "tuple[Tensor, Tensor]":
        import torch

        p, q = sums
        ratio = q.total / p.total
        rows = p.peak, q.peak, q.log_total - p.log_total, ratio, ratio.log2(), *bars
        given = torch.stack([row.float() for row in rows])
        base, aligned = logits
        divergences, counts = kernels.compare(base.numpy(), aligned.numpy(), given.numpy())
        return torch.from_numpy(divergences.sum(0)) / q.total, torch.from_numpy(counts.sum(0))

    def count(self, logits: "Tensor", bar: "Tensor") -> "Tensor":
        import torch

        return torch.from_numpy(kernels.count(logits.numpy(), bar.numpy()).sum(0))

    def top(self, logits: "Tensor", group_peaks: "Tensor", count: int) -> "Tensor":
        import torch

        return torch.from_numpy(kernels.top_tokens(logits.numpy(), group_peaks.numpy(), count))
