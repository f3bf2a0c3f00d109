"""A model's state after a prefix, from which any number of rows go on without a copy of the prefix."""

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import (
    DummyLayer,
    DynamicLayer,
    DynamicSlidingWindowLayer,
    LinearAttentionAndFullAttentionLayer,
    LinearAttentionAndSlidingWindowAttentionLayer,
    LinearAttentionLayer,
)

from urial.local_models.decoding.attention import attends_to_prefix_once

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Tokens for which memory is taken where nobody says how many will follow.
SOME_TOKENS = 64


class BranchingLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of a prefix, shared by all rows, and each row's own in memory that is taken once.

    A window hides old keys by the mask; only of the prefix those are left out that no row can see.
    """

    keys: Tensor
    values: Tensor
    is_initialized: bool

    def __init__(self, window: int | None, joins: bool, **options: Any) -> None:
        """``joins``: the model's attention cannot take the prefix apart, and gets it joined with each row's own."""
        super().__init__(**options)
        self.window, self.joins = window, joins
        self.is_sliding = window is not None
        self.prefix: tuple[Tensor, Tensor] | None = None
        self.prefix_length = self.length = 0
        # None keeps nothing: for one pass over whole rows.
        self.capacity: int | None = SOME_TOKENS

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Adds each row's newest keys and values [rows, heads, tokens, size]; returns all of the rows' own."""
        own = key_states, value_states
        if self.capacity is not None:
            end = self.length + key_states.shape[2]
            self.reserve(own, end)
            self.keys[:, :, self.length : end], self.values[:, :, self.length : end] = own
            self.length, own = end, (self.keys[:, :, :end], self.values[:, :, :end])
        if self.prefix is None:
            return own
        if self.joins:
            pairs = zip(self.prefix, own, strict=True)
            keys, values = (torch.cat([shared.expand(len(mine), -1, -1, -1), mine], 2) for shared, mine in pairs)
            return keys, values
        for mine, shared in zip(own, self.prefix, strict=True):
            mine.prefix = shared  # type: ignore[attr-defined]
        return own

    def reserve(self, like: tuple[Tensor, Tensor], tokens: int) -> None:
        """Memory for so many tokens, of the rows and sizes of ``like``; doubled where it does not suffice."""
        if self.is_initialized and tokens <= self.keys.shape[2]:
            return
        room = 2 * tokens if self.is_initialized else max(self.capacity or 0, tokens)
        grown = [states.new_zeros(*states.shape[:2], room, states.shape[3]) for states in like]
        if self.is_initialized:
            for new, old in zip(grown, (self.keys, self.values), strict=True):
                new[:, :, : self.length] = old[:, :, : self.length]
        self.keys, self.values = grown
        self.dtype, self.device, self.is_initialized = like[0].dtype, like[0].device, True

    def branch(self, capacity: int | None) -> "BranchingLayer":
        """An empty layer for rows that go on from the one here."""
        twin = copy.copy(self)
        twin.capacity, twin.prefix_length, twin.length = capacity, self.get_seq_length(), 0
        del twin.keys, twin.values
        twin.is_initialized = False
        if self.length:
            parts = [[shared] for shared in self.prefix or ()] or [[], []]
            parts[0].append(self.keys[:, :, : self.length])
            parts[1].append(self.values[:, :, : self.length])
            unseen = 0 if self.window is None else max(0, self.get_mask_sizes(0)[0] - self.window + 1)
            keys, values = (torch.cat(states, 2)[:, :, unseen:].contiguous() for states in parts)
            twin.prefix = keys, values
        return twin

    def cut(self, tokens: int) -> bool:
        """Forgets all but the first tokens of the one row here; False where a window has left some of them out."""
        if tokens < self.prefix_length and self.prefix is not None:
            left_out = self.get_mask_sizes(0)[1]
            if left_out > max(0, tokens - (self.window or tokens) + 1):
                return False
            keys, values = (states[:, :, : tokens - left_out] for states in self.prefix)
            self.prefix, self.prefix_length = (keys, values), tokens
        self.length = tokens - self.prefix_length
        return True

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """How many keys there will be with ``query_length`` new ones, and the column of the first."""
        kept = 0 if self.prefix is None else self.prefix[0].shape[2]
        return kept + self.length + query_length, self.prefix_length - kept

    def get_seq_length(self) -> int:
        """Columns so far: the whole prefix and each row's own tokens with their padding."""
        return self.prefix_length + self.length

    def keep(self, order: Sequence[int]) -> None:
        """Leaves the rows at these positions, in this order; a row that keeps its position is not copied."""
        if not self.is_initialized:
            return
        for states in (self.keys, self.values):
            for target, source in enumerate(order):
                if source != target:
                    states[target, :, : self.length] = states[source, :, : self.length]
        self.keys, self.values = self.keys[: len(order)], self.values[: len(order)]

    def join(self, layers: "Sequence[BranchingLayer]", width: int) -> None:
        """Takes the rows of ``layers``, each with padding before its own tokens so that all end in one column."""
        total = sum(len(layer.keys) for layer in layers)
        like = [states[:1].expand(total, -1, -1, -1) for states in (layers[0].keys, layers[0].values)]
        self.reserve((like[0], like[1]), width)
        first = 0
        for layer in layers:
            rows = slice(first, first + len(layer.keys))
            self.keys[rows, :, width - layer.length : width] = layer.keys[:, :, : layer.length]
            self.values[rows, :, width - layer.length : width] = layer.values[:, :, : layer.length]
            first = rows.stop
        self.length = width


class BranchingHybridLayer(BranchingLayer, LinearAttentionAndFullAttentionLayer):  # type: ignore[misc]
    """Attention and a recurrent state in one layer (Falcon-H1, Zamba)."""

    lazy_initialization = LinearAttentionLayer.lazy_initialization


class PrefixCache(DynamicCache):  # type: ignore[misc]
    """The state of a model after the tokens of one or more rows, whatever its layers keep."""

    @classmethod
    def of(cls, model: "PreTrainedModel", joins: bool = False) -> "PrefixCache | None":
        """An empty one; None where a layer keeps something that is not known here.

        ``joins``: as in BranchingLayer; always so where the model's attention cannot be replaced.
        """
        joins = joins or not attends_to_prefix_once(model)
        cache = cls(config=model.config)
        layers = [_branching(layer, joins) for layer in cache.layers]
        if None in layers:
            return None
        cache.layers = layers
        return cache

    @property
    def recurrent(self) -> bool:
        """Whether a layer has a state that every token changes, so that padding would spoil it."""
        return any(isinstance(layer, LinearAttentionLayer) for layer in self.layers)

    @property
    def attends(self) -> bool:
        """Whether a layer looks back at tokens, so that padding has to be hidden from it."""
        return any(isinstance(layer, BranchingLayer) for layer in self.layers)

    def branch(self, rows: int, capacity: int | None) -> "PrefixCache":
        """A cache for ``rows`` that go on from the one row here, each with memory for ``capacity`` own tokens.

        No capacity: nothing is kept of what follows, for a single pass over it.
        """
        twin = copy.copy(self)
        twin.layers = [
            layer.branch(capacity) if isinstance(layer, BranchingLayer) else copy.copy(layer) for layer in self.layers
        ]
        for layer in twin.layers:
            _change_states(layer, [layer], lambda states: states[0].repeat_interleave(rows, 0))
        return twin

    def cut(self, tokens: int) -> bool:
        """Forgets all but the first tokens of the one row here; False where that is no longer possible."""
        if self.recurrent:
            return False
        return all(layer.cut(tokens) for layer in self.layers if isinstance(layer, BranchingLayer))

    def keep(self, order: Sequence[int]) -> None:
        """Leaves the rows at these positions, in this order."""
        for layer in self.layers:
            if isinstance(layer, BranchingLayer):
                layer.keep(order)
            _change_states(layer, [layer], lambda states: states[0][list(order)])

    def join(self, caches: "Sequence[PrefixCache]", width: int) -> None:
        """Takes the rows of other branches of the same prefix, whose longest has ``width`` own tokens."""
        for layer, *others in zip(self.layers, *(cache.layers for cache in caches), strict=True):
            if isinstance(layer, BranchingLayer):
                layer.join(others, width)
            _change_states(layer, others, torch.cat)


def _branching(layer: Any, joins: bool) -> Any:
    """An empty layer that can branch, in the place of transformers' own; None for a kind that is not known."""
    window = getattr(layer, "sliding_window", None)
    kind = type(layer)
    if kind in (DynamicLayer, DynamicSlidingWindowLayer):
        return BranchingLayer(window, joins)
    if kind in (LinearAttentionAndFullAttentionLayer, LinearAttentionAndSlidingWindowAttentionLayer):
        return BranchingHybridLayer(window, joins, number_of_states=layer.number_of_states)
    return layer if kind in (LinearAttentionLayer, DummyLayer) else None


def _change_states(layer: Any, sources: Sequence[Any], change: Callable[[list[Tensor]], Tensor]) -> None:
    """Gives a recurrent layer what ``change`` makes of the states [rows, ...] of ``sources``; leaves other layers."""
    if not isinstance(layer, LinearAttentionLayer):
        return
    for name, values in list(vars(sources[0]).items()):
        if name in ("conv_states", "recurrent_states"):
            parts = {number: [getattr(source, name)[number] for source in sources] for number in values}
            setattr(layer, name, {number: of[0] if of[0] is None else change(of) for number, of in parts.items()})
        elif isinstance(values, dict):
            # Flags, which rows that go on set for themselves.
            setattr(layer, name, dict(values))
    layer.device, layer.dtype = sources[0].device, sources[0].dtype
