"""The passes over logits on a processor, compiled."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from threading import Barrier
from typing import Any

import numpy as np

from urial.token_shift import kernels
from urial.token_shift.blocks import Block, Relation, Sums


class ProcessorPasses:
    """Compiled loops, a block a thread, in as many threads as torch has; how many these are changes no number."""

    block_numbers = 2**19
    scratch_blocks = 0

    def __init__(self) -> None:
        self._threads = _threads()

    def write(self, blocks: Sequence[Block], write: Callable[[Block], None]) -> Sums:
        """See Passes."""
        import torch

        def one(block: Block) -> Any:
            with torch.inference_mode():
                write(block)
            return kernels.add_block(block.padded.numpy(), block.group_peaks.numpy())

        return Sums.joined(torch.from_numpy(np.stack(self._each(one, blocks))))

    def compare(self, base: Sequence[Block], aligned: Sequence[Block], relation: Relation) -> tuple[Any, Any]:
        """See Passes."""
        import torch

        given = torch.stack([getattr(relation, field.name) for field in fields(relation)]).numpy()

        def one(pair: tuple[Block, Block]) -> Any:
            return kernels.compare_block(pair[0].tokens.numpy(), pair[1].tokens.numpy(), given)

        sums, counts = zip(*self._each(one, list(zip(base, aligned, strict=True))), strict=True)
        # In the order of the blocks, whichever thread had them.
        return torch.from_numpy(np.sum(sums, axis=0)), torch.from_numpy(np.sum(counts, axis=0))

    def count(self, blocks: Sequence[Block], bar: Any) -> Any:
        """See Passes."""
        import torch

        bars = bar.numpy()
        found = self._each(lambda block: kernels.count_block(block.tokens.numpy(), bars), blocks)
        return torch.from_numpy(np.sum(found, axis=0))

    def top(self, logits: Any, group_peaks: Any, count: int) -> Any:
        """See Passes."""
        import torch

        values, peaks, step = logits.numpy(), group_peaks.numpy(), kernels.TILE // 2
        tiles = [(first, min(first + step, values.shape[1])) for first in range(0, values.shape[1], step)]
        return torch.from_numpy(
            np.concatenate(self._each(lambda tile: kernels.top_tokens(values, peaks, tile, count), tiles))
        )

    def _each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        return list(self._threads.map(work, items))


def _threads() -> ThreadPoolExecutor:
    """As many threads as torch has here, each of which computes alone."""
    import torch

    count = torch.get_num_threads()
    started = Barrier(count)
    threads = ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,))
    list(threads.map(lambda _: started.wait(), range(count)))
    # The number is a thread's own, but the last one set is also that of threads to come.
    torch.set_num_threads(count)
    return threads
