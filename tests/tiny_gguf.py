"""Tiny GGUF files, as llama.cpp's converter would make them of the models of tests.tiny_models."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from tests.tiny_models import tiny_model, tiny_tokenizer

CONTROL, NORMAL = 3, 1
# One more thing to write into a file.
Change = Callable[[gguf.GGUFWriter], object]


def write_gguf(
    path: Path,
    name: str = "llama",
    *changes: Change,
    template: bool = True,
    pre: str | None = "gpt-2",
    bos: bool | None = True,
    tensors: Mapping[str, Any] | None = None,
    model: Any = None,
) -> Path:
    """The file of ARCHITECTURES[name], llama or qwen2, with ``changes``; ``tensors`` are further ones, None leaves one out."""
    model = tiny_model(name) if model is None else model
    config = model.config
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, name)
    writer.add_type("model")
    writer.add_name("Tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_vocab_size(config.vocab_size)
    _add_tokenizer(writer, template, pre)
    if bos is not None:
        writer.add_add_bos_token(bos)
    for change in changes:
        change(writer)
    for tensor, weights in {**_tensors(name, model), **(tensors or {})}.items():
        if weights is not None:
            writer.add_tensor(tensor, np.ascontiguousarray(weights, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_tokenizer(writer: gguf.GGUFWriter, template: bool, pre: str | None) -> None:
    tokenizer = tiny_tokenizer()
    special = set(tokenizer.all_special_tokens) | {str(t) for t in tokenizer.added_tokens_decoder.values() if t.special}
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    writer.add_tokenizer_model("gpt2")
    if pre:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([CONTROL if token in special else NORMAL for token in tokens])
    merges = json.loads(tokenizer.backend_tokenizer.to_str())["model"]["merges"]
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    if template:
        writer.add_chat_template(tokenizer.chat_template)


def _tensors(name: str, model: Any) -> dict[str, Any]:
    config = model.config
    names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, name.upper()), config.num_hidden_layers)
    found = {}
    for key, weights in model.state_dict().items():
        values = weights.numpy()
        if name == "llama" and ("q_proj" in key or "k_proj" in key):
            heads = config.num_attention_heads if "q_proj" in key else config.num_key_value_heads
            # llama.cpp rotates neighbors, transformers halves.
            values = values.reshape(heads, 2, -1, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)
        found[names.get_name(key, try_suffixes=(".weight", ".bias"))] = values
    return found
