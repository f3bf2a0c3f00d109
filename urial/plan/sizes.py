"""How large a model is, from its files' headers or its configuration, and the memory that follows.

>>> qwen = configured_size(
...     {"hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4,
...      "intermediate_size": 18944, "vocab_size": 152064}
... )
>>> f"{qwen.numbers / 1e9:.2f} billion weights, {weights_bytes(qwen, 'bfloat16') / 1e9:.1f} GB"
'7.62 billion weights, 15.2 GB'
>>> f"{cache_bytes(qwen, 1000, 'bfloat16') / 1e6:.0f} MB for the keys and values of 1,000 tokens"
'57 MB for the keys and values of 1,000 tokens'
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Literal

from urial.core.store import object_or_empty
from urial.local_models.loading.gguf_header import GgufHeader, read_header
from urial.models.hub import SMALL_FILES, download
from urial.records.model import FolderModel, GgufModel, HubModel

Quantization = Literal["bitsandbytes-8bit", "bitsandbytes-4bit"]
NUMBER_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Of 4 bits, 64 numbers share a scale of 4 bytes.
_PACKED_BYTES = {"bitsandbytes-8bit": 1.0, "bitsandbytes-4bit": 0.5 + 4 / 64}
# As safetensors calls them; what is in none of these is packed.
_FLOATS = {"F64": "float32", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_WHOLE = {"I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2}
# Parts of the names of embeddings and heads.
_EMBEDDINGS = ("embed", "wte", "lm_head", "embed_out")
# Of a configuration with experts, of whose layers more is said than is read here.
_EXPERTS = {"num_experts", "num_local_experts", "n_routed_experts"}
_LONGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class ModelSize:
    """What the memory of a model follows from."""

    # Weights that are stored as numbers with a point.
    numbers: int
    # Of these, the embeddings and the head, which no quantization packs.
    embeddings: int
    # Numbers that each token leaves in the cache: keys and values of all layers; 0: not known.
    cached: int
    # The number format of the files.
    dtype: str = "bfloat16"
    # Bytes of weights that are packed in the files already (GPTQ, AWQ), and stay so.
    packed_bytes: int = 0


def weights_bytes(size: ModelSize, dtype: str, quantization: Quantization | None = None) -> int:
    """Memory for the weights, loaded in a number format (auto: the files')."""
    each = NUMBER_BYTES[size.dtype if dtype == "auto" else dtype]
    layers = size.numbers - size.embeddings
    return (
        round(size.embeddings * each + layers * (_PACKED_BYTES[quantization] if quantization else each))
        + size.packed_bytes
    )


def cache_bytes(size: ModelSize, tokens: int, dtype: str) -> int:
    """Memory for the keys and values of tokens."""
    return size.cached * tokens * NUMBER_BYTES[size.dtype if dtype == "auto" else dtype]


def size_of(model: FolderModel | GgufModel | HubModel) -> ModelSize | None:
    """The size of a model; None where neither its files nor its configuration tell it.

    Raises UrialError where a model of the hub cannot be found, and for what is no GGUF file.
    """
    if isinstance(model, GgufModel):
        return _gguf_size(read_header(model.path))
    if isinstance(model, FolderModel):
        return _folder_size(model.path)
    # How large a GGUF file of the hub is, is known when it is here.
    return _folder_size(download(model, SMALL_FILES)) if model.gguf_file is None else None


def configured_size(config: Mapping[str, Any]) -> ModelSize | None:
    """By the configuration of a decoder with gated layers (Llama, Qwen, Mistral, Gemma, OLMo); None for any other."""
    text = config.get("text_config") or config
    try:
        hidden, layers, heads = text["hidden_size"], text["num_hidden_layers"], text["num_attention_heads"]
        wide, vocabulary = text["intermediate_size"], text["vocab_size"]
        groups = text.get("num_key_value_heads") or heads
        head = text.get("head_dim") or hidden // heads
        embeddings = (
            vocabulary * hidden * (1 if text.get("tie_word_embeddings", config.get("tie_word_embeddings")) else 2)
        )
        attention = 2 * hidden * heads * head + 2 * hidden * groups * head
        numbers = embeddings + layers * (attention + 3 * hidden * wide)
    except (KeyError, TypeError, ZeroDivisionError):
        return None
    return ModelSize(numbers, embeddings, 2 * layers * groups * head)


def _folder_size(folder: Path) -> ModelSize | None:
    """By the headers of the weights; where they are not here, by the index of their files, or by the configuration."""
    config = object_or_empty(folder / "config.json")
    configured = None if _EXPERTS & (config.get("text_config") or config).keys() else configured_size(config)
    cached, dtype = (configured.cached if configured else 0), _dtype(config)
    with suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        if stored := [entry for file in sorted(folder.glob("*.safetensors")) for entry in _tensors(file)]:
            return _stored_size(stored, cached)
    total = (object_or_empty(folder / "model.safetensors.index.json").get("metadata") or {}).get("total_size")
    if not isinstance(total, int):
        return configured and replace(configured, dtype=dtype)
    if "quantization_config" in config:
        return ModelSize(0, 0, cached, dtype, packed_bytes=total)
    return ModelSize(total // NUMBER_BYTES[dtype], configured.embeddings if configured else 0, cached, dtype)


def _stored_size(tensors: Sequence[tuple[str, str, int]], cached: int) -> ModelSize:
    """Of (name, number format, numbers) of every tensor."""
    floats = [(name, count) for name, kind, count in tensors if kind in _FLOATS]
    # Others are packed: whole numbers, or of a byte and less.
    packed = sum(count * _WHOLE.get(kind, 1) for _, kind, count in tensors if kind not in _FLOATS)
    kinds = Counter({kind: sum(count for _, other, count in tensors if other == kind) for kind in _FLOATS})
    dtype = _FLOATS[kinds.most_common(1)[0][0]]
    embeddings = sum(count for name, count in floats if any(part in name for part in _EMBEDDINGS))
    return ModelSize(sum(count for _, count in floats), embeddings, cached, dtype, packed)


def _tensors(path: Path) -> Iterator[tuple[str, str, int]]:
    """(name, number format, numbers) of every tensor, from the header of a file."""
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > _LONGEST_HEADER:
            raise ValueError("no safetensors file")
        header = json.loads(stream.read(length))
    for name, entry in header.items():
        if name != "__metadata__":
            yield name, entry["dtype"], prod(entry["shape"])


def _gguf_size(header: GgufHeader) -> ModelSize:
    """Of a file that is unpacked: into float32 where nothing else is said."""
    counts = {name: count for name, (_, count, _) in header.tensors.items() if name != "rope_freqs.weight"}
    layers, heads = header.own("block_count"), header.own("attention.head_count")
    groups = header.own("attention.head_count_kv") or heads
    cached = 0
    if isinstance(layers, int) and isinstance(heads, int) and isinstance(groups, int) and heads:
        head = header.own("attention.key_length") or (header.own("embedding_length") or 0) // heads
        cached = 2 * layers * groups * head
    embeddings = sum(count for name, count in counts.items() if name in ("token_embd.weight", "output.weight"))
    return ModelSize(sum(counts.values()), embeddings, cached, "float32")


def _dtype(config: Mapping[str, Any]) -> str:
    """The number format that a configuration names."""
    text = config.get("text_config") or config
    named = config.get("dtype") or config.get("torch_dtype") or text.get("dtype") or text.get("torch_dtype")
    return named if named in NUMBER_BYTES else "float32"
