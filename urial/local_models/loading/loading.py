"""Loads the model or the tokenizer that a folder under data/models stands for."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urial.core.errors import UrialError, shorten
from urial.core.hashing import file_hash
from urial.core.progress import waiting
from urial.local_models.loading.chat_templates import THINKING_VARIABLES, dated, thinking_variable
from urial.local_models.loading.gguf_copy import unpacked
from urial.records.base import DAY, Hash, Role
from urial.records.environment import observe_torch
from urial.records.model import (
    GGUF,
    MANIFEST,
    EmbeddedModel,
    FolderModel,
    FolderWeights,
    GgufModel,
    GgufWeights,
    HubModel,
    HubWeights,
    ServerModel,
    TunedModel,
    Weights,
    read_manifest,
)

if TYPE_CHECKING:
    from transformers import BitsAndBytesConfig, PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


def no_room(prompt_tokens: int, max_new_tokens: int, context: int | None) -> str | None:
    """Why a prompt leaves no room for an answer of ``max_new_tokens``; None when it does."""
    if context is None or prompt_tokens + max_new_tokens <= context:
        return None
    return (
        f"the prompt has {prompt_tokens:,} tokens and the answer may have {max_new_tokens:,}, "
        f"but the model's context has {context:,}"
    )


# What transformers reads; weights as safetensors alone, since other formats can execute code when loaded.
FILE_PATTERNS = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "*.tiktoken", "*.py")


def location(folder: Path) -> tuple[str, dict[str, Any]]:
    """What transformers' ``from_pretrained`` is given: an id or path, and its revision options.

    Of a GGUF file the folder that it is unpacked into. Raises UrialError for a model that is on a server, and for a GGUF
    file that cannot be unpacked.
    """
    weights = _weights(folder)
    options: dict[str, Any] = {"trust_remote_code": weights.loading.trust_remote_code}
    match weights:
        case EmbeddedModel() | TunedModel():
            return str(folder), options
        case FolderModel():
            return str(weights.path), options
        case GgufModel():
            return _unpacked(weights.path, weights), {"trust_remote_code": False}
        case HubModel() if weights.gguf_file:
            return _unpacked(gguf_of_hub(weights), weights), {"trust_remote_code": False}
        case HubModel():
            return weights.hub, {**options, "revision": weights.revision}


def file_hashes(folder: Path) -> dict[str, Hash]:
    """Hash of each file that transformers reads, in the folder itself: checkpoints below are models of their own."""
    files = {path for pattern in FILE_PATTERNS for path in folder.glob(pattern)}
    with waiting(f"hashing the files in {folder}"):
        return {path.name: file_hash(path) for path in sorted(files) if path.name != MANIFEST}


def gguf_of_hub(model: HubModel) -> Path:
    """The GGUF file of a hub model in the hub cache, fetched where it is not there. Raises UrialError."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(model.hub, str(model.gguf_file), revision=model.revision))
    except Exception as error:  # network, access and name errors share no base class
        raise _cannot_load("file", model.label, error) from error


def require_unchanged(weights: FolderWeights | GgufWeights, role: Role) -> None:
    """Raises UrialError unless the files of a model outside the pipeline are the planned ones.

    They can change; rows must not go by the old hashes.
    """
    if isinstance(weights, FolderWeights):
        what, found = f"the files in {weights.path}", file_hashes(weights.path)
    else:
        what, found = str(weights.path), gguf_hashes(weights.path)
    if found != weights.files:
        raise UrialError(
            f"{role} model: {what} changed since {'they were' if isinstance(weights, FolderWeights) else 'it was'} planned",
            fix="run `dvc repro --force plan`, then `dvc repro`",
        )


def gguf_hashes(path: Path) -> dict[str, Hash]:
    """What stands for the files of a model in a GGUF file: the hash of the file. Raises UrialError where it is none."""
    try:
        with waiting(f"hashing {path}"):
            return {GGUF: file_hash(path)}
    except OSError as error:
        raise UrialError(
            f"cannot be read: {error.strerror}", path=path, fix="check the path and its permissions"
        ) from error


def load_tokenizer(folder: Path, day: date = DAY) -> "PreTrainedTokenizerBase":
    """The tokenizer; ``day`` is today's date to its chat template. Raises UrialError when transformers cannot load it."""
    name, options = location(folder)
    return named_tokenizer(name, day, **options)


def named_tokenizer(name: str, day: date = DAY, **options: Any) -> "PreTrainedTokenizerBase":
    """The tokenizer of a hub id or a folder. Raises UrialError when transformers cannot load it."""
    try:
        with waiting(f"loading the tokenizer of {name}"):
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(name, **{"trust_remote_code": False, **options})
    except Exception as error:
        raise _cannot_load("tokenizer", name, error) from error
    # Several templates have names.
    if isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = dated(tokenizer.chat_template, day)
    elif isinstance(tokenizer.chat_template, dict):
        tokenizer.chat_template = {key: dated(text, day) for key, text in tokenizer.chat_template.items()}
    return tokenizer


def load_model(folder: Path, threads: int | None) -> "PreTrainedModel":
    """The model, ready for inference; ``threads`` None: as many as torch takes.

    Raises UrialError when transformers cannot load it.
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    if threads is not None:
        torch.set_num_threads(threads)
    name, options = location(folder)
    weights = _weights(folder)
    loading = weights.loading
    if isinstance(weights, FolderWeights | GgufWeights):
        require_unchanged(weights, read_manifest(folder).role)
    if loading.quantization:
        options["quantization_config"] = _bitsandbytes(loading.quantization)
    # `auto` needs accelerate's placement only where there is more than the CPU to choose from.
    device_map = loading.device_map if loading.device_map != "auto" or torch.cuda.is_available() else "cpu"
    try:
        model = AutoModelForCausalLM.from_pretrained(
            name, dtype=loading.dtype, device_map=device_map, use_safetensors=True, **options
        )
    except Exception as error:
        raise _cannot_load("model", name, error) from error
    observe_torch()
    return model.eval()


def text_config(folder: Path) -> "PretrainedConfig":
    """The configuration of the language model in a folder. Raises UrialError when transformers cannot load it."""
    name, options = location(folder)
    return named_config(name, **options)


def named_config(name: str, **options: Any) -> "PretrainedConfig":
    """text_config of a hub id or a folder of transformers' form."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(name, **{"trust_remote_code": False, **options}).get_text_config()
    except Exception as error:
        raise _cannot_load("configuration", name, error) from error


def context_length(folder: Path) -> int | None:
    """The longest sequence the model was made for, in tokens; None when its configuration names none."""
    return context_of(text_config(folder))


def context_of(config: "PretrainedConfig") -> int | None:
    """context_length by the configuration of the language model."""
    for field in ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"):
        value = getattr(config, field, None)
        if isinstance(value, int):
            return value
    return None


def end_tokens(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """Token ids that end an answer: the generation configuration's and the tokenizer's."""
    return _ids(model.generation_config.eos_token_id) | _ids(tokenizer.eos_token_id)


def end_tokens_of(folder: Path, tokenizer: "PreTrainedTokenizerBase") -> frozenset[int]:
    """The same of a model that is not loaded."""
    from transformers import GenerationConfig

    name, options = location(folder)
    try:
        configured = GenerationConfig.from_pretrained(name, **options).eos_token_id
    except OSError:  # The model has none: transformers makes one of the model's configuration.
        configured = getattr(text_config(folder), "eos_token_id", None)
    return _ids(configured) | _ids(tokenizer.eos_token_id)


def _ids(configured: int | list[int] | None) -> frozenset[int]:
    return frozenset(configured if isinstance(configured, list) else [] if configured is None else [configured])


def encode(tokenizer: "PreTrainedTokenizerBase", text: str, adds_special_tokens: bool) -> list[int]:
    """Token ids of a prompt. Raises UrialError when it would begin with two BOS tokens.

    Only a chat template writes special tokens as text. A text without one has none: what spells such a token in it is
    read as ordinary characters.
    """
    # Not verbose: what does not fit is measured and reported by the caller, with the names of system and instruction.
    ids: list[int] = tokenizer(
        text, add_special_tokens=adds_special_tokens, split_special_tokens=adds_special_tokens, verbose=False
    )["input_ids"]
    bos = tokenizer.bos_token_id
    if bos is not None and ids[:2] == [bos, bos]:
        raise UrialError(
            "the prompt begins with two BOS tokens", expected="exactly one", fix="correct the tokenizer's template"
        )
    return ids


def chat_text(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Mapping[str, str]], thinks: bool | None = None
) -> str:
    """The messages as the tokenizer's chat template lays them out, up to where the next answer begins.

    ``thinks``: what the template is told about thinking; None: nothing. Raises UrialError where it cannot be told.

    Raises UrialError when the template fails.
    """
    told: dict[str, bool] = {}
    if thinks is not None:
        template = tokenizer.chat_template
        name = thinking_variable(template if isinstance(template, str) else (template or {}).get("default", ""))
        if name is None:
            raise UrialError(
                f"the tokenizer's chat template reads none of {', '.join(THINKING_VARIABLES)}",
                expected="one that can be told whether to think",
                fix="remove studies.NAME.thinking.enabled",
            )
        told[name] = thinks
    try:
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **told))
    except Exception as error:  # a template is a program of the model's author and can fail in any way
        raise UrialError(
            f"the tokenizer's chat template failed: {shorten(str(error), 200)}",
            fix="use an aligned model whose tokenizer has a working chat template",
        ) from error


def spelled_special_token(tokenizer: "PreTrainedTokenizerBase", texts: Iterable[str]) -> str | None:
    """A special token that a text spells, and that a chat template would therefore let it be, if there is one."""
    added = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    names = sorted(added | set(tokenizer.all_special_tokens))
    return next((name for text in texts for name in names if name in text), None)


def _unpacked(path: Path, weights: GgufWeights | HubWeights) -> str:
    return str(unpacked(path, weights.files[GGUF], weights.loading.dtype))


def _weights(folder: Path) -> Weights:
    manifest = read_manifest(folder)
    model = manifest.model
    if isinstance(model, ServerModel):
        raise UrialError(
            f"the {manifest.role} model {model.label} cannot be loaded here",
            fix="give the model's own files or hub id, or, to chat, `urial chat --server URL --base NAME`",
        )
    return model


def _bitsandbytes(quantization: str) -> "BitsAndBytesConfig":
    from importlib.util import find_spec

    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise UrialError("quantization needs bitsandbytes", fix="pip install bitsandbytes")
    return BitsAndBytesConfig(
        load_in_8bit=quantization == "bitsandbytes-8bit", load_in_4bit=quantization == "bitsandbytes-4bit"
    )


def _cannot_load(what: str, name: str, error: Exception) -> UrialError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return UrialError(
        f"{what} {name} cannot be loaded: {reason[:300]}",
        fix="get the folder's files anew, all of them; code that comes with a model is never run"
        if Path(name).is_dir()
        else "check the name, the network and the access rights (a gated model needs HF_TOKEN in the environment)",
    )
