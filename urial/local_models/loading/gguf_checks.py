"""Whether transformers loads a GGUF file as the model that it is, seen from its header in a moment.

transformers 5.23 passes over what it does not know of a file in silence: how positions are stretched, how text is split
before it becomes tokens. Such a file is refused, since its numbers would be those of another model.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from urial.core.errors import UrialError, shorten
from urial.local_models.loading.gguf_header import GgufHeader, read_header

SERVE = "serve the file with llama.cpp (`llama-server --model FILE`), and name it as {server: URL, model: NAME}"
INSTALL = "pip install 'urial[gguf]'"
# How GGUF spells architectures that transformers spells otherwise.
_SPELLED = {"qwen2moe": "qwen2_moe", "qwen3moe": "qwen3_moe", "gpt-oss": "gpt_oss", "minimax-m2": "minimax_m2"}
# What transformers reads and cannot continue a text with.
_NO_DECODERS = ("t5", "umt5", "t5encoder", "general", "tokenizer")
# How llama.cpp splits text for byte-level tokens: as GPT-2 does, which is what transformers does unless it knows better.
_AS_GPT2 = ("gpt-2", "phi-2", "olmo", "mpt", "jais", "trillion", "gigachat", "a.x-4.0", "mellum", "granite-docling")
# The same with each digit alone.
DIGITS_ALONE = ("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2")
# Parts of a model that transformers' reader of this architecture does not look at.
_UNREAD = ("attention.scale", "attention.clamp_kqv", "attention.max_alibi_bias", "logit_scale", "embedding_scale",
           "residual_scale")  # fmt: skip
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")


def require_gguf() -> None:
    """Raises UrialError unless the package that transformers reads GGUF files with is here."""
    if find_spec("gguf") is None:
        raise UrialError("a model in a GGUF file needs the package gguf", fix=INSTALL)


def checked_header(path: Path) -> GgufHeader:
    """The header of a file that can be loaded here. Raises UrialError for any other, with another way to use it."""
    require_gguf()
    header = read_header(path)
    problem = next(_problems(header, path), None)
    if problem is not None:
        raise UrialError(problem, path=path, fix=SERVE)
    return header


def require_one_file(name: str) -> None:
    """Raises UrialError for the name of a part of a model, as far as a name can tell."""
    if _PART.search(name):
        raise UrialError(
            f"{name} is a part of a model", fix=f"join the parts with `llama-gguf-split --merge`, or {SERVE}"
        )


def _problems(header: GgufHeader, path: Path) -> Iterator[str]:
    kind, architecture = header.metadata.get("general.type", "model"), header.architecture
    if kind != "model" or architecture == "clip":
        yield f"this is no whole model, but of the type {shorten(kind if kind != 'model' else architecture)}"
    if (header.metadata.get("split.count") or 1) > 1:
        yield f"this is one of the {header.metadata['split.count']} files of a model; `llama-gguf-split --merge` joins them"
    if not header.tensors:
        yield "it has no weights, only a vocabulary"
    if not _is_known(architecture):
        yield f"transformers cannot load the architecture {shorten(architecture)} from a GGUF file"
    yield from _unreadable_tensors(header, path)
    yield from _unread_settings(header)
    yield from _unreadable_tokenizer(header)


def _is_known(architecture: str) -> bool:
    from transformers.integrations.ggml import GGUF_CONFIG_MAPPING
    from transformers.integrations.gguf import GGUF_CONFIG_ARCHS

    known = {*GGUF_CONFIG_MAPPING, *GGUF_CONFIG_ARCHS} - set(_NO_DECODERS)
    return _SPELLED.get(architecture, architecture) in known


def _unreadable_tensors(header: GgufHeader, path: Path) -> Iterator[str]:
    """Weights in a form that cannot be unpacked, and weights that lie beyond the end of the file."""
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

    sizes = {}
    for kind in {kind for kind, _, _ in header.tensors.values()}:
        try:
            form = GGMLQuantizationType(kind)
            sizes[kind] = GGML_QUANT_SIZES[form]
            dequantize(np.zeros((1, sizes[kind][1]), np.uint8), form)
        except (ValueError, NotImplementedError):
            known = {form.value: form.name for form in GGMLQuantizationType}
            yield f"its weights are packed as {known.get(kind, f'ggml type {kind}')}, which cannot be unpacked here"
            return
    length = path.stat().st_size
    for name, (kind, count, begin) in header.tensors.items():
        block, block_bytes = sizes[kind]
        end = begin + count // block * block_bytes
        if end > length:
            yield f"it ends after {length:,} bytes, but {shorten(name)} needs {end:,}: get the file anew"
            return


def _unread_settings(header: GgufHeader) -> Iterator[str]:
    """What changes every logit, and what transformers' reader does not know."""
    scaling, factor = header.own("rope.scaling.type"), header.own("rope.scaling.factor")
    read = header.architecture in ("gpt-oss", "gpt_oss")
    if not read and (scaling not in (None, "none") or factor not in (None, 0, 1)):
        yield f"it stretches positions ({scaling or 'by a factor'}), which transformers does not read from a GGUF file"
    for key in _UNREAD:
        if header.own(key) not in (None, 0, 1):
            yield f"it sets {key}, which transformers does not read from a GGUF file"
    window, context = header.own("attention.sliding_window"), header.own("context_length")
    windows_read = header.architecture.startswith("gemma") or read
    if window and context and not windows_read and window < context:
        yield f"it has a window of {window} tokens, which transformers does not read for {header.architecture}"


def _unreadable_tokenizer(header: GgufHeader) -> Iterator[str]:
    from transformers.integrations.gguf.gguf_tokenizer_mapping import GGUF_PRE_TOKENIZER_SPLITS, GGUF_TOKENIZER_TYPES

    model, split = header.token("model"), header.token("pre")
    if not isinstance(header.token("tokens"), list):
        yield "it has no tokenizer"
    elif model not in GGUF_TOKENIZER_TYPES:
        yield f"transformers cannot build a tokenizer of the kind {shorten(model)}"
    elif model == "gpt2" and split not in (*GGUF_PRE_TOKENIZER_SPLITS, *_AS_GPT2, *DIGITS_ALONE):
        said = "does not say how" if split in (None, "default") else f"says by the name {shorten(split)} how"
        yield f"it {said} text is split before it becomes tokens, which transformers would do in GPT-2's way in silence"
