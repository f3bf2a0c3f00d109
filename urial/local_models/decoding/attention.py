"""Attention of many rows to a prefix that they share: once for all rows, and no row has a copy of it.

Queries of all rows meet the prefix's keys in one product, each row's own keys in another, and one softmax covers both
(the idea of Hydragen, arXiv 2402.05099, and of cascade inference). Masks go by positions, not by columns, so that no
window counts the padding of a shorter row.
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from urial.local_models.decoding.architecture import decoder_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

NAME = "shared_prefix"
# Most scores that are computed at a time: 16 MiB in float32, a few times over.
MOST_SCORES = 2**22


def attend_to_prefix_once(model: "PreTrainedModel") -> None:
    """Let a model's attention take a shared prefix; without one it stays transformers' own.

    Leaves a model whose attention or masks cannot be replaced, as transformers lets nearly all do.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    names = vars(sys.modules[type(decoder_of(model)).__module__])
    if "ALL_ATTENTION_FUNCTIONS" in names and "create_causal_mask" in names:
        AttentionInterface.register(NAME, attention)
        AttentionMaskInterface.register(NAME, mask_by_position)
        model.set_attn_implementation(NAME)


def attends_to_prefix_once(model: "PreTrainedModel") -> bool:
    """Whether ``attend_to_prefix_once`` took effect."""
    return bool(model.config.get_text_config()._attn_implementation == NAME)


def mask_by_position(  # noqa: PLR0913, PLR0917 (transformers calls it so)
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int = 0,
    kv_offset: int = 0,
    mask_function: "Callable[..., Tensor] | None" = None,
    attention_mask: "Tensor | None" = None,
    **options: Any,
) -> "Tensor | None":
    """Which keys each query sees, as bool [rows, 1, queries, keys], or None for all of the past.

    Arguments as of transformers' ``sdpa_mask``. ``attention_mask`` [rows, tokens so far], False for padding.
    """
    import torch
    from transformers.masking_utils import causal_mask_function, sdpa_mask

    mask_function = mask_function or causal_mask_function
    if attention_mask is None:
        # A whole text, or one newest token: transformers says itself when no mask is needed.
        options["allow_is_causal_skip"] = options.get("allow_is_causal_skip", True) and q_length in (1, kv_length)
        mask: Tensor | None = sdpa_mask(
            batch_size, q_length, kv_length, q_offset, kv_offset, mask_function, None, **options
        )
        return mask
    positions = attention_mask.cumsum(-1) - 1
    queries = positions[:, q_offset : q_offset + q_length]
    keys = positions[:, kv_offset : kv_offset + kv_length]
    rows = torch.arange(batch_size, device=positions.device)[:, None, None, None]
    seen = mask_function(rows, 0, queries[:, None, :, None], keys[:, None, None, :])
    return seen & attention_mask[:, None, None, kv_offset : kv_offset + kv_length].bool()


def attention(  # noqa: PLR0913, PLR0917 (transformers calls it so)
    module: "Module",
    query: "Tensor",
    key: "Tensor",
    value: "Tensor",
    attention_mask: "Tensor | None",
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: "Tensor | None" = None,
    **options: Any,
) -> "tuple[Tensor, None]":
    """transformers' attention interface; returns [rows, queries, heads, head size].

    ``query`` [rows, heads, queries, head size], ``key`` and ``value`` [rows, key heads, own tokens, size]; what a
    ``BranchingLayer`` gave has ``prefix``: the keys or values [1, key heads, prefix, size] that all rows share.
    ``softcap`` bounds the scores (Gemma 2), ``s_aux`` are each head's sinks (gpt-oss).
    """
    import torch
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    prefix = getattr(key, "prefix", None)
    if prefix is None and softcap is None and s_aux is None:
        plain: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **options
        )
        return plain
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    prefixes = (prefix, value.prefix) if prefix is not None else None  # type: ignore[attr-defined]
    rows, heads, queries = query.shape[:3]
    width = key.shape[2] + (prefix.shape[2] if prefix is not None else 0)
    if attention_mask is None and queries > 1:
        seen = torch.ones(queries, width, dtype=torch.bool, device=query.device)
        attention_mask = seen.tril(width - queries)[None, None]
    if prefixes is not None and query.device.type == "cpu" and softcap is None and s_aux is None:
        return _fused(query, (key, value), prefixes, attention_mask, scaling).transpose(1, 2), None
    block = max(1, MOST_SCORES // (rows * heads * width))
    parts = [
        _block(
            query[:, :, start : start + block] * scaling,
            (key, value),
            prefixes,
            mask=None if attention_mask is None else attention_mask[:, :, start : start + block],
            softcap=softcap,
            sinks=s_aux,
        )
        for start in range(0, queries, block)
    ]
    return torch.cat(parts, dim=2).transpose(1, 2), None


def _fused(
    query: "Tensor",
    own: "tuple[Tensor, Tensor]",
    prefix: "tuple[Tensor, Tensor]",
    mask: "Tensor | None",
    scaling: float,
) -> "Tensor":
    """Outputs [rows, heads, queries, size] by the processor's fused kernel, which keeps no scores.

    Once over the prefix for all rows as if they were one, once over each row's own; the logarithms of both sums of
    exponentials, which the kernel gives as well, say how much each part weighs.
    """
    import torch

    rows, heads, queries, size = query.shape
    groups, width, shared = own[0].shape[1], own[0].shape[2], prefix[0].shape[2]
    attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    query = query.reshape(rows, groups, -1, size)
    each = heads // groups
    far = near = None
    if mask is not None:
        bias = torch.zeros(mask.shape, dtype=query.dtype).masked_fill_(~mask, torch.finfo(query.dtype).min / 2)
        bias = bias.expand(rows, 1, queries, -1)[:, :, None].expand(-1, -1, each, -1, -1)
        near = bias[..., shared:].reshape(rows, 1, each * queries, width)
        if not mask[..., :shared].all():
            far = bias[..., :shared].reshape(1, 1, -1, shared)
    together = query.transpose(0, 1).reshape(1, groups, -1, size)
    ahead, ahead_sum = attend(together, *prefix, 0.0, False, attn_mask=far, scale=scaling)
    output, own_sum = attend(query, *own, 0.0, False, attn_mask=near, scale=scaling)
    ahead = ahead.reshape(groups, rows, -1, size).transpose(0, 1)
    weight = torch.sigmoid(ahead_sum.reshape(groups, rows, -1).transpose(0, 1) - own_sum)
    return torch.lerp(output, ahead, weight.unsqueeze(-1).to(output.dtype)).reshape(rows, heads, queries, size)


def _block(
    query: "Tensor",
    own: "tuple[Tensor, Tensor]",
    prefix: "tuple[Tensor, Tensor] | None",
    *,
    mask: "Tensor | None",
    softcap: float | None,
    sinks: "Tensor | None",
) -> "Tensor":
    """Outputs [rows, heads, queries, value size] of scaled queries."""
    import torch

    rows, heads, queries, size = query.shape
    groups = own[0].shape[1]
    # Heads that share a key head stand beside each other: [rows, key heads, heads of each and queries, size].
    query = query.reshape(rows, groups, -1, size)
    scores = query @ own[0].transpose(-1, -2)
    shared = 0
    if prefix is not None:
        shared = prefix[0].shape[2]
        together = query.transpose(0, 1).reshape(groups, -1, size)
        ahead = together @ prefix[0][0].transpose(-1, -2)
        scores = torch.cat([ahead.view(groups, rows, -1, shared).transpose(0, 1), scores], dim=-1)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    width = scores.shape[-1]
    if mask is not None:
        scores = scores.view(rows, groups, -1, queries, width)
        scores.masked_fill_(~mask[:, :, None], torch.finfo(scores.dtype).min)
    scores = scores.view(rows, heads, queries, width)
    if sinks is not None:
        scores = torch.cat([scores, sinks.to(scores.dtype).view(1, -1, 1, 1).expand(rows, -1, queries, 1)], dim=-1)
    weights = scores.softmax(-1, dtype=torch.float32).to(query.dtype)[..., :width].reshape(rows, groups, -1, width)
    output = weights[..., shared:] @ own[1]
    if prefix is not None:
        together = weights[..., :shared].transpose(0, 1).reshape(groups, -1, shared)
        output = output + (together @ prefix[1][0]).view(groups, rows, -1, output.shape[-1]).transpose(0, 1)
    return output.reshape(rows, heads, queries, -1)
