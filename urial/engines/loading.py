"""Loads the model or the tokenizer that a folder under data/models stands for."""

from pathlib import Path
from typing import Any

from urial.errors import UrialError
from urial.records import ModelManifest
from urial.store import read_json

MANIFEST = "manifest.json"


def read_manifest(folder: Path) -> ModelManifest:
    """The manifest of a model folder."""
    return read_json(folder / MANIFEST, ModelManifest)


def location(folder: Path) -> tuple[str, dict[str, Any]]:
    """What transformers' ``from_pretrained`` is given: an id or path, and its revision options."""
    manifest = read_manifest(folder)
    if manifest.embedded:
        return str(folder), {}
    options: dict[str, Any] = {"trust_remote_code": manifest.loading.trust_remote_code}
    if Path(manifest.id).is_dir():
        checkpoint = f"{manifest.id}/{manifest.revision}" if manifest.revision else manifest.id
        return checkpoint, options
    return manifest.id, {**options, "revision": manifest.revision}


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer. Raises UrialError when transformers cannot load it."""
    from transformers import AutoTokenizer

    name, options = location(folder)
    try:
        return AutoTokenizer.from_pretrained(name, **options)
    except Exception as error:
        raise _cannot_load("tokenizer", name, error) from error


def load_model(folder: Path, threads: int) -> Any:
    """The model, ready for inference. Raises UrialError when transformers cannot load it."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(threads)
    name, options = location(folder)
    loading = read_manifest(folder).loading
    if loading.quantisation:
        options["quantization_config"] = _bitsandbytes(loading.quantisation)
    # `auto` needs accelerate's placement only where there is more than the CPU to choose from.
    device_map = loading.device_map if loading.device_map != "auto" or torch.cuda.is_available() else "cpu"
    try:
        model = AutoModelForCausalLM.from_pretrained(
            name, dtype=loading.dtype, device_map=device_map, use_safetensors=True, **options
        )
    except Exception as error:
        raise _cannot_load("model", name, error) from error
    return model.eval()


def context_length(folder: Path) -> int | None:
    """The longest sequence the model was made for, in tokens; None when its configuration names none."""
    from transformers import AutoConfig

    name, options = location(folder)
    try:
        config = AutoConfig.from_pretrained(name, **options)
    except Exception as error:
        raise _cannot_load("configuration", name, error) from error
    for field in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        value = getattr(config.get_text_config(), field, None)
        if isinstance(value, int):
            return value
    return None


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Token ids that end an answer: the generation configuration's and the tokenizer's."""
    configured = model.generation_config.eos_token_id
    ids = set(configured if isinstance(configured, list) else [configured]) | {tokenizer.eos_token_id}
    return frozenset(item for item in ids if item is not None)


def encode(tokenizer: Any, text: str, adds_special_tokens: bool) -> list[int]:
    """Token ids of a prompt. Raises UrialError when it would begin with two BOS tokens."""
    ids: list[int] = tokenizer(text, add_special_tokens=adds_special_tokens)["input_ids"]
    bos = tokenizer.bos_token_id
    if bos is not None and ids[:2] == [bos, bos]:
        raise UrialError(
            "the prompt begins with two BOS tokens", expected="exactly one", fix="correct the tokenizer's template"
        )
    return ids


def _bitsandbytes(quantisation: str) -> Any:
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise UrialError("quantisation needs bitsandbytes", fix="pip install bitsandbytes")
    return BitsAndBytesConfig(
        load_in_8bit=quantisation == "bitsandbytes-8bit", load_in_4bit=quantisation == "bitsandbytes-4bit"
    )


def _cannot_load(what: str, name: str, error: Exception) -> UrialError:
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return UrialError(
        f"{what} {name} cannot be loaded: {first_line[:300]}",
        fix="check the name, the network and the access rights (a gated model needs HF_TOKEN in the environment)",
    )
