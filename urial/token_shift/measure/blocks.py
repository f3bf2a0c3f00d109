"""Logits of a chunk of positions in blocks of the vocabulary, and what is computed of a block.

A block of logits is [tokens, positions]. Sums over many tokens are float64, and powers are taken of a logit less the
largest one, so that nothing overflows and differences of likely tokens are exact.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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


@dataclass(frozen=True)
class Layout:
    """How the vocabulary is cut: blocks of ``width`` tokens, a multiple of GROUP; the last has padding."""

    vocabulary: int
    width: int

    @classmethod
    def of(cls, vocabulary: int, positions: int, block_numbers: int) -> "Layout":
        """For chunks of so many positions, and blocks of about so many numbers."""
        blocks = max(1, round(vocabulary * positions / block_numbers))
        return cls(vocabulary, math.ceil(vocabulary / blocks / GROUP) * GROUP)

    @property
    def starts(self) -> range:
        """The first token of each block."""
        return range(0, self.vocabulary, self.width)

    @property
    def padded(self) -> int:
        """Tokens of a chunk's buffer: whole groups."""
        return math.ceil(self.vocabulary / GROUP) * GROUP

    def blocks(self, logits: "Tensor", group_peaks: "Tensor") -> list[Block]:
        """Of logits [padded, P] and their groups' maxima [padded / GROUP, P]."""
        blocks = []
        for start in self.starts:
            stop = min(start + self.width, self.padded)
            peaks = group_peaks[start // GROUP : stop // GROUP]
            blocks.append(Block(start, logits[start : min(stop, self.vocabulary)], logits[start:stop], peaks))
        return blocks


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


@dataclass(frozen=True)
class Side:
    """What is known of one of two models whose logits are compared."""

    logits: "Tensor"
    """[vocabulary, P]."""
    sums: Sums
    bar: "Tensor"
    """Its logit of the emitted token, float32 [P]."""


class Passes(Protocol):
    """What is computed of a chunk's blocks, on one kind of device."""

    block_numbers: int
    """Numbers of a block: what stays in a cache, or keeps a device busy."""
    scratch_numbers: int
    """Memory that a pass takes besides the blocks, in float32 numbers."""

    def write(self, blocks: Sequence[Block], write: Callable[[Block], None]) -> Sums:
        """Let ``write`` put the logits into each block, and add them up; their group peaks are set."""

    def compare(self, base: Side, aligned: Side) -> "tuple[Tensor, Tensor]":
        """KL(aligned||base), KL(base||aligned) and Jensen-Shannon in nats, float64 [3, P], and the counts of ``count`` for both, [4, P].

        A divergence is not finite where a model excludes a token.
        """

    def count(self, logits: "Tensor", bar: "Tensor") -> "Tensor":
        """How many logits are above ``bar`` [P], and how many equal to it: [2, P]."""

    def top(self, logits: "Tensor", group_peaks: "Tensor", count: int) -> "Tensor":
        """The most probable tokens [P, count] of ``logits`` [vocabulary, P], equal ones in the order of their ids."""
