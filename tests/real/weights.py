"""Two real models in the forms that servers read: a transformers folder in float32, and GGUF in float32 of the same numbers.

Both are made of the quantized GGUF files once, below the user's cache. So that no two readers of quantized numbers are
compared, which differ: llama.cpp computes with quantized activations, too.
"""

import os
from pathlib import Path
from typing import Any

from tests.real.environments import NotInstalledError, kept
from urial.core.hashing import file_hash
from urial.core.store import write_json
from urial.local_models.loading.loading import file_hashes
from urial.records.base import Role
from urial.records.model import MANIFEST, FolderWeights, Loading, ModelManifest

# Raised when the conversion gives other files.
VERSION = 1


def gguf_file(name: str) -> Path:
    """The GGUF file of a model. Raises NotInstalledError."""
    found = [
        path
        for path in sorted(Path(os.environ.get("URIAL_REAL_GGUF", "/tmp/real")).glob("*.gguf"))
        if name in path.name.lower()
    ]
    if not found:
        raise NotInstalledError(f"no GGUF file of {name}")
    return found[0]


def transformers_folder(name: str) -> Path:
    """The model as a transformers folder in float32."""
    source = gguf_file(name)
    return kept(f"{name}-folder", f"{VERSION} {file_hash(source)}", lambda folder: write_folder(source, folder))


def float32_gguf(name: str) -> Path:
    """The same weights as a GGUF file."""
    source = gguf_file(name)
    folder = kept(
        f"{name}-gguf", f"{VERSION} {file_hash(source)}", lambda made: write_gguf(source, made / "model.gguf")
    )
    return folder / "model.gguf"


def write_folder(source: Path, folder: Path) -> None:
    """transformers dequantizes the file, but refuses to save what it made: another model takes the weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    read: dict[str, Any] = {"pretrained_model_name_or_path": str(source.parent), "gguf_file": source.name}
    quantized = AutoModelForCausalLM.from_pretrained(**read, dtype=torch.float32)
    model = AutoModelForCausalLM.from_config(quantized.config, dtype=torch.float32)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.load_state_dict(quantized.state_dict())
    model.generation_config = quantized.generation_config
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**read).save_pretrained(folder)


def write_gguf(source: Path, target: Path) -> None:
    """The file with every tensor in float32, and all else as it is."""
    from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, GGUFWriter, LlamaFileType, dequantize

    reader = GGUFReader(source)
    architecture = str(reader.fields["general.architecture"].contents())
    writer = GGUFWriter(target, architecture)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        kind = field.types[0]
        inner = field.types[-1] if kind == GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, inner)
    writer.add_file_type(LlamaFileType.ALL_F32)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, dequantize(tensor.data, tensor.tensor_type), raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def manifest_folder(folder: Path, role: Role, out: Path) -> Path:
    """A folder under data/models, as the stage models leaves it, that stands for a folder of weights."""
    source = FolderWeights(folder=str(folder), files=file_hashes(folder), loading=Loading())
    write_json(out / role / MANIFEST, ModelManifest(role=role, source=source))
    return out / role
