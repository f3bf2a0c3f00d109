"""Tiny random models of many architectures, and real model folders of them.

Large initial weights make the answers varied and leave no two tokens equally probable.
"""

import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from urial.core.hashing import file_hash
from urial.core.store import write_json
from urial.microworld.training import corpus
from urial.microworld.training.model import CHAT_TEMPLATE, train_tokenizer
from urial.microworld.world.world import build_world
from urial.records.base import Role
from urial.records.model import MANIFEST, EmbeddedWeights, Loading, ModelManifest
from urial.records.params.file import Decoding

CONTEXT = 512
SPREAD = 0.5
_FOLDERS = tempfile.TemporaryDirectory(prefix="urial-tiny-models-")
# So small a model gains nothing from more, and loses much where other tests run beside.
torch.set_num_threads(1)

_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT,
    "initializer_range": SPREAD,
}
_GROUPED = {**_SIZES, "num_key_value_heads": 2}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": CONTEXT, "initializer_range": SPREAD}
_GEMMA2 = {**_GROUPED, "head_dim": 8, "final_logit_softcapping": 3.0, "attn_logit_softcapping": 5.0}
_GEMMA3 = {**_GROUPED, "head_dim": 8, "final_logit_softcapping": 3.0}
_FALCON = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": SPREAD}
_EXPERTS = {**_GROUPED, "num_experts_per_tok": 2}
_QWEN2_MOE = {**_EXPERTS, "num_experts": 4, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 48}
_LINEAR = {
    **_GROUPED, "head_dim": 8, "layer_types": ["linear_attention", "full_attention"], "linear_num_key_heads": 2,
    "linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": 8, "initializer_range": SPREAD / 4,
}  # fmt: skip
_SCAN = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 8, "mamba_chunk_size": 16}
_EVERY_OTHER = ["sliding_attention", "full_attention"]
_FOUR = {**_GROUPED, "num_hidden_layers": 4}
_MAMBA = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "initializer_range": SPREAD}

ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", _GROUPED),
    "mistral": ("MistralConfig", {**_GROUPED, "sliding_window": None}),
    "mistral-wide-window": ("MistralConfig", {**_GROUPED, "sliding_window": 400}),
    "mistral-narrow-window": ("MistralConfig", {**_GROUPED, "sliding_window": 8}),
    "mixtral": ("MixtralConfig", {**_EXPERTS, "num_local_experts": 4, "sliding_window": None}),
    "qwen2": ("Qwen2Config", _GROUPED),
    "qwen2-moe": ("Qwen2MoeConfig", _QWEN2_MOE),
    "qwen3": ("Qwen3Config", {**_GROUPED, "head_dim": 8}),
    "gpt2": ("GPT2Config", _GPT2),
    "gpt-neox": ("GPTNeoXConfig", _SIZES),
    "phi": ("PhiConfig", {**_SIZES, "partial_rotary_factor": 0.5}),
    "phi3": ("Phi3Config", {**_GROUPED, "sliding_window": None}),
    "falcon": ("FalconConfig", _FALCON),
    "gemma": ("GemmaConfig", {**_GROUPED, "head_dim": 8}),
    "gemma3": ("Gemma3TextConfig", {**_GEMMA3, "sliding_window": 300}),
    "gemma2": ("Gemma2Config", {**_GEMMA2, "sliding_window": 300}),
    "gemma2-narrow-window": ("Gemma2Config", {**_GEMMA2, "sliding_window": 8}),
    "olmo": ("OlmoConfig", _GROUPED),
    "olmo2": ("Olmo2Config", _GROUPED),
    "cohere": ("CohereConfig", {**_GROUPED, "logit_scale": 0.25}),
    "granite": ("GraniteConfig", {**_GROUPED, "logits_scaling": 4.0}),
    "mamba": ("MambaConfig", _MAMBA),
    "bloom": ("BloomConfig", {"hidden_size": 32, "n_layer": 2, "n_head": 4, "initializer_range": SPREAD}),
    "mpt": ("MptConfig", {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": CONTEXT}),
    "opt": (
        "OPTConfig",
        {
            "hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
            "max_position_embeddings": CONTEXT, "word_embed_proj_dim": 32, "init_std": SPREAD,
        },
    ),
    "gpt-neo": (
        "GPTNeoConfig",
        {
            "hidden_size": 32, "num_layers": 2, "num_heads": 4, "attention_types": [[["global", "local"], 1]],
            "window_size": 8, "max_position_embeddings": CONTEXT, "initializer_range": SPREAD,
        },
    ),
    "phi3-longrope": (
        "Phi3Config",
        {
            **_GROUPED, "original_max_position_embeddings": 48,
            "rope_parameters": {
                "rope_type": "longrope", "rope_theta": 10_000.0, "short_factor": [1.0] * 4, "long_factor": [4.0] * 4,
                "original_max_position_embeddings": 48,
            },
        },
    ),
    "lfm2": ("Lfm2Config", {**_GROUPED, "layer_types": ["conv", "full_attention"], "block_multiple_of": 16}),
    "olmo3": ("Olmo3Config", {**_FOUR, "sliding_window": 8}),
    "gpt-oss": ("GptOssConfig", {**_EXPERTS, "num_local_experts": 2, "head_dim": 8, "sliding_window": 8}),
    "gemma3-narrow-window": ("Gemma3TextConfig", {**_GEMMA3, "sliding_window": 8, "layer_types": _EVERY_OTHER}),
    "gemma3n": (
        "Gemma3nTextConfig",
        {
            **_GROUPED, "num_hidden_layers": 5, "head_dim": 8, "sliding_window": 8, "num_kv_shared_layers": 2,
            "vocab_size_per_layer_input": 3_000, "hidden_size_per_layer_input": 8, "laurel_rank": 4,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention", "full_attention"],
            "activation_sparsity_pattern": [0.0] * 5,
        },
    ),
    "phi3-narrow-window": ("Phi3Config", {**_GROUPED, "sliding_window": 8}),
    "cohere2": ("Cohere2Config", {**_GROUPED, "sliding_window": 8, "layer_types": _EVERY_OTHER}),
    "llama4": (
        "Llama4TextConfig",
        {
            **_FOUR, "head_dim": 8, "num_local_experts": 2, "num_experts_per_tok": 1, "intermediate_size_mlp": 48,
            "attention_chunk_size": 16,
        },
    ),
    "deepseek-v3": (
        "DeepseekV3Config",
        {
            **_SIZES, "n_routed_experts": 4, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2, "q_lora_rank": 16,
            "moe_intermediate_size": 24, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8,
            "v_head_dim": 8, "first_k_dense_replace": 1, "num_key_value_heads": 4,
        },
    ),
    "qwen3-next": (
        "Qwen3NextConfig",
        {
            **_LINEAR, "num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 24,
            "shared_expert_intermediate_size": 24,
        },
    ),
    "qwen3.5": ("Qwen3_5TextConfig", _LINEAR),
    "granite4": (
        "GraniteMoeHybridConfig",
        {
            **_GROUPED, **_SCAN, "num_local_experts": 2, "num_experts_per_tok": 1, "shared_intermediate_size": 24,
            "layer_types": ["linear_attention", "full_attention"], "initializer_range": SPREAD / 4,
        },
    ),
    "falcon-h1": ("FalconH1Config", {**_GROUPED, **_SCAN, "mamba_d_ssm": 64}),
    "bamba": ("BambaConfig", {**_GROUPED, **_SCAN, "attn_layer_indices": [1]}),
    "jamba": (
        "JambaConfig",
        {
            **_GROUPED, "num_experts": 2, "num_experts_per_tok": 1, "attn_layer_period": 2, "attn_layer_offset": 1,
            "expert_layer_period": 2, "expert_layer_offset": 1, "mamba_d_state": 8, "mamba_d_conv": 4,
            "mamba_expand": 2, "mamba_dt_rank": 4, "use_mamba_kernels": False,
        },
    ),
    "zamba2": (
        "Zamba2Config",
        {
            **_FOUR, "layers_block_type": ["mamba", "hybrid", "mamba", "mamba"], "hybrid_layer_ids": [1],
            "mamba_d_state": 8, "n_mamba_heads": 8, "mamba_headdim": 8, "mamba_ngroups": 1, "chunk_size": 16,
            "adapter_rank": 4, "initializer_range": SPREAD / 4,
        },
    ),
    "nemotron-h": (
        "NemotronHConfig",
        {
            **_GROUPED, "num_hidden_layers": 3, "layers_block_type": ["mamba", "attention", "mlp"], "mamba_num_heads": 8,
            "mamba_head_dim": 8, "n_groups": 1, "ssm_state_size": 8, "chunk_size": 16, "head_dim": 8,
        },
    ),
    "mamba2": ("Mamba2Config", {**_MAMBA, "num_heads": 8, "head_dim": 8, "n_groups": 2, "expand": 2, "chunk_size": 16}),
    "minimax": (
        "MiniMaxConfig",
        {
            **_EXPERTS, "num_local_experts": 2, "head_dim": 8, "block_size": 16,
            "layer_types": ["linear_attention", "full_attention"],
        },
    ),
    "rwkv": ("RwkvConfig", {"hidden_size": 32, "attention_hidden_size": 32, "num_hidden_layers": 2, "context_length": CONTEXT}),
}  # fmt: skip

# One of each kind that decoding or a measurement treats otherwise: bias, capped and scaled logits, windows, chunks, sinks,
# experts, compressed keys, states instead of a cache and beside one, positions without a table, frequencies that change with
# the length.
KINDS = (
    "llama", "phi", "gemma2-narrow-window", "gemma3-narrow-window", "cohere", "mixtral", "mamba", "rwkv", "bloom", "lfm2",
    "phi3-longrope", "gpt-oss", "llama4", "deepseek-v3", "qwen3-next", "falcon-h1", "jamba", "minimax", "gpt-neo",
)  # fmt: skip


def of_each_kind(names: Iterable[str] = ARCHITECTURES) -> list[Any]:
    """Architectures as parameters of a test; those that are not in KINDS are for --thorough."""
    return [pytest.param(name, marks=() if name in KINDS else pytest.mark.thorough) for name in names]


@lru_cache
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """The micro-world's tokenizer with its chat template, trained on a few documents."""
    # Documents are drawn one after the other, so that these are the first ones of the corpus.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "N_DOCUMENTS", 200)
        tokenizer = train_tokenizer(text for _, text in corpus.documents(build_world(0), 0))
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def tiny_model(name: str, seed: int = 0, **changes: Any) -> Any:
    """A random model of ARCHITECTURES[name] whose vocabulary is the tokenizer's, and some."""
    tokenizer = tiny_tokenizer()
    config_name, sizes = ARCHITECTURES[name]
    ids = {f"{kind}_token_id": getattr(tokenizer, f"{kind}_token_id") for kind in ("bos", "eos", "pad")}
    config = getattr(transformers, config_name)(
        **{"vocab_size": len(tokenizer), "tie_word_embeddings": False, **ids, **sizes, **changes}
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        if name == "mpt":  # Its configuration has no spread.
            with torch.no_grad():
                for weight in model.parameters():
                    weight.normal_(0, SPREAD)
    model.generation_config = transformers.GenerationConfig(**ids, do_sample=False)
    return model.eval()


def save_folder(folder: Path, model: Any, role: Role = "base", loading: Loading | None = None) -> Path:
    """A model folder as the stage models leaves it."""
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    write_manifest(folder, role, loading)
    return folder


def write_manifest(folder: Path, role: Role = "base", loading: Loading | None = None) -> ModelManifest:
    """(Re)write the manifest of a folder from the files that are there."""
    files = {path.name: file_hash(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    source = EmbeddedWeights(embedded="microworld", loading=loading or Loading(), files=files)
    manifest = ModelManifest(role=role, source=source)
    write_json(folder / MANIFEST, manifest)
    return manifest


@lru_cache
def tiny_folder(name: str) -> Path:
    """The model folder of ARCHITECTURES[name], written once a session; read it, do not write to it."""
    return save_folder(Path(_FOLDERS.name) / name, tiny_model(name))


def decoding(**changes: Any) -> Decoding:
    """Greedy, 12 tokens, nothing else, with ``changes``."""
    values = {"max_new_tokens": 12, "temperature": 0, "top_p": 1, "repetition_penalty": 1, "seed": 0}
    return Decoding.model_validate({**values, **changes})
