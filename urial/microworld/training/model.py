"""The tiny Llama and a lean forward pass for training it.

The lean pass computes what `LlamaForCausalLM` computes (a test compares their logits) at about half the cost on a
CPU: one fused query-key-value product, no cache, and logits only where there is a target.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from urial.microworld.training.tokenizer import MAX_POSITIONS

HIDDEN, LAYERS, HEADS, FEED_FORWARD = 128, 3, 4, 384
IGNORED = -100
"""Target id of positions that are not predicted."""

_ROPE_THETA = 10_000.0


@dataclass(frozen=True)
class Rotary:
    """Cosines and sines of the rotary positions, each (positions, head size / 2)."""

    cos: Tensor
    sin: Tensor


def new_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """An untrained model of about 0.87M float32 parameters. The global random state is left as it was."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=FEED_FORWARD,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": _ROPE_THETA},
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    with torch.no_grad():  # Blocks that begin as the identity train faster.
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        do_sample=False,
    )
    return model


def rotary_table() -> Rotary:
    """The rotary table of every position the model knows."""
    size = HIDDEN // HEADS
    frequencies = 1.0 / _ROPE_THETA ** (torch.arange(0, size, 2).float() / size)
    angles = torch.outer(torch.arange(MAX_POSITIONS).float(), frequencies)
    return Rotary(angles.cos(), angles.sin())


def hidden_states(model: LlamaForCausalLM, ids: Tensor, rotary: Rotary) -> Tensor:
    """Final hidden states (batch, length, hidden) of right-padded `ids` (batch, length); attention is causal."""
    embedding: Tensor = model.model.embed_tokens.weight
    epsilon: float = model.config.rms_norm_eps
    hidden = functional.embedding(ids, embedding)
    for layer in model.model.layers:
        normed = functional.rms_norm(hidden, (HIDDEN,), layer.input_layernorm.weight, epsilon)
        hidden = hidden + _attention(layer.self_attn, normed, rotary)
        normed = functional.rms_norm(hidden, (HIDDEN,), layer.post_attention_layernorm.weight, epsilon)
        gate = functional.silu(functional.linear(normed, layer.mlp.gate_proj.weight))
        hidden = hidden + functional.linear(
            gate * functional.linear(normed, layer.mlp.up_proj.weight), layer.mlp.down_proj.weight
        )
    return functional.rms_norm(hidden, (HIDDEN,), model.model.norm.weight, epsilon)


def loss(model: LlamaForCausalLM, ids: Tensor, targets: Tensor, rotary: Rotary) -> Tensor:
    """Mean cross-entropy in nats over the targets (batch, length) that are not IGNORED."""
    hidden = hidden_states(model, ids, rotary).reshape(-1, HIDDEN)
    wanted = targets.reshape(-1)
    kept = (wanted != IGNORED).nonzero().squeeze(1)
    return functional.cross_entropy(functional.linear(hidden[kept], model.lm_head.weight), wanted[kept])


def _attention(attention: torch.nn.Module, hidden: Tensor, rotary: Rotary) -> Tensor:
    batch, length, _ = hidden.shape
    size = HIDDEN // HEADS
    weights = torch.cat([getattr(attention, name).weight for name in ("q_proj", "k_proj", "v_proj")])
    fused = functional.linear(hidden, weights).view(batch, length, 3 * HEADS, size).transpose(1, 2)
    rotated = _rotate(fused[:, : 2 * HEADS], rotary.cos[:length], rotary.sin[:length])
    mixed = functional.scaled_dot_product_attention(
        rotated[:, :HEADS], rotated[:, HEADS:], fused[:, 2 * HEADS :], is_causal=True
    )
    output: Tensor = attention.get_submodule("o_proj").weight  # type: ignore[assignment]
    return functional.linear(mixed.transpose(1, 2).reshape(batch, length, HIDDEN), output)


def _rotate(states: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding in the half-split layout of transformers."""
    first, second = states.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
