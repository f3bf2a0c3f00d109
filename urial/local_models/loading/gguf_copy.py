"""A GGUF file unpacked once, into a model folder of transformers' form in the user's cache.

transformers reads a GGUF file anew for each of configuration, tokenizer and weights: minutes for a large vocabulary, and
more than twice the memory of the weights. A folder is there in seconds. The file stays what the model is: the copy goes by
its hash, may be deleted at any time, and is made again for another version of the libraries.
"""

import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from urial.core.errors import UrialError, reason_of
from urial.core.hashing import content_hash
from urial.core.progress import notice, waiting
from urial.core.row_cache import rows_path
from urial.core.store import remove_abandoned
from urial.local_models.loading.gguf_checks import DIGITS_ALONE, SERVE, checked_header, require_gguf
from urial.local_models.loading.gguf_header import GgufHeader
from urial.records.base import Hash

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Raised when the same file would give another copy than before.
ALGORITHM = 1
_NUMBER_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_MAKING = ".making-"
# Byte-level vocabularies whose whole words are tokens whatever the merges say, and whose text begins with BOS unless the file
# says otherwise (llama.cpp, src/llama-vocab.cpp).
_WHOLE_WORDS = ("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "tekken")
# What ends a turn where the chat template writes it; files name the end of a text alone.
_ENDS_OF_TURN = ("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<turn|>", "<|return|>", "<|call|>")
_CONTROL = 3
# Llama 3.1 to 3.3: what the converter made the tensor of.
_CONTEXT = 8192
_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": _CONTEXT,
}


def unpacked(path: Path, file_hash: Hash, dtype: str) -> Path:
    """The folder of a file that has this hash, with weights in ``dtype``; made where it is not there yet.

    Raises UrialError for a file that transformers cannot load, or not as what it is.
    """
    folder = copy_of(file_hash, dtype)
    if not folder.is_dir():
        header = checked_header(path)
        _make(path, header, "float32" if dtype == "auto" else dtype, folder)
        for former in folder.parent.glob(f"{folder.name.rpartition('-')[0]}-*"):
            if former != folder:
                shutil.rmtree(former, ignore_errors=True)
    return folder


def copy_of(file_hash: Hash, dtype: str) -> Path:
    """Where a file of this hash is unpacked, or will be. Raises UrialError where what unpacks it is not installed."""
    require_gguf()
    made_by = content_hash([ALGORITHM, version("transformers"), version("gguf")]).partition(":")[2][:12]
    of_file = f"{file_hash.partition(':')[2]}-{'float32' if dtype == 'auto' else dtype}"
    return rows_path().parent / "gguf" / f"{of_file}-{made_by}"


def _make(path: Path, header: GgufHeader, dtype: str, folder: Path) -> None:
    """Fill ``folder``, which is whole from the moment on that it is there."""
    size = _NUMBER_BYTES[dtype] * sum(count for _, count, _ in header.tensors.values())
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder.parent, _MAKING)
    if size > shutil.disk_usage(folder.parent).free:
        raise UrialError(
            f"unpacking it into {folder.parent} needs {size / 1e9:,.1f} GB",
            path=path,
            fix=f"make room there, move the cache by URIAL_CACHE_DIR, set loading.dtype to bfloat16, or {SERVE}",
        )
    notice(f"unpacking {path} once: {size / 1e9:,.1f} GB in {folder.parent}")
    with waiting(f"unpacking {path}"), tempfile.TemporaryDirectory(dir=folder.parent, prefix=_MAKING) as name:
        # An empty folder: what lies beside the file, or in the working folder, must not become part of the model.
        empty, made = Path(name) / "empty", Path(name) / "made"
        empty.mkdir()
        try:
            tokenizer = _tokenizer(empty, path, header)
            model = _model(empty, path, header, dtype)
            model.save_pretrained(made)
            tokenizer.save_pretrained(made)
        except UrialError:
            raise
        except Exception as error:  # Each thing that transformers cannot read fails with an error of its own.
            raise UrialError(f"transformers cannot load it: {reason_of(error)}", path=path, fix=SERVE) from error
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # Else another process was first.
                raise


def _tokenizer(empty: Path, path: Path, header: GgufHeader) -> "PreTrainedTokenizerBase":
    """The tokenizer, with what transformers does not read of byte-level ones."""
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(empty, gguf_file=str(path.resolve()))
    split = header.token("pre") if header.token("model") == "gpt2" else None
    if split in DIGITS_ALONE:
        digits, rest = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, rest])
    if split in _WHOLE_WORDS:
        tokenizer.backend_tokenizer.model.ignore_merges = True
        if header.token("add_bos_token") is None:
            tokenizer.add_bos_token = True
    return tokenizer


def _model(empty: Path, path: Path, header: GgufHeader, dtype: str) -> "PreTrainedModel":
    """The model with plain weights, and the end tokens and positions of the file."""
    from transformers import AutoModelForCausalLM, GgufConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    # Unpacked whatever kernels are installed, so that the numbers are the same everywhere.
    unpack = GgufConfig(dequantize=True)
    model, report = AutoModelForCausalLM.from_pretrained(
        empty, gguf_file=str(path.resolve()), dtype=dtype, device_map="cpu", quantization_config=unpack,
        output_loading_info=True,
    )  # fmt: skip
    _require_all_weights(path, header, model, report)
    if "rope_freqs.weight" in header.tensors:
        model.config.rope_parameters = _llama3_rope(path, header, model.config.rope_parameters)
    model.generation_config.eos_token_id = end_tokens(header)
    # From here on a model like any other; transformers saves none that came from a GGUF file.
    model.hf_quantizer = None
    return model


def _require_all_weights(path: Path, header: GgufHeader, model: "PreTrainedModel", report: dict[str, Any]) -> None:
    """Raises UrialError for weights that the file lacks, which would be random numbers, or that no layer takes."""
    lacking = sorted(map(str, {*report["missing_keys"], *report["mismatched_keys"]}))
    if lacking:
        raise UrialError(f"it has no weights for {lacking[0]} and {len(lacking) - 1} more", path=path, fix=SERVE)
    in_file = sum(count for name, (_, count, _) in header.tensors.items() if name != "rope_freqs.weight")
    taken = sum(weights.numel() for weights in model.parameters())
    more_blocks = header.own("nextn_predict_layers") or 0  # They guess further tokens, and change none.
    if in_file > taken and not more_blocks:
        what = f"{in_file - taken:,} of its {in_file:,} numbers belong to no layer that transformers knows"
        raise UrialError(what, path=path, fix=SERVE)


def _llama3_rope(path: Path, header: GgufHeader, rope: dict[str, Any]) -> dict[str, Any]:
    """The rotation that the file's factors are of. transformers leaves them out in silence.

    Raises UrialError where they are not those of Llama 3.
    """
    import numpy as np

    _, count, begin = header.tensors["rope_freqs.weight"]
    factors = np.fromfile(path, "<f4", count, offset=begin).astype(np.float64)
    # Turns within the original context that each frequency makes; below one it is slowed, from four on it is not.
    turns = _CONTEXT / (2 * np.pi) * rope["rope_theta"] ** -(np.arange(count) / count)
    smooth = np.clip((turns - 1) / 3, 0, 1)
    if not np.allclose(1 / ((1 - smooth) / factors.max() + smooth), factors, rtol=1e-3):
        raise UrialError("it stretches positions in an unknown way (rope_freqs)", path=path, fix=SERVE)
    return {**rope, **_LLAMA3_ROPE, "factor": float(factors.max())}


def end_tokens(header: GgufHeader) -> list[int]:
    """The ids that end an answer: those that the file names, and what its chat template writes at the end of a turn.

    gpt-oss ends no answer with <|end|>, which stands between its thoughts and what it says.
    """
    tokens, kinds = header.token("tokens"), header.token("token_type") or []
    template = str(header.metadata.get("tokenizer.chat_template", ""))
    ends = [end for end in _ENDS_OF_TURN if end in template and (end != "<|end|>" or "<|return|>" not in template)]
    named = {header.token(f"{name}_token_id") for name in ("eos", "eot", "eom")}
    known = {token for token in named if isinstance(token, int) and 0 <= token < len(tokens)}
    written = {
        n for n, (text, kind) in enumerate(zip(tokens, kinds, strict=False)) if kind == _CONTROL and text in ends
    }
    return sorted(known | written)
