"""A chunk of positions at a time, as many as the memory has room for the logits of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import JsonValue

from urial.token_shift.measure.blocks import Layout, Passes
from urial.token_shift.measure.distributions import Buffers, Distribution, passes_for
from urial.token_shift.measure.head import Float32Head
from urial.token_shift.measure.measured_batches import Columns
from urial.token_shift.measure.states import MOST_TOKENS_PER_BATCH

if TYPE_CHECKING:
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

    @property
    def numbers(self) -> int:
        """Float32 numbers of half of the memory: logits, and what passes over them take."""
        return self.memory_mib * 2**20 // 8

    def positions(self, vocabulary: int, models: int, passes: Passes) -> int:
        """Positions of a chunk."""
        most = (self.numbers - passes.scratch_numbers) // (models * vocabulary)
        return min(MOST_POSITIONS, max(1, most // VECTOR * VECTOR or most))

    def tokens(self, bytes_per_token: int) -> int:
        """Tokens of a batch: a quarter of the memory is for a pass over them."""
        return min(MOST_TOKENS_PER_BATCH, self.memory_mib * 2**20 // 4 // bytes_per_token)


class Chunks:
    """The work on a few positions at a time, so that their logits fit the memory."""

    def __init__(self, heads: Sequence[Float32Head], settings: Settings) -> None:
        vocabulary = min(head.vocabulary for head in heads)
        device = heads[0].device
        passes = passes_for(device, settings.numbers // 2)
        self.heads, self.top_k, self.device = heads, min(settings.top_k, vocabulary), device
        self.positions = settings.positions(vocabulary, len(heads), passes)
        layout = Layout.of(vocabulary, self.positions, passes.block_numbers)
        self._buffers = Buffers(layout, self.positions, len(heads), passes, device)

    def each(self, tokens: "Sequence[Tensor]", work: Callable[..., Columns]) -> Columns:
        """The columns over all positions, of those that ``work`` gives for a chunk: a slice of the positions, and that of each of ``tokens``."""
        import torch

        chunks = []
        with torch.inference_mode():
            for start in range(0, max(1, len(tokens[0])), self.positions):
                part = slice(start, start + self.positions)
                chunks.append(work(part, *(column[part].to(self.device) for column in tokens)))
        return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}

    def distribution(self, number: int, hidden: "Tensor", exchanged: Mapping[int, int]) -> Distribution:
        """The ``number``-th head's, at the positions of ``hidden``."""
        distribution = self._buffers.distribution(number, len(hidden))
        distribution.evaluate(self.heads[number], hidden, exchanged)
        return distribution
